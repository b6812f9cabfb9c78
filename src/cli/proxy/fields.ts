import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { Request } from '../server/secure-server.ts';
import type { Fields } from './apps.ts';

/** Fields that are for one connection, not for the one behind it (RFC 9110, Section 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Each of the two connections has its own.
  'expect',
]);

/** Fields that only the proxy may set, in front of every other one: a client could lie by them. */
const ours = /^(?:x-forwarded-(?:proto|host|port)|x-client-cert-.*|x-tls-(?:version|resumption)|early-data)$/;

/** Fields that apps believe where a proxy of any kind stands before them: a client could lie by them too. */
const believed = /^(?:forwarded|x-forwarded-.*|x-real-ip|client-cert(?:-chain)?|(?:x-)?ssl-.*)$/;

/** What a request is told about besides its own fields. */
export interface Facts {
  /** The client's address. */
  readonly address: string;
  readonly port: number;
  /** For requests that name no host. */
  readonly authority: string;
  /** Another proxy stands before this one, and its fields are kept. */
  readonly trusted: boolean;
  readonly early: boolean;
  /** More that the proxy says, e.g. of the client's certificate. */
  readonly more: Fields;
}

/** The fields of a request as they go to the app. */
export function requestFields(request: Request, facts: Facts): Fields {
  const { headers } = request;
  const { address, authority, trusted, more } = facts;
  const fields: Fields = {};
  const named = namedBy(headers);
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(':') || hopByHop.has(name) || named.has(name)) continue;
    // CGI and its like know no difference between the two.
    const plain = name.replaceAll('_', '-');
    if (plain !== name && (hopByHop.has(plain) || plain === 'content-length')) continue;
    if (ours.test(plain) || (!trusted && believed.test(plain))) continue;
    // HTTP/2 splits cookies into several fields (RFC 9113, Section 8.2.3).
    fields[name] = name === 'cookie' && Array.isArray(value) ? value.join('; ') : value;
  }
  // Its end shows by its length, or else by chunks: the methods that seldom have a body are no exception.
  if (hasBody(request) && fields['content-length'] === undefined) fields['transfer-encoding'] = 'chunked';
  const host = hostOf(request) || authority;
  fields['host'] = host;
  fields['x-forwarded-for'] = listed(fields['x-forwarded-for'], address);
  fields['x-forwarded-proto'] = 'https';
  fields['x-forwarded-host'] = host;
  fields['x-forwarded-port'] = String(facts.port);
  fields['forwarded'] = listed(fields['forwarded'], forwardedOf(address, host));
  // "An HTTP-to-HTTP gateway MUST send an appropriate Via" (RFC 9110, Section 7.6.3).
  fields['via'] = listed(fields['via'], `${request.httpVersion} handfast`);
  // What another proxy marked stays marked (RFC 8470, Section 5.1).
  if (facts.early || (trusted && headers['early-data'] === '1')) fields['early-data'] = '1';
  return Object.assign(fields, more);
}

function listed(before: string | string[] | undefined, last: string): string {
  return before === undefined ? last : `${[before].flat().join(', ')}, ${last}`;
}

/** RFC 7239, Section 4: addresses of IPv6 and hosts with a port are quoted. */
function forwardedOf(address: string, host: string): string {
  const node = isIPv6(address) ? `"[${address}]"` : address === 'unknown' ? 'unknown' : address;
  return `for=${node};host="${host}";proto=https`;
}

/** The fields that Connection names for this connection alone. */
function namedBy({ connection }: IncomingHttpHeaders): ReadonlySet<string> {
  return connection === undefined ? nothing : new Set(connection.toLowerCase().split(/\s*,\s*/));
}

const nothing: ReadonlySet<string> = new Set();

/** Whether a body follows the head (RFC 9112, Section 6.3; RFC 9113, Section 8.1), whatever the method. */
export function hasBody(request: Request): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && Number(length) !== 0);
}

/** The path of the target, and the authority of one that is a whole URL (RFC 9112, Section 3.2.2). */
export function targetOf(request: Request): { path: string; authority: string | undefined } {
  const url = request.url ?? '/';
  if (url.startsWith('/')) return { path: url, authority: undefined };
  const match = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url);
  if (match === null) return { path: url, authority: undefined };
  const [, authority, path = ''] = match;
  return { path: path.startsWith('/') ? path : `/${path}`, authority };
}

/** "… the proxy MUST ignore the received Host header field (if any)" where the target names the host (RFC 9112, Section 3.2.2). */
export function hostOf(request: Request): string {
  const { ':authority': pseudo, host } = request.headers;
  return targetOf(request).authority ?? (typeof pseudo === 'string' ? pseudo : undefined) ?? host ?? '';
}

/** The fields of an answer, or of its trailers, without those that are for the connection to the app. */
export function answerFields(headers: IncomingHttpHeaders, status: number): Fields {
  const named = namedBy(headers);
  const fields: Fields = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !name.startsWith(':') && !hopByHop.has(name) && !named.has(name)) fields[name] = value;
  }
  // "A server MUST NOT send a Content-Length" with these (RFC 9110, Section 8.6).
  if (status === 204 || status < 200) delete fields['content-length'];
  return fields;
}

/** A reason phrase that may be written (RFC 9112, Section 4); the parser takes more. */
export const reasonSyntax = /^[\t\x20-\x7e\x80-\xff]+$/;

/** A head of HTTP/1.1. */
export function headText(status: number, reason: string, fields: Fields): string {
  const lines = [`HTTP/1.1 ${status} ${reason}`];
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Fields as they came, names and values by turns: a protocol may care for their case. */
export function rawHeadText({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
