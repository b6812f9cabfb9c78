import type { ConnectionInfo } from '../../index.ts';
import { type Paint, wrap } from '../ui/terminal.ts';
import type { TimedEvent } from './connect.ts';
import { explain, type Language } from './explain.ts';

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

/** One event as lines for a terminal, or `undefined` for one that says nothing. */
export function traceLines({ at, event }: TimedEvent, options: TraceViewOptions): string | undefined {
  const { paint, columns, language } = options;
  const told = explain(event, language);
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

/** How a connection came about, in one line. */
export function summaryLine(info: ConnectionInfo): string {
  const version = info.version === 0x0304 ? 'TLS 1.3' : 'TLS 1.2';
  const how = {
    none: 'full handshake',
    sessionId: 'resumed by session ID',
    ticket: 'resumed by session ticket',
    psk: 'resumed by PSK',
    externalPsk: 'external PSK',
  }[info.resumption];
  const early = info.earlyData === 'none' ? [] : [`early data ${info.earlyData}`];
  return [version, info.cipherSuiteName, ...(info.group === undefined ? [] : [info.group]), how, ...early].join(' · ');
}
