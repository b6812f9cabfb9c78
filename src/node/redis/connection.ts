import { checkOptions, positive } from '../../bytes/check.ts';
import type { Timers } from '../../session/timer.ts';
import { checkRedisClient, checkRedisOptions } from './check-options.ts';

/** A value that a Redis command takes. */
export type RedisArgument = string | Buffer;

/**
 * As much of a Redis or Valkey client as Handfast needs. {@link connectRedis} makes one with safe settings;
 * {@link redisConnection} wraps a client that is there already.
 */
export interface RedisConnection {
  /**
   * Sends one command. Bulk strings come back as Buffers. Rejects at once while there is no connection: nothing is
   * queued.
   * @param key the first key of the command: it routes in a cluster.
   */
  command(key: string, args: readonly RedisArgument[], readonly?: boolean): Promise<unknown>;
  /** Calls back whenever a connection (to any node) is there, for the first time or again. */
  onConnect(callback: () => void): void;
  close(): void;
}

/** Structurally a `@redis/client` client. */
export interface RedisClientLike {
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

/** Structurally a `@redis/client` cluster. */
export interface RedisClusterLike {
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: readonly RedisArgument[],
    options?: object,
  ): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

export interface RedisOptions {
  /** One server, e.g. `redis://127.0.0.1:6379` or `rediss://user:password@host:6380/0`. */
  readonly url?: string;
  /** Some nodes of a cluster, as URLs; the rest is discovered. Instead of `url`. */
  readonly cluster?: readonly string[];
  readonly username?: string;
  readonly password?: string;
  /**
   * After how many ms the client library gives a command up; default never: handshakes and the key ring have
   * deadlines of their own, a dead connection is found by PING within 15 s, and the library's timeout costs several
   * µs a command.
   */
  readonly commandTimeoutMs?: number;
  /** Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** Told of every error of a connection; default: nothing, since metrics and the breaker show them. */
  readonly onError?: (error: unknown) => void;
}

/** RESP's type byte `$`, as `@redis/client` names it in a type mapping: bulk strings as Buffers. */
const bulkStringsAsBuffers = { 36: Buffer };

/**
 * Connects to Redis or Valkey by `@redis/client` (an optional peer dependency: install it). Commands are never queued
 * while there is no connection, so that an outage fails fast; the client reconnects by itself for ever.
 *
 * Resolves when the client has been started, connected or not: a server starts while Redis is down. Rejects only
 * when `@redis/client` is not installed or the options are wrong.
 */
export async function connectRedis(options: RedisOptions): Promise<RedisConnection> {
  checkRedisOptions(options);
  const { createClient, createCluster } = await import('@redis/client');
  const onError = options.onError ?? (() => {});
  const shared = {
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    pingInterval: 5_000,
    maintNotifications: 'disabled' as const,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    socket: {
      connectTimeout: options.connectTimeoutMs ?? 2_000,
      socketTimeout: 15_000,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 6), 1_000) + Math.random() * 100,
    },
  };
  const { commandTimeoutMs } = options;
  if (options.cluster !== undefined) {
    const cluster = createCluster({
      rootNodes: options.cluster.map((url) => ({ ...shared, url })),
      defaults: shared,
      maxCommandRedirections: 4,
    });
    cluster.on('error', (error: unknown) => onError(error));
    cluster.on('node-error', onError);
    const connection = redisConnection({ cluster }, { commandTimeoutMs });
    const attempts = { over: false };
    connectCluster(cluster, attempts, onError);
    const close = () => {
      attempts.over = true;
      connection.close();
    };
    return { ...connection, close };
  }
  const client = createClient({ ...shared, ...(options.url === undefined ? {} : { url: options.url }) });
  client.on('error', onError);
  const connection = redisConnection({ client }, { commandTimeoutMs });
  client.connect().catch(onError);
  return connection;
}

/**
 * Wraps a client or a cluster of `@redis/client`. Give it `disableOfflineQueue: true`, or an outage makes commands
 * wait.
 */
export function redisConnection(
  of: { readonly client: RedisClientLike } | { readonly cluster: RedisClusterLike },
  settings: { readonly commandTimeoutMs?: number | undefined } = {},
): RedisConnection {
  checkRedisClient(of);
  checkOptions(settings, 'the second argument of redisConnection', { commandTimeoutMs: positive });
  const { commandTimeoutMs } = settings;
  // 0 switches off the library's own default of 5 s.
  const options = { typeMapping: bulkStringsAsBuffers, timeout: commandTimeoutMs ?? 0 };
  const emitter = 'client' in of ? of.client : of.cluster;
  return {
    command: (key, args, readonly = false) =>
      'client' in of ? of.client.sendCommand(args, options) : of.cluster.sendCommand(key, readonly, args, options),
    onConnect: (callback) => {
      emitter.on('client' in of ? 'ready' : 'node-ready', callback);
    },
    close: () => {
      try {
        emitter.destroy();
      } catch {
        // It was closed already, or never open.
      }
    },
  };
}

/** A cluster client doesn't try again when no node answered at first, and goes on trying though it was closed meanwhile. */
function connectCluster(
  cluster: { connect(): Promise<unknown>; destroy(): void; readonly isOpen: boolean },
  attempts: { over: boolean },
  onError: (error: unknown) => void,
): void {
  const connected = () => {
    if (attempts.over) cluster.destroy();
  };
  cluster.connect().then(connected, (error: unknown) => {
    onError(error);
    setTimeout(() => {
      if (!cluster.isOpen && !attempts.over) connectCluster(cluster, attempts, onError);
    }, 1_000).unref();
  });
}

/** Timers of Node that keep no process alive. */
export const nodeTimers: Timers = {
  set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
  clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
  afterInput: (callback) => void setImmediate(callback),
};
