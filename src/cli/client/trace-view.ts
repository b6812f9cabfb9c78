import type { ConnectionInfo, TraceEvent } from '../../index.ts';
import { type Paint, wrap } from '../ui/terminal.ts';
import type { TimedEvent } from './connect.ts';
import { type Explanation, explainer, type Language } from './explain.ts';

const epochWords = {
  none: { en: 'in the clear', ko: '평문' },
  earlyData: { en: 'under early keys', ko: '조기 키로 암호화' },
  handshake: { en: 'under handshake keys', ko: '핸드셰이크 키로 암호화' },
  application: { en: 'under application keys', ko: '애플리케이션 키로 암호화' },
} as const;

export interface TraceViewOptions {
  readonly paint: Paint;
  readonly columns: number;
  readonly language: Language;
  /** Shows every message as bytes too. */
  readonly bytes: boolean;
}

/** The events of a connection, one after the other, as lines for a terminal; `undefined` for one that says nothing. */
export function traceView(options: TraceViewOptions): (event: TimedEvent) => string | undefined {
  const explain = explainer(options.language);
  return ({ at, event }) => traceLines(at, event, explain(event), options);
}

function traceLines(
  at: number,
  event: TraceEvent,
  told: Explanation | undefined,
  { paint, columns, language, ...options }: TraceViewOptions,
): string | undefined {
  if (told === undefined) return undefined;
  const time = paint('dim', `${at.toFixed(1).padStart(7)} ms`);
  const indent = ' '.repeat(13);
  const more = told.lines.map((line) => wrap(line, columns, indent));
  if (event.kind === 'message') {
    const sent = event.direction === 'sent';
    const arrow = sent ? paint('cyan', '→') : paint('green', '←');
    const layer = event.type === 'changeCipherSpec' ? 'changeCipherSpec' : 'handshake';
    const facts = paint(
      'dim',
      `${event.raw.length} byte${event.raw.length === 1 ? '' : 's'} · ${layer} · ${epochWords[event.epoch][language]}`,
    );
    const head = `${time} ${arrow} ${paint('bold', told.title)}  ${facts}`;
    const dump = options.bytes ? [hexDump(event.raw, indent, paint)] : [];
    return [head, ...more, ...dump].join('\n');
  }
  const mark = { keyChange: '⚿', alert: '!', decision: '·', connected: '✓', closed: '✗' }[event.kind];
  const style =
    event.kind === 'connected' ? 'green' : event.kind === 'closed' || event.kind === 'alert' ? 'yellow' : 'magenta';
  return [`${time} ${paint(style, mark)} ${paint('dim', told.title)}`, ...more.map((line) => paint('dim', line))].join(
    '\n',
  );
}

/** Bytes as a hex dump. */
export function hexDump(bytes: Uint8Array, indent: string, paint: Paint): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${indent}${paint('dim', at.toString(16).padStart(4, '0'))}  ${hex.padEnd(47)}  ${paint('dim', text)}`);
  }
  return lines.join('\n');
}

/** An event as JSON: bytes in hexadecimal. */
export function traceJson({ at, event }: TimedEvent): string {
  return JSON.stringify({ at: Number(at.toFixed(3)), ...event }, jsonBytes);
}

/** For `JSON.stringify`: bytes in hexadecimal, maps as objects. */
export function jsonBytes(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  // Buffer has a toJSON of its own, which comes first.
  if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value) {
    return Buffer.from(value.data as number[]).toString('hex');
  }
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

const resumptionWords = {
  none: { en: 'full handshake', ko: '전체 핸드셰이크' },
  sessionId: { en: 'resumed by session ID', ko: '세션 ID로 재개' },
  ticket: { en: 'resumed by session ticket', ko: '세션 티켓으로 재개' },
  psk: { en: 'resumed by PSK', ko: 'PSK로 재개' },
  externalPsk: { en: 'external PSK', ko: '외부 PSK' },
} as const;

const earlyDataWords = {
  accepted: { en: 'early data accepted', ko: '조기 데이터 수락' },
  rejected: { en: 'early data rejected', ko: '조기 데이터 거절' },
} as const;

/** How a connection came about, in one line. */
export function summaryLine(info: ConnectionInfo, language: Language): string {
  const version = info.version === 0x0304 ? 'TLS 1.3' : 'TLS 1.2';
  const how = resumptionWords[info.resumption][language];
  const hidden = info.echAccepted ? [language === 'ko' ? '이름 숨김(ECH)' : 'name hidden (ECH)'] : [];
  const early = info.earlyData === 'none' ? [] : [earlyDataWords[info.earlyData][language]];
  return [
    version,
    info.cipherSuiteName,
    ...(info.group === undefined ? [] : [info.group]),
    how,
    ...early,
    ...hidden,
  ].join(' · ');
}

/** How long the handshake took, and its bytes, in one line. */
export function costLine(
  cost: { readonly handshake: number; readonly tcp: number; readonly sent: number; readonly received: number },
  language: Language,
): string {
  const [handshake, tcp] = [cost.handshake.toFixed(1), cost.tcp.toFixed(1)];
  return language === 'ko'
    ? `핸드셰이크 ${handshake} ms, 그 전에 TCP ${tcp} ms · ${cost.sent}바이트 보냄, ${cost.received}바이트 받음`
    : `handshake ${handshake} ms after TCP's ${tcp} ms · ${cost.sent} bytes sent, ${cost.received} received`;
}
