/**
 * What is under a TLS socket: any Duplex, used through its stream. A plain `net.Socket` that nobody has used yet is used
 * below its stream: what arrives is taken where Node hands it to the stream (`push`), what is sent goes to the hook that the
 * stream would call (`_write`). That spares a second stream for each byte, and with it a third of an echo.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { isNode } from '../../crypto/node-hash.ts';
import { nodeError } from '../base/node-errors.ts';

/** Who is told of a transport's bytes and end. */
export interface TransportOwner {
  /** Bytes of the transport; a string where somebody has set an encoding on it. Nobody else has them where `fresh`. */
  transportData(chunk: Buffer | string, fresh: boolean): void;
  /** The transport has failed; told where {@link tellErrors} asked for it. */
  transportFailed(error: Error): void;
  /** The transport has ended. */
  transportEnded(): void;
  /** The transport has closed. */
  transportClosed(): void;
}

/** Hears that what was written is on its way, or why not. */
export type WriteDone = (error?: Error | null) => void;

const owner = Symbol('handfast.owner');
const tap = Symbol('handfast.tap');

/** What is known of a socket that is used below its stream. */
interface Tap {
  paused: boolean;
  /** Whether what is sent goes below the stream, too. */
  sends: boolean;
  /** Writes that the kernel has not taken yet. */
  writes: number;
}

type OwnedTransport = Duplex & { [owner]?: TransportOwner; [tap]?: Tap };
type TappedSocket = Socket & { [owner]: TransportOwner; [tap]: Tap };

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

/** Connects a transport by the arguments of its owner's `connect`; the callback is the owner's. */
export function connectTransport(transport: Socket, args: readonly unknown[]): void {
  const own = args.filter((arg) => typeof arg !== 'function');
  const [first] = own;
  // The timeout is the owner's too, as are a signal and a read buffer.
  if (typeof first === 'object' && first !== null && !Array.isArray(first)) {
    own[0] = { ...first, timeout: undefined, signal: undefined, onread: undefined, allowHalfOpen: true };
  }
  (transport.connect as (...values: unknown[]) => Socket)(...own);
}

/** Tells `by` when the transport closes. One listener for all sockets: a closure for each would stay as long as it. */
export function own(transport: Duplex, by: TransportOwner): void {
  // Half-close is the owner's business: a transport that ends by itself would cut off what is still to be sent.
  transport.allowHalfOpen = true;
  (transport as OwnedTransport)[owner] = by;
  transport.on('close', onClose);
}

/** Tells the owner of the transport's errors. */
export function tellErrors(transport: Duplex): void {
  transport.on('error', onError);
}

/** Starts reading from an owned transport. */
export function startReading(transport: Duplex): void {
  transport.on('end', onEnd);
  const fresh = isFresh(transport);
  if (fresh || decodes(transport)) {
    const socket = transport as TappedSocket;
    socket[tap] = { paused: false, sends: fresh, writes: 0 };
    socket.push = takeBytes;
    socket._read(0);
    return;
  }
  transport.on('data', onData);
  transport.resume();
  if (transport.readableEnded) process.nextTick(onEnd.bind(transport as OwnedTransport));
}

/** Whether a transport is a connected socket of Node's own making that nobody has read from, written to or changed. */
function isFresh(transport: Duplex): transport is Socket {
  return (
    isNode &&
    Object.getPrototypeOf(transport) === Socket.prototype &&
    !(transport as Socket).connecting &&
    !transport.destroyed &&
    transport.readableFlowing === null &&
    transport.readableLength === 0 &&
    !transport.readableEnded &&
    transport.readableEncoding === null &&
    transport.writableLength === 0 &&
    transport.writableCorked === 0 &&
    !transport.writableEnded &&
    !Object.hasOwn(transport, 'push') &&
    !Object.hasOwn(transport, 'write') &&
    !Object.hasOwn(transport, '_write') &&
    transport.listenerCount('data') === 0 &&
    transport.listenerCount('readable') === 0
  );
}

/**
 * Whether a connected socket makes text of its bytes, as clients set it who spoke lines before TLS (`setEncoding`, as basic-ftp
 * does). As in Node, that is for those who read the socket itself: TLS takes the bytes where they are still bytes.
 */
function decodes(transport: Duplex): transport is Socket {
  return (
    transport instanceof Socket &&
    transport.readableEncoding !== null &&
    transport.readableLength === 0 &&
    !transport.readableEnded &&
    !transport.destroyed &&
    Object.getPrototypeOf(transport) === Socket.prototype &&
    !Object.hasOwn(transport, 'push')
  );
}

/** In place of a fresh socket's `push`: its bytes go to the owner. `false` makes Node stop reading. */
function takeBytes(this: Socket, chunk: Buffer | null): boolean {
  const socket = this as TappedSocket;
  // The end goes through the stream, as it ends too.
  if (chunk === null) return Socket.prototype.push.call(socket, null);
  // Node reads each chunk into an array of its own.
  socket[owner].transportData(chunk, true);
  return !socket[tap].paused;
}

