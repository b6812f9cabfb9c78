/**
 * Node's `http2` over Handfast's sockets. A socket without a native handle comes to it inside a wrapper, and the
 * wrapper does not tell what is under it: whether it is encrypted, which protocol was agreed on, who the peer is. This
 * lets the wrapper ask the socket it wraps. Nothing internal of Node is imported: the wrapper's prototype is that of
 * `session.socket`.
 */
import { Duplex } from 'node:stream';
import { givePlace, takePlace } from './outgoing.ts';
import { addressNames } from './socket-facade.ts';
import { Server } from './tls-server.ts';
import { TLSSocket } from './tls-socket.ts';

interface Wrapper extends NodeJS.EventEmitter {
  stream?: Duplex;
}

/** What Node's own side of the wrapper calls with the frames that it has ready. */
type DoWrite = (this: Wrapper, request: object, frames: Buffer[]) => number;

const shown = [
  'encrypted',
  'alpnProtocol',
  'servername',
  'authorized',
  'authorizationError',
  'timeout',
  ...addressNames,
] as const;

const called = [
  'getPeerCertificate',
  'getPeerX509Certificate',
  'getCertificate',
  'getX509Certificate',
  'getCipher',
  'getProtocol',
  'getSession',
  'getTLSTicket',
  'isSessionReused',
  'getEphemeralKeyInfo',
  'getSharedSigalgs',
  'exportKeyingMaterial',
  'address',
] as const;

/** What is set on the connection: a wrapper has no connection. Without TCP_NODELAY each answer waits for an ACK of its head. */
const passedOn = ['setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const;

let bridged = false;

/** Makes Node's `http2` see Handfast's sockets as what they are. Once a process. */
export function bridgeHttp2(): void {
  if (bridged) return;
  bridged = true;
  // Not by an import: it would load http2 before `register` has changed `tls`.
  const { connect, createSecureServer } = process.getBuiltinModule('node:http2');
  superclassOf(createSecureServer({}).constructor);
  const nothing = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const session = connect('http://localhost', { createConnection: () => nothing });
  session.on('error', () => {});
  const prototype = Object.getPrototypeOf(session.socket) as object;
  const stream = session.request();
  stream.on('error', () => {});
  holdFirstData(Object.getPrototypeOf(stream) as Held);
  session.destroy();
  const wrapped = (wrapper: Wrapper) => {
    if (!(wrapper.stream instanceof TLSSocket)) return undefined;
    wrapper.stream.negotiation.bridged = true;
    return wrapper.stream;
  };

  for (const name of shown) {
    const inherited = findDescriptor(prototype, name);
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: Wrapper) {
        const socket = wrapped(this);
        return socket === undefined ? inherited?.get?.call(this) : socket[name];
      },
      set(this: Wrapper, value: unknown) {
        Object.defineProperty(this, name, { value, configurable: true, writable: true, enumerable: true });
      },
    });
  }
  for (const name of [...called, ...passedOn]) {
    const inherited = findDescriptor(prototype, name)?.value as ((...args: unknown[]) => unknown) | undefined;
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: Wrapper, ...args: unknown[]) {
        const socket = wrapped(this);
        if (socket === undefined) return inherited?.apply(this, args);
        const told = (socket[name] as (...values: unknown[]) => unknown)(...args);
        return told === socket ? this : told;
      },
    });
  }
  joinFrames(prototype as { doWrite: DoWrite });
  // Programs (got) find that wrapper on a socket over a Duplex, where Node's own handle would be.
  const { constructor: original } = prototype;
  const facade = { _parentWrap: { constructor: original } };
  // To programs the wrapper is the socket that it stands for.
  Object.defineProperty(prototype, 'constructor', {
    configurable: true,
    get(this: Wrapper) {
      return wrapped(this) === undefined ? original : TLSSocket;
    },
  });
  Object.defineProperty(TLSSocket.prototype, '_handle', {
    configurable: true,
    get(this: TLSSocket) {
      // Before the constructor is through there is nothing to look at; and http asks a handle in use for more than this one has.
      const over = this.negotiation !== undefined && this.transport !== undefined && this.netTransport === undefined;
      return over && !this.destroyed && this.connection === undefined ? facade : null;
    },
    set() {},
  });
  // A session over a socket that is still in its handshake waits for `connect`.
  Object.defineProperty(prototype, 'secureConnecting', {
    configurable: true,
    get(this: Wrapper) {
      const socket = wrapped(this);
      if (socket?.secureConnecting !== true || socket._tlsOptions.isServer) return false;
      socket.once('secureConnect', () => this.emit('connect'));
      return true;
    },
  });
}

