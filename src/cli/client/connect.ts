import { connect as connectTcp, type Socket } from 'node:net';
import { ClientConnection, type ClientOptions, type ConnectionInfo, clientHost, type TraceEvent } from '../../index.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { EngineSocket } from '../server/engine-socket.ts';

/** A trace event, with the milliseconds since the handshake began. */
export interface TimedEvent {
  readonly at: number;
  readonly event: TraceEvent;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ClientOptions;
  /** Milliseconds for TCP and the handshake together; default 15 s. */
  readonly timeout?: number | undefined;
  readonly trace?: ((event: TimedEvent) => void) | undefined;
  /** Sends what is written before the handshake is done as early data. */
  readonly sendEarly?: boolean | undefined;
  /** Speaks to the server before TLS (STARTTLS). */
  readonly prepare?: ((socket: Socket) => Promise<void>) | undefined;
}

/** A connection whose handshake goes on, and when what happened. */
export interface Opened {
  readonly socket: EngineSocket;
  readonly connection: ClientConnection;
  /** Milliseconds that TCP took. */
  readonly tcp: number;
  /** Milliseconds from the first byte of the handshake to its end. */
  readonly secured: Promise<{ info: ConnectionInfo; milliseconds: number }>;
  /** Bytes on the wire so far, without TCP and IP. */
  readonly bytes: () => { sent: number; received: number };
}

/** Opens a TCP connection and begins a handshake on it. */
export async function open(options: ConnectOptions): Promise<Opened> {
  const { timeout = 15_000 } = options;
  const began = performance.now();
  const transport = await openTcp(options.host, options.port, timeout);
  const tcp = performance.now() - began;
  try {
    await options.prepare?.(transport);
  } catch (error) {
    transport.destroy();
    throw error;
  }
  const start = performance.now();
  const report = options.trace;
  const connection = new ClientConnection({
    ...options.tls,
    ...(report === undefined ? {} : { trace: (event) => report({ at: performance.now() - start, event }) }),
  });
  const before = { sent: transport.bytesWritten, received: transport.bytesRead };
  const socket = new EngineSocket(transport, connection, clientHost(connection.options), {
    sendEarly: options.sendEarly ?? false,
  });
  const timer = setTimeout(() => {
    socket.destroy(
      timeoutError(`${options.host}:${options.port} did not finish the handshake within ${timeout / 1000} s`),
    );
  }, timeout);
  const secured = new Promise<{ info: ConnectionInfo; milliseconds: number }>((resolve, reject) => {
    socket.once('secure', () => resolve({ info: connection.info, milliseconds: performance.now() - start }));
    socket.once('error', reject);
    socket.once('close', () => reject(connection.error ?? endedError(options.host, options.port)));
  });
  const settled = () => clearTimeout(timer);
  secured.then(settled, settled);
  socket.on('error', () => {});
  socket.start();
  return {
    socket,
    connection,
    tcp,
    secured,
    bytes: () => ({ sent: transport.bytesWritten - before.sent, received: transport.bytesRead - before.received }),
  };
}

function openTcp(host: string, port: number, timeout: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(timeoutError(`${host}:${port} did not answer within ${timeout / 1000} s`));
    }, timeout);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

function timeoutError(message: string): CliError {
  return new CliError(message, {
    hint: 'Is the address right, and is no firewall in between? --timeout gives it longer.',
    exitCode: exitCodes.network,
  });
}

function endedError(host: string, port: number): CliError {
  return new CliError(`${host}:${port} ended the connection`, { exitCode: exitCodes.network });
}

/** Ends a connection politely; resolves once it is gone, or after a moment. */
export async function closeQuietly(socket: EngineSocket): Promise<void> {
  if (socket.destroyed) return;
  socket.resume();
  socket.end();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      socket.destroy();
      resolve();
    }, 500);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
