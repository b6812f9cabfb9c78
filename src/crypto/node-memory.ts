import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { isNode, nodeMajor } from './node-hash.ts';

/** Memory that is freed at once: from here on it costs less than what the garbage collector does for it. */
const large = 4096;

/** Bytes that are freed together, where that takes a message. */
const together = 1 << 19;

/** What Node 22 adds and the types of Node 20 do not know. */
type Transferable = ArrayBufferLike & { transfer?(length: number): ArrayBuffer };

let waiting: ArrayBuffer[] = [];
let waitingBytes = 0;
let nowhere: MessagePort | undefined;

/**
 * Frees what OpenSSL wrote a large record into, once it is copied: left to the garbage collector, each 32 MB of it cost a
 * collection of the whole heap. Nobody may read it afterwards, and it holds nothing that must be wiped.
 *
 * Up to Node 22 it is sent, a few dozen at once, to a port that nobody listens on: "transferred" away by the sender and
 * dropped with the message (HTML, 9.4.4).
 */
export function letGo(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!isNode || bytes.length < large || buffer.byteLength !== bytes.length) return;
  if (nodeMajor >= 24) {
    (buffer as Transferable).transfer?.(0);
    return;
  }
  waiting.push(buffer as ArrayBuffer);
  waitingBytes += bytes.length;
  if (waitingBytes < together) return;
  nowhere ??= closedPort();
  nowhere.postMessage(null, waiting);
  waiting = [];
  waitingBytes = 0;
}

function closedPort(): MessagePort {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
