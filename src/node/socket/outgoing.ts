/** What a program writes on its way through the engine to the transport: in pieces of a good size. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Connection } from '../../engine/connection.ts';
import { connectionReset } from '../base/node-errors.ts';
import { SocketFacade } from './socket-facade.ts';
import { send, type WriteDone } from './transport.ts';

/** Plaintext that is encrypted in one go; more would only make the peak of memory higher. */
const slab = 1 << 18;

/** From here on a copy costs more than a record. */
const largeChunk = 1 << 16;

/** From here on the memory of an outgoing piece is worth giving back. */
const bulkWrite = 1 << 13;

/**
 * Small pieces, such as the head and the body of an answer or the frames of HTTP/2, are joined, so that they fill records:
 * a record costs more than a copy. Large ones stay as they are.
 *
 * @param place where they are joined, from {@link takePlace}, if they are encrypted before it is given back.
 */
export function joinSmall(
  chunks: readonly { chunk: Buffer | string; encoding: BufferEncoding }[],
  place?: Uint8Array,
): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  let size = 0;
  let used = 0;
  const join = (): void => {
    if (small.length === 1) {
      joined.push(small[0]!);
    } else if (place !== undefined && used + size <= place.length) {
      const start = used;
      for (const bytes of small) {
        place.set(bytes, used);
        used += bytes.length;
      }
      joined.push(place.subarray(start, used));
    } else if (small.length > 0) {
      joined.push(Buffer.concat(small, size));
    }
    small = [];
    size = 0;
  };
  for (const { chunk, encoding } of chunks) {
    const bytes = asBytes(chunk, encoding);
    if (bytes.length >= largeChunk || size + bytes.length > slab) join();
    small.push(bytes);
    size += bytes.length;
    if (bytes.length >= largeChunk) join();
  }
  join();
  return joined;
}

let freePlace: Uint8Array | undefined;

/** Takes the array that all sockets join in: new ones of this size would make V8 collect its whole heap again and again. */
export function takePlace(): Uint8Array {
  const place = freePlace ?? new Uint8Array(slab);
  freePlace = undefined;
  return place;
}

/** Gives it back; what was joined in it is encrypted. */
export function givePlace(place: Uint8Array): void {
  freePlace = place;
}

/** What was written, as bytes. */
export function asBytes(chunk: Uint8Array | string, encoding: BufferEncoding): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** Encrypts what was written, and sends what comes before its last {@link slab}; the rest waits for `sendOutgoing`. */
export function encryptAll(connection: Connection, transport: Duplex | undefined, chunks: readonly Uint8Array[]): void {
  let size = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += slab) {
      const part = chunk.length <= slab ? chunk : chunk.subarray(at, at + slab);
      connection.write(part);
      size += part.length;
      if (size >= slab && at + slab < chunk.length) {
        sendOutgoing(connection, transport, undefined);
        size = 0;
      }
    }
  }
}

/** Sends what the engine has for the transport; `done` hears when it is on its way, and never before this returns. */
export function sendOutgoing(connection: Connection, transport: Duplex | undefined, done: WriteDone | undefined): void {
  const pieces = connection.takeOutgoing();
  if (transport === undefined || transport.destroyed || transport.writableEnded) {
    if (done !== undefined) process.nextTick(done, pieces.length > 0 ? connectionReset('write ECONNRESET') : null);
    return;
  }
  if (pieces.length > 0) send(transport, pieces, releasing(connection, transport, pieces, done));
  else if (done !== undefined) process.nextTick(done, null);
}

/** Gives the memory of a bulk write back once it is sent. Only a socket of the kernel is known to keep no reference. */
function releasing(
  connection: Connection,
  transport: Duplex,
  pieces: readonly Uint8Array[],
  done: WriteDone | undefined,
): WriteDone | undefined {
  // Not the first alone: the head of an answer goes before its body.
  if (!pieces.some(isBulk) || !(transport instanceof Socket) || transport instanceof SocketFacade) return done;
  return (error) => {
    for (const piece of pieces) if (isBulk(piece)) connection.release(piece);
    done?.(error);
  };
}

function isBulk(piece: Uint8Array): boolean {
  return piece.length >= bulkWrite;
}
