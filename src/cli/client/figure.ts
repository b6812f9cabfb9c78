import { writeFile } from 'node:fs/promises';
import type { ConnectionInfo } from '../../index.ts';
import { escapeHtml } from '../server/files.ts';
import { width } from '../ui/terminal.ts';
import type { TimedEvent } from './connect.ts';
import { explainer, type Language } from './explain.ts';
import { summaryLine } from './trace-view.ts';

const colours = { none: '#b4530a', earlyData: '#8b3fc7', handshake: '#1d5fbf', application: '#16803c' } as const;

const words = {
  en: {
    client: 'Client',
    server: 'Server',
    none: 'in the clear',
    earlyData: 'early keys',
    handshake: 'handshake keys',
    application: 'application keys',
    request: 'HTTP request',
  },
  ko: {
    client: '클라이언트',
    server: '서버',
    none: '평문',
    earlyData: '조기 키',
    handshake: '핸드셰이크 키',
    application: '애플리케이션 키',
    request: 'HTTP 요청',
  },
} as const;

/** Draws a traced handshake as a ladder: client left, server right, each message an arrow coloured by its keys. */
export async function ladderFigure(
  file: string,
  events: readonly TimedEvent[],
  info: ConnectionInfo,
  language: Language,
): Promise<void> {
  await writeFile(file, ladderSvg(events, info, language));
}

export function ladderSvg(events: readonly TimedEvent[], info: ConnectionInfo, language: Language): string {
  const w = words[language];
  const [left, right, size] = [120, 640, 1000];
  const parts: string[] = [];
  const seen = new Set<keyof typeof colours>();
  const explain = explainer(language);
  let y = 84;
  for (const { event } of events) {
    if (event.kind === 'closed' || event.kind === 'alert') continue;
    if (event.kind === 'connected') {
      parts.push(
        `<line x1="${left - 40}" x2="${right + 40}" y1="${y}" y2="${y}" stroke="#16803c" stroke-width="1.5"/>`,
      );
      parts.push(text(left - 48, y + 4, '✓', { anchor: 'end', fill: '#16803c' }));
      y += 30;
      continue;
    }
    if (event.kind === 'decision' && event.about === 'earlyData' && event.choice === 'offered') {
      y = arrow(parts, y, true, w.request, 'earlyData', [], left, right);
      seen.add('earlyData');
      continue;
    }
    if (event.kind !== 'message') continue;
    const told = explain(event);
    if (told === undefined) continue;
    seen.add(event.epoch);
    const lines = told.lines.flatMap((line) => breakLine(line, 48));
    y = arrow(
      parts,
      y,
      event.direction === 'sent',
      `${told.title} · ${event.raw.length} B`,
      event.epoch,
      lines,
      left,
      right,
    );
  }
  const legend = [...seen].map((epoch, i) => {
    const x = left + i * 150;
    return `<line x1="${x}" x2="${x + 24}" y1="${y + 22}" y2="${y + 22}" stroke="${colours[epoch]}" stroke-width="3"/>${text(x + 30, y + 26, w[epoch], { fill: '#444', small: true })}`;
  });
  const height = y + 48;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${height}" role="img" aria-label="${escapeHtml(summaryLine(info, language))}" font-family="system-ui, 'Noto Sans KR', sans-serif" font-size="14">
<rect width="${size}" height="${height}" fill="#ffffff"/>
${text(20, 24, summaryLine(info, language), { fill: '#444', small: true })}
${text(left, 56, w.client, { anchor: 'middle', bold: true })}
${text(right, 56, w.server, { anchor: 'middle', bold: true })}
<line x1="${left}" x2="${left}" y1="64" y2="${y}" stroke="#888"/>
<line x1="${right}" x2="${right}" y1="64" y2="${y}" stroke="#888"/>
${parts.join('\n')}
${legend.join('\n')}
</svg>
`;
}

function arrow(
  parts: string[],
  y: number,
  sent: boolean,
  label: string,
  epoch: keyof typeof colours,
  lines: readonly string[],
  left: number,
  right: number,
): number {
  const colour = colours[epoch];
  const [from, to] = sent ? [left, right] : [right, left];
  const back = sent ? -9 : 9;
  parts.push(text((left + right) / 2, y, label, { anchor: 'middle', bold: true, fill: colour }));
  parts.push(`<line x1="${from}" x2="${to}" y1="${y + 8}" y2="${y + 8}" stroke="${colour}" stroke-width="2"/>`);
  parts.push(`<path d="M${to} ${y + 8}l${back} -5v10z" fill="${colour}"/>`);
  lines.forEach((line, i) => {
    parts.push(text(right + 20, y + i * 16, line, { fill: '#444', small: true }));
  });
  return y + Math.max(36, lines.length * 16 + 14);
}

function text(
  x: number,
  y: number,
  content: string,
  style: { anchor?: string; bold?: boolean; fill?: string; small?: boolean },
): string {
  const attributes = [
    style.anchor === undefined ? '' : ` text-anchor="${style.anchor}"`,
    style.bold === true ? ' font-weight="600"' : '',
    style.small === true ? ' font-size="12"' : '',
    ` fill="${style.fill ?? '#222'}"`,
  ];
  return `<text x="${x}" y="${y}"${attributes.join('')}>${escapeHtml(content)}</text>`;
}

function breakLine(line: string, columns: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && width(current) + 1 + width(word) > columns) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
