import type { Values } from '../command.ts';
import { printable } from '../ui/terminal.ts';
import type { ConnectHandler, Handler, Request, RequestContext, UpgradeHandler } from './secure-server.ts';

/** The options for it, as `serve` and `proxy` have them. */
export const logOptions = {
  log: { help: 'print a line for each request, once it is over' },
  'log-json': { help: 'print a JSON object for each request instead' },
} as const;

/** One request, as it is logged. */
interface Entry {
  readonly time: string;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly url: string;
  readonly http: string;
  /** Absent for a connection that went over to another protocol. */
  readonly status?: number;
  readonly upgrade?: string;
  readonly ms: number;
  /** The client was gone before it had all. */
  readonly aborted?: true;
  readonly tls?: string;
  readonly resumption?: string;
  readonly earlyData?: true;
}

export interface RequestLog {
  readonly handler: (handler: Handler) => Handler;
  readonly upgrade: (handler: UpgradeHandler) => UpgradeHandler;
  readonly connect: (handler: ConnectHandler) => ConnectHandler;
}

/** The log that the options ask for, if any. */
export function requestLogOf(
  values: Values<typeof logOptions>,
  print: (line: string) => void,
  client?: (context: RequestContext) => string | undefined,
): RequestLog | undefined {
  const json = values['log-json'] === true;
  return json || values.log === true ? requestLog(json, print, client) : undefined;
}

/**
 * Tells of each request when it is over.
 *
 * @param client the address of the other side, where another one is meant than that of the connection.
 */
function requestLog(
  json: boolean,
  print: (line: string) => void,
  client: (context: RequestContext) => string | undefined = () => undefined,
): RequestLog {
  const write = (entry: Entry) => print(json ? JSON.stringify(entry) : lineOf(entry));
  const begin = (request: Request, context: RequestContext) => {
    const start = performance.now();
    const { ':authority': authority, host = '' } = request.headers;
    // What is gone when the client is.
    const facts = {
      client: client(context) ?? context.socket.remoteAddress ?? 'unknown',
      method: request.method ?? '',
      host: typeof authority === 'string' ? authority : host,
      url: request.url ?? '',
      http: request.httpVersion,
    };
    return (more: Pick<Entry, 'status' | 'upgrade' | 'aborted'>) => {
      const { connection } = context.socket;
      const info = connection.connected ? connection.info : undefined;
      write({
        time: new Date().toISOString(),
        ...facts,
        ...more,
        ms: Math.round(10 * (performance.now() - start)) / 10,
        ...(info && { tls: info.version === 0x0304 ? '1.3' : '1.2', resumption: info.resumption }),
        ...(context.early ? { earlyData: true } : {}),
      });
    };
  };
  return {
    handler: (handler) => (request, response, context) => {
      const end = begin(request, context);
      const stream = response as NodeJS.WritableStream;
      let whole = false;
      stream.once('finish', () => {
        whole = true;
      });
      stream.once('close', () => end({ status: response.statusCode, ...(whole ? {} : { aborted: true }) }));
      handler(request, response, context);
    },
    upgrade: (handler) => (request, socket, head, context) => {
      const end = begin(request, context);
      socket.once('close', () => end({ upgrade: request.headers.upgrade ?? '' }));
      handler(request, socket, head, context);
    },
    connect: (handler) => (request, response, context) => {
      const end = begin(request, context);
      const upgrade = String(request.headers[':protocol'] ?? '');
      response.once('close', () => end(response.statusCode === 200 ? { upgrade } : { status: response.statusCode }));
      handler(request, response, context);
    },
  };
}

function lineOf(entry: Entry): string {
  const { time, client, method, host, url, http, status, upgrade, ms, aborted, earlyData } = entry;
  const what = upgrade === undefined ? String(status) : `upgrade ${printable(upgrade)}`;
  const more = `${aborted ? ' aborted' : ''}${earlyData ? ' 0-RTT' : ''}`;
  return `${time} ${client} ${method} ${printable(host)} ${printable(url)} HTTP/${http} ${what} ${ms.toFixed(1)} ms${more}`;
}
