import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Measured } from './modes.ts';

use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const colours = ['#9db7d5', '#4d7fb8', '#1f4e87', '#0c2b52'];

/** The comparison as three charts in one SVG: time to the first byte, bytes of the handshake, memory of the server. */
export function plotSvg(results: readonly Measured[], title: string): string {
  const [width, height] = [980, 900];
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  const names = results.map(({ mode }) => mode.title);
  const rtts = results[0]?.firstByte.map(({ rtt }) => rtt) ?? [];
  const memory = results.map(({ serverKeeps }) => (serverKeeps === undefined ? null : (serverKeeps * 1e6) / 1e9));
  const text = { color: '#222', fontFamily: 'system-ui, sans-serif' };
  const category = (gridIndex: number) => ({
    type: 'category' as const,
    gridIndex,
    data: names,
    inverse: true,
    axisLabel: { ...text, fontSize: 12 },
    axisTick: { show: false },
  });
  const value = (gridIndex: number) => ({
    type: 'value' as const,
    gridIndex,
    axisLabel: { ...text, fontSize: 11 },
    splitLine: { lineStyle: { color: '#e4e4e4' } },
  });
  const label = (unit: string, digits: number) => ({
    show: true,
    position: 'right' as const,
    fontSize: 10,
    color: '#444',
    formatter: ({ value: shown }: { value?: unknown }) =>
      typeof shown === 'number' ? `${shown === 0 ? '0' : shown.toFixed(digits)}${unit}` : '',
  });
  const subtitle = (top: number, words: string) => ({
    text: words,
    top,
    left: 16,
    textStyle: { ...text, fontSize: 13, fontWeight: 600 as const },
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle: text,
    title: [
      { text: title, left: 16, top: 10, textStyle: { ...text, fontSize: 16 } },
      subtitle(44, 'Time to the first byte of the response, TCP included (ms)'),
      subtitle(456, 'Bytes of the handshake'),
      subtitle(716, 'What the server keeps for a million clients (GB)'),
    ],
    legend: [
      { data: rtts.map(rttName), top: 42, right: 30, itemGap: 24, itemWidth: 14, textStyle: text },
      { data: ['client sends', 'server sends'], top: 454, right: 30, itemGap: 24, itemWidth: 14, textStyle: text },
    ],
    grid: [
      { left: 180, right: 80, top: 76, height: 350 },
      { left: 180, right: 80, top: 486, height: 200 },
      { left: 180, right: 80, top: 744, height: 120 },
    ],
    yAxis: [category(0), category(1), category(2)],
    xAxis: [value(0), value(1), value(2)],
    series: [
      ...rtts.map((rtt, i) => ({
        name: rttName(rtt),
        type: 'bar' as const,
        xAxisIndex: 0,
        yAxisIndex: 0,
        itemStyle: { color: colours[i % colours.length] },
        label: label('', rtt < 10 ? 1 : 0),
        data: results.map(({ firstByte }) => firstByte[i]?.milliseconds ?? null),
      })),
      {
        name: 'client sends',
        type: 'bar',
        stack: 'bytes',
        xAxisIndex: 1,
        yAxisIndex: 1,
        itemStyle: { color: '#c98a2b' },
        data: results.map(({ sent }) => sent),
      },
      {
        name: 'server sends',
        type: 'bar',
        stack: 'bytes',
        xAxisIndex: 1,
        yAxisIndex: 1,
        itemStyle: { color: '#2f7d6b' },
        data: results.map(({ received }) => received),
      },
      {
        name: 'memory',
        type: 'bar',
        xAxisIndex: 2,
        yAxisIndex: 2,
        itemStyle: { color: '#8a4f7d' },
        label: label(' GB', 2),
        data: memory,
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function rttName(rtt: number): string {
  return rtt < 1 ? 'no delay' : `RTT ${Math.round(rtt)} ms`;
}