/**
 * Each frame has a head and a body, and each would be a write of its own, with its own callback: they are joined, so that
 * the answers of all streams are one write.
 */
function joinFrames(prototype: { doWrite: DoWrite }): void {
  const { doWrite } = prototype;
  prototype.doWrite = function (request, frames) {
    const { stream } = this;
    if (frames.length < 2 || !(stream instanceof TLSSocket)) return doWrite.call(this, request, frames);
    let size = 0;
    for (const { length } of frames) size += length;
    const place = takePlace();
    try {
      // What has to wait would be overwritten there.
      const now = size <= place.length && stream._secureEstablished && stream.writableLength === 0;
      return doWrite.call(this, request, now ? [joinIn(place, frames)] : frames);
    } finally {
      givePlace(place);
    }
  };
}

function joinIn(place: Uint8Array, frames: readonly Uint8Array[]): Buffer {
  let used = 0;
  for (const frame of frames) {
    place.set(frame, used);
    used += frame.length;
  }
  return Buffer.from(place.buffer, place.byteOffset, used);
}

const held = Symbol('handfast.held');
/** A client's stream, and what of its data waits; `null`: nothing waits any more. */
type Held = Duplex & { session?: { encrypted?: boolean }; [held]?: unknown[] | null };

/**
 * Node tells of a response in the next tick, and of its data at once. Over a handle of its own there is a tick between any two
 * frames; here all frames of one read come in one turn, and a program would get `data` before `response`. So the first data of
 * a stream waits for the next tick, too.
 */
function holdFirstData(prototype: Held): void {
  const { push, destroy } = prototype;
  Object.assign(prototype, {
    push(this: Held, chunk: unknown, encoding?: BufferEncoding): boolean {
      const waiting = this[held];
      if (waiting === null) return push.call(this, chunk, encoding);
      if (waiting !== undefined) {
        waiting.push(chunk);
        return true;
      }
      // Without data nothing can be told too early, and http2 counts on an end that is there at once.
      if (chunk === null || !this.session?.encrypted) {
        this[held] = null;
        return push.call(this, chunk, encoding);
      }
      this[held] = [chunk];
      process.nextTick(release, this);
      return true;
    },
    /** A stream that its peer gives up keeps what came before. */
    destroy(this: Held, error?: Error): unknown {
      release(this);
      return destroy.call(this, error);
    },
  });
  function release(stream: Held): void {
    const waiting = stream[held];
    if (!waiting) return;
    stream[held] = null;
    for (const chunk of waiting) push.call(stream, chunk);
    if (waiting.at(-1) === null) stream.read(0);
  }
}

/**
 * A secure HTTP/2 server is a `tls.Server`: of Node's, where http2 was loaded before `register` (from Node 22 on an import
 * of `node:http` does that). What `super` means is looked up at each call, so that it can still be told.
 */
function superclassOf(secureServer: object & { prototype?: unknown }): void {
  if (Object.getPrototypeOf(secureServer) === Server) return;
  Object.setPrototypeOf(secureServer, Server);
  Object.setPrototypeOf(secureServer.prototype as object, Server.prototype);
}

function findDescriptor(prototype: object, name: string): PropertyDescriptor | undefined {
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined) return descriptor;
  }
  return undefined;
}
