/** Connections for undici, and so for `fetch`. */

import { connect as connectPlain, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { validateObject } from '../base/node-errors.ts';
import { connect, type HandfastConnectOptions } from '../socket/tls-connect.ts';
import { SpareSessions } from './spare-sessions.ts';

/** What undici asks a connector for. */
export interface UndiciConnectOptions {
  hostname: string;
  host?: string;
  protocol: string;
  port: string;
  servername?: string | null;
  localAddress?: string | null;
  /** A socket through a proxy, to speak TLS over. */
  httpSocket?: Socket;
}

type Connected = (...result: [null, Socket | TLSSocket] | [Error, null]) => void;

/**
 * A connector for undici: `new Agent({ connect: undiciConnector() })`, then `fetch(url, { dispatcher })` or
 * `setGlobalDispatcher`. `options` are those of `tls.connect`. Sessions are kept per origin and resumed.
 */
export function undiciConnector(options: HandfastConnectOptions & { maxCachedSessions?: number } = {}) {
  validateObject(options, 'options');
  const { maxCachedSessions = 100, timeout = 10_000, ...tlsOptions } = options;
  const sessions = new Map<string, Buffer>();
  const spare = new SpareSessions(maxCachedSessions);
  const forget = (key: string) => {
    sessions.delete(key);
    spare.drop(key);
  };
  return (asked: UndiciConnectOptions, callback: Connected): Socket | TLSSocket => {
    const { hostname, protocol, localAddress, httpSocket } = asked;
    const secure = protocol === 'https:';
    const port = Number(asked.port || (secure ? 443 : 80));
    const servername = asked.servername || tlsOptions.servername || hostname.replace(/^\[|\]$/g, '');
    const key = `${servername}|${hostname}|${port}`;
    const common = { host: hostname.replace(/^\[|\]$/g, ''), port, localAddress: localAddress ?? undefined };
    const socket = secure
      ? connect({
          ALPNProtocols: ['http/1.1'],
          session: spare.next(key, sessions.get(key), Date.now()),
          ...tlsOptions,
          ...common,
          servername,
          socket: httpSocket,
        })
      : connectPlain({ ...common, noDelay: true });
    const timer = setTimeout(() => {
      const late = new Error(`no connection to ${hostname}:${port} within ${timeout} ms`);
      socket.destroy(Object.assign(late, { code: 'UND_ERR_CONNECT_TIMEOUT' }));
    }, timeout);
    let answer: Connected | undefined = callback;
    const settle: Connected = (...result) => {
      clearTimeout(timer);
      const waiting = answer;
      answer = undefined;
      if (waiting !== undefined) queueMicrotask(() => waiting(...result));
    };
    socket.setKeepAlive(true, 60_000);
    if (secure) {
      socket.on('session', (session: Buffer) => {
        sessions.delete(key);
        sessions.set(key, session);
        spare.add(key, session);
        if (sessions.size > maxCachedSessions) forget(sessions.keys().next().value as string);
      });
      // A session that led to an error is not tried again.
      socket.once('close', (failed: boolean) => {
        if (failed) forget(key);
      });
    }
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(null, socket as Socket));
    socket.on('error', (error: Error) => settle(error, null));
    return socket as Socket;
  };
}