/** What has arrived is handed over; more is not wanted now. */
export function pauseReading(transport: Duplex): void {
  const tapped = (transport as OwnedTransport)[tap];
  if (tapped === undefined) transport.pause();
  else tapped.paused = true;
}

export function resumeReading(transport: Duplex): void {
  const tapped = (transport as OwnedTransport)[tap];
  if (tapped === undefined) {
    transport.resume();
  } else if (tapped.paused) {
    tapped.paused = false;
    if (!transport.destroyed) transport._read(0);
  }
}

export function stopReading(transport: Duplex): void {
  transport.removeListener('data', onData);
}

/** Sends pieces in one write; `done` hears when the last is on its way. */
export function send(transport: Duplex, pieces: readonly Uint8Array[], done: WriteDone | undefined): void {
  const tapped = (transport as OwnedTransport)[tap];
  if (tapped?.sends) {
    sendBelow(transport as TappedSocket, tapped, pieces, done);
    return;
  }
  const last = pieces.length - 1;
  if (last > 0) transport.cork();
  for (let i = 0; i < last; i++) transport.write(pieces[i]);
  transport.write(pieces[last], done);
  if (last > 0) transport.uncork();
}

function sendBelow(
  socket: TappedSocket,
  tapped: Tap,
  pieces: readonly Uint8Array[],
  done: WriteDone | undefined,
): void {
  tapped.writes++;
  let atOnce = true;
  const sent = (failure?: Error | null): void => {
    tapped.writes--;
    // Of a socket that was destroyed meanwhile Node says no more than that the write is over, or was cancelled (Node 22).
    const error = socket.destroyed ? (socket.errored ?? failure ?? cancelled()) : (failure ?? null);
    // Never before `send` returns: what is written until then in the same turn can be joined.
    if (done !== undefined && atOnce) process.nextTick(done, error);
    else done?.(error);
    // As a stream does with an error of its hook.
    if (error !== null) socket.destroy(error);
  };
  if (pieces.length === 1) {
    socket._write(pieces[0], 'buffer' as BufferEncoding, sent);
  } else {
    const chunks = pieces.map((chunk) => ({ chunk, encoding: 'buffer' as BufferEncoding }));
    socket._writev!(chunks, sent);
  }
  atOnce = false;
}

/** Whether the kernel has all that was sent on a socket that is used below its stream. */
export function isSent(transport: Duplex): boolean {
  const tapped = (transport as OwnedTransport)[tap];
  return tapped?.sends === true && tapped.writes === 0;
}

function cancelled(): Error {
  return nodeError('ECANCELED', 'write ECANCELED: the socket was destroyed before all was sent');
}

function onData(this: OwnedTransport, chunk: Buffer | string): void {
  this[owner]?.transportData(chunk, false);
}

function onError(this: OwnedTransport, error: Error): void {
  this[owner]?.transportFailed(error);
}

function onEnd(this: OwnedTransport): void {
  this[owner]?.transportEnded();
}

function onClose(this: OwnedTransport): void {
  this[owner]?.transportClosed();
}

const noop = (): void => {};

/**
 * Lets go of the transport. In Node the kernel has what it takes as soon as it is written, an alert too; as under node:tls, what
 * waits behind a full buffer is dropped. Elsewhere what was written goes out first, and nothing is waited for beyond that.
 */
export function closeTransport(transport: Duplex, reset: boolean): void {
  if (reset && transport instanceof Socket && !transport.connecting && !transport.destroyed) {
    resetTransport(transport as ResettableSocket);
    return;
  }
  const unsent = !isNode && (transport.writableLength > 0 || ((transport as OwnedTransport)[tap]?.writes ?? 0) > 0);
  if (unsent && !transport.writableEnded && transport instanceof Socket && !transport.connecting) {
    const timer = setTimeout(() => transport.destroy(), 1000);
    timer.unref();
    transport.once('close', () => clearTimeout(timer));
    transport.on('error', noop);
    transport.end(() => transport.destroy());
    return;
  }
  transport.destroy();
}

/** What a socket of Node sets by itself where it is reset. */
type ResettableSocket = Socket & { resetAndClosing?: boolean };

/**
 * Resets a connection now. `resetAndDestroy` of Node waits until all is sent, which a peer that reads no more puts off for ever;
 * and while the end is being sent there is no reset: the connection is closed.
 */
function resetTransport(transport: ResettableSocket): void {
  const ending = transport.writableEnded && !transport.writableFinished;
  if (!ending && transport.resetAndClosing === undefined) {
    transport.resetAndDestroy();
    return;
  }
  if (!ending) transport.resetAndClosing = true;
  transport.destroy();
}
