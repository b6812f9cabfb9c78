import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';

/** Who is told of a transport's bytes and end. */
export interface TransportOwner {
  /** Bytes of the transport; a string where somebody has set an encoding on it. */
  transportData(chunk: Buffer | string): void;
  /** The transport has ended. */
  transportEnded(): void;
  /** The transport has closed. */
  transportClosed(): void;
}

const owner = Symbol('handfast.owner');
type OwnedTransport = Duplex & { [owner]?: TransportOwner };

/** Options of `connect` that a `net.Socket` wants when it is made. */
const socketOptions = ['noDelay', 'keepAlive', 'keepAliveInitialDelay', 'typeOfService', 'blockList'] as const;

/** What a transport is made with, for the first argument of `connect`. */
export function transportOptions(given: unknown): SocketConstructorOpts {
  const made: Record<string, unknown> = { allowHalfOpen: true };
  if (typeof given !== 'object' || given === null) return made;
  for (const name of socketOptions) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && value !== null) made[name] = value;
  }
  return made;
}

/** Tells `by` when the transport closes. One listener for all sockets: a closure for each would stay as long as it. */
export function own(transport: Duplex, by: TransportOwner): void {
  // Half-close is the owner's business: a transport that ends by itself would cut off what is still to be sent.
  transport.allowHalfOpen = true;
  (transport as OwnedTransport)[owner] = by;
  transport.on('close', onClose);
}

/** Starts reading from an owned transport. */
export function startReading(transport: Duplex): void {
  transport.on('data', onData);
  transport.on('end', onEnd);
  transport.resume();
  if (transport.readableEnded) process.nextTick(onEnd.bind(transport as OwnedTransport));
}

export function stopReading(transport: Duplex): void {
  transport.removeListener('data', onData);
}

function onData(this: OwnedTransport, chunk: Buffer | string): void {
  this[owner]?.transportData(chunk);
}

function onEnd(this: OwnedTransport): void {
  this[owner]?.transportEnded();
}

function onClose(this: OwnedTransport): void {
  this[owner]?.transportClosed();
}

const noop = (): void => {};

/** Lets go of the transport: what was written goes out first, and nothing is waited for beyond that. */
export function closeTransport(transport: Duplex, reset: boolean): void {
  if (reset && transport instanceof Socket) {
    transport.resetAndDestroy();
    return;
  }
  if (
    transport.writableLength > 0 &&
    !transport.writableEnded &&
    transport instanceof Socket &&
    !transport.connecting
  ) {
    const timer = setTimeout(() => transport.destroy(), 1000);
    timer.unref();
    transport.once('close', () => clearTimeout(timer));
    transport.on('error', noop);
    transport.end(() => transport.destroy());
    return;
  }
  transport.destroy();
}
