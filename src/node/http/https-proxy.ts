/**
 * Requests through a proxy, as the option `proxyEnv` of Node 24's agents asks for it: `HTTPS_PROXY` and `NO_PROXY` name
 * the proxy and the hosts that need none, and CONNECT (RFC 9110, Section 9.3.6) makes the tunnel for TLS.
 */
import { maxHeaderSize } from 'node:http';
import { connect as connectTcp, isIP, isIPv4, type Socket } from 'node:net';
import { nodeError } from '../base/node-errors.ts';
import { lastFlag } from '../context/settings.ts';
import { connect } from '../socket/tls-connect.ts';

/** The variables of an environment that count, `process.env` or a part of it. */
export type ProxyEnv = Readonly<Record<string, string | undefined>>;

/** The proxy of an agent. */
export interface ProxySettings {
  /** Its URL without user and password, for messages. */
  readonly href: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Value of `proxy-authorization`. */
  readonly authorization: string | undefined;
  /** Entries of NO_PROXY, in lower case. */
  readonly exceptions: readonly string[];
}

/** What the agent's requests ask of a tunnel. */
export interface TunnelOptions {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly socketPath?: string | undefined;
  /** Milliseconds without an answer. */
  readonly timeout?: number | undefined;
  readonly maxHeaderSize?: number | undefined;
  /** Whether the proxy is asked to keep the connection. */
  readonly keep: boolean;
}

/** The environment that the global agent goes by: none, unless `--use-env-proxy` or `NODE_USE_ENV_PROXY=1` says so. */
export function globalProxyEnv(): ProxyEnv | undefined {
  const flag = lastFlag('--use-env-proxy', '--no-use-env-proxy');
  const used = flag === undefined ? process.env['NODE_USE_ENV_PROXY'] === '1' : flag === '--use-env-proxy';
  return used ? process.env : undefined;
}

/** The proxy for HTTPS that an environment names. Throws `ERR_PROXY_INVALID_CONFIG` for what is no URL. */
export function readProxy(env: ProxyEnv): ProxySettings | undefined {
  const text = env['https_proxy'] || env['HTTPS_PROXY'];
  if (!text) return undefined;
  const invalid = () => nodeError('ERR_PROXY_INVALID_CONFIG', `Invalid proxy URL: ${text}`);
  if (/[\r\n]/.test(text)) throw invalid();
  // Other kinds of proxies are somebody else's business, as in Node.
  if (!/^https?:\/\//.test(text)) return undefined;
  if (!URL.canParse(text)) throw invalid();
  const url = new URL(text);
  const { hostname, port, protocol, username, password } = url;
  const named = username !== '' || password !== '';
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = '';
  url.password = '';
  const secure = protocol === 'https:';
  return {
    href: named ? url.href : text,
    secure,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    authorization: named ? `Basic ${Buffer.from(user).toString('base64')}` : undefined,
    exceptions: (env['no_proxy'] || env['NO_PROXY'] || '').split(',').map((entry) => entry.trim().toLowerCase()),
  };
}

/** Whether a request goes through the proxy. */
export function needsProxy(proxy: ProxySettings, { host = 'localhost', port, socketPath }: TunnelOptions): boolean {
  if (socketPath) return false;
  const name = host.toLowerCase();
  return !proxy.exceptions.some((entry) => isException(entry, name, port));
}

function isException(entry: string, host: string, port: number | string | undefined): boolean {
  if (entry === '') return false;
  if (entry === '*' || entry === host || entry === `${host}:${port}`) return true;
  if (entry.startsWith('*.')) return host.endsWith(entry.slice(1));
  if (entry.startsWith('.')) return host === entry.slice(1) || host.endsWith(entry);
  const [first, last, ...rest] = entry.split('-').map((part) => part.trim());
  if (rest.length > 0 || !isIPv4(host) || !isIPv4(first ?? '') || !isIPv4(last ?? '')) return false;
  const address = addressNumber(host);
  return addressNumber(first!) <= address && address <= addressNumber(last!);
}

function addressNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Connects to the proxy and has it connect to the host; calls back with a socket for TLS, or with what went wrong. */
export function openTunnel(
  proxy: ProxySettings,
  options: TunnelOptions,
  done: (error: Error | null, socket?: Socket) => void,
) {
  const { host = 'localhost', port = 443, timeout = 0 } = options;
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (/[\r\n]/.test(target)) throw nodeError('ERR_PROXY_TUNNEL', 'the host to connect to has a line break in its name');
  const { host: proxyHost, port: proxyPort, authorization } = proxy;
  const place = { host: proxyHost, port: proxyPort };
  const socket = (
    proxy.secure ? connect(isIP(proxyHost) ? place : { ...place, servername: proxyHost }) : connectTcp(place)
  ) as Socket;
  let read = Buffer.alloc(0);

  const settle = (error: Error | null) => {
    socket.off('error', settle).off('end', ended).off('timeout', late).off('readable', onReadable);
    socket.setTimeout(0);
    if (error === null) {
      done(null, socket);
      return;
    }
    socket.on('error', () => {});
    socket.destroy();
    done(error);
  };
  const fail = (message: string, more: object = {}) =>
    settle(Object.assign(nodeError('ERR_PROXY_TUNNEL', message), more));
  const ended = () => fail('Connection to establish proxy tunnel ended unexpectedly');
  const late = () =>
    fail(`Connection to establish proxy tunnel timed out after ${timeout}ms`, { proxyTunnelTimeout: timeout });
  const onReadable = () => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      read = Buffer.concat([read, chunk]);
    }
    const limit = options.maxHeaderSize ?? maxHeaderSize;
    const end = read.indexOf('\r\n\r\n');
    if ((end < 0 ? read.length : end + 4) > limit) return fail(`Proxy response headers exceeded ${limit} bytes`);
    if (end < 0) return;
    const [status = ''] = read.toString('latin1', 0, end).split('\r\n');
    const statusCode = Number(status.split(' ')[1]);
    if (statusCode !== 200)
      return fail(`Failed to establish tunnel to ${target} via ${proxy.href}: ${status}`, { statusCode });
    // In TLS the client speaks first: what comes ahead of it is nothing that the host has said.
    if (read.length > end + 4) return fail(`The proxy ${proxy.href} sent data ahead of the handshake`);
    settle(null);
  };
  socket.on('error', settle).on('end', ended).on('timeout', late).on('readable', onReadable);
  if (timeout > 0) socket.setTimeout(timeout);
  const lines = [
    `CONNECT ${target} HTTP/1.1`,
    ...(authorization === undefined ? [] : [`proxy-authorization: ${authorization}`]),
    ...(options.keep ? ['proxy-connection: keep-alive'] : []),
    `host: ${target}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}
