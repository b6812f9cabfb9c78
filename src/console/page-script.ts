/**
 * The script of the console's page, for a browser; `words` is defined before it. It reads metrics in Prometheus' text
 * format and writes them by `textContent` alone.
 */
export const pageScript = String.raw`
const kinds = [['full', 'full'], ['sessionId', 'session ID'], ['ticket', 'ticket'], ['psk', 'PSK'], ['earlyData', '0-RTT']];
const names = Object.fromEntries(kinds);
const seconds = 120;
const history = [];
let last;

const $ = (id) => document.getElementById(id);
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
function read(text) {
  const found = {};
  for (const line of text.split('\n')) {
    const match = /^handfast_(\w+?)(?:\{(.*)\})? (-?[\d.e+]+)$/.exec(line);
    if (match === null) continue;
    const labels = Object.fromEntries([...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
    (found[match[1]] ??= []).push({ labels, value: Number(match[3]) });
  }
  return found;
}
const only = (metrics, name) => metrics[name]?.[0]?.value ?? 0;
const sum = (list) => list.reduce((all, { value }) => all + value, 0);

function table(id, heads, rows, none) {
  const place = $(id);
  if (rows.length === 0) return place.replaceChildren(element('p', none, { class: 'none' }));
  const made = element('table');
  const line = (cells, kind) => {
    const row = element('tr');
    cells.forEach((cell, i) => row.append(element(kind, cell, i === cells.length - 1 ? { class: 'n' } : {})));
    return row;
  };
  made.append(line(heads, 'th'), ...rows.map((row) => line(row, 'td')));
  place.replaceChildren(made);
}
function ago(value) {
  const size = Math.abs(value);
  const text = size < 90 ? size + ' s' : size < 5400 ? Math.round(size / 60) + ' min' : (size / 3600).toFixed(1) + ' h';
  return value < 0 ? 'begins in ' + text : text;
}
function chart() {
  const svg = 'http://www.w3.org/2000/svg';
  const top = Math.max(1, ...history.map((counts) => kinds.reduce((all, [kind]) => all + counts[kind], 0)));
  const parts = [];
  const rect = (x, y, width, height, colour) => {
    const made = document.createElementNS(svg, 'rect');
    for (const [key, value] of Object.entries({ x, y, width, height })) made.setAttribute(key, value);
    made.style.fill = colour;
    parts.push(made);
  };
  rect(0, 150, 960, 1, 'var(--line)');
  history.forEach((counts, i) => {
    let y = 150;
    for (const [kind] of kinds) {
      const height = (140 * counts[kind]) / top;
      y -= height;
      if (height > 0) rect((seconds - history.length + i) * 8, y, 7, height, 'var(--' + kind + ')');
    }
  });
  $('chart').replaceChildren(...parts);
  $('top').textContent = 'highest: ' + top + ' in a second';
}
function show(metrics) {
  const handshakes = Object.fromEntries((metrics.handshakes_total ?? []).map(({ labels, value }) => [labels.kind, value]));
  const all = sum(metrics.handshakes_total ?? []);
  if (last !== undefined) {
    // After a restart of the server the counters begin again.
    history.push(Object.fromEntries(kinds.map(([kind]) => [kind, Math.max(0, (handshakes[kind] ?? 0) - (last[kind] ?? 0))])));
    if (history.length > seconds) history.shift();
  }
  last = handshakes;
  const numbers = [
    ['open connections', only(metrics, 'connections_open')],
    ['handshakes', all],
    ['resumed', all === 0 ? '–' : Math.round((100 * (all - (handshakes.full ?? 0))) / all) + ' %'],
    ['requests', only(metrics, 'requests_total')],
    ['by 0-RTT', only(metrics, 'early_data_accepted_total')],
    ['reloads', only(metrics, 'certificate_reloads_total')],
  ];
  $('numbers').replaceChildren(...numbers.map(([name, value]) => {
    const box = element('div');
    box.append(element('dt', name), element('dd', String(value)));
    return box;
  }));
  $('kinds').replaceChildren(...kinds.map(([kind, name]) => {
    const item = element('li', undefined);
    const mark = element('i');
    mark.style.background = 'var(--' + kind + ')';
    item.append(mark, name + ' ' + (handshakes[kind] ?? 0));
    return item;
  }));
  chart();
  const rows = (list, what) => list.filter(({ value }) => value > 0).sort((a, b) => b.value - a.value)
    .map(({ labels, value }) => [...(what === words.miss ? [names[labels.kind] ?? labels.kind] : []), labels.reason, what[labels.reason] ?? '', String(value)]);
  table('misses', ['kind', 'reason', 'what it means', 'times'], rows(metrics.session_misses_total ?? [], words.miss), 'None.');
  table('early', ['reason', 'what it means', 'times'], rows(metrics.early_data_refused_total ?? [], words.earlyData), 'None.');
  table('failures', ['error', 'times'], (metrics.handshake_failures_total ?? []).map(({ labels, value }) => [labels.code, String(value)]), 'None.');
  table('keys', ['role', 'key', 'age'], (metrics.ticket_key_age_seconds ?? []).map(({ labels, value }) => [labels.role, labels.key, ago(value)]), 'None here.');
}
async function turn() {
  const state = $('state');
  try {
    const response = await fetch('/metrics', { cache: 'no-store' });
    show(read(await response.text()));
    state.textContent = 'live, ' + new Date().toLocaleTimeString();
    state.className = '';
  } catch {
    state.textContent = 'the server does not answer';
    state.className = 'gone';
  }
  setTimeout(turn, 1000);
}
turn();
`;
