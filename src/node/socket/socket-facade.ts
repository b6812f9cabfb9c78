import { type AddressInfo, Socket } from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import { nodeError, validateInteger } from '../base/node-errors.ts';
import { connectTransport, own, type TransportOwner, tellErrors, transportOptions } from './transport.ts';

/** What a socket tells of both ends of its connection. */
export const addressNames = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
] as const;

/** What a socket that is connecting tells of on its way. */
const connectEvents = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'] as const;

/** Types only: what is constructed is a Duplex, what is inherited are the methods of `net.Socket` (see below). */
const Base = Duplex as unknown as new (options: DuplexOptions & { emitClose: boolean }) => Socket;

/**
 * A `net.Socket` (`instanceof` too) without a handle of its own: what it says of the network is what the transport under it
 * says, and what is set on it is set on the transport, now or when there is one.
 *
 * It inherits from `net.Socket`, but is constructed as the Duplex that a `net.Socket` is: that constructor prepares for a
 * handle, and costs ten times as much (20 µs against 2).
 */
export abstract class SocketFacade extends Base implements TransportOwner {
  declare connecting: boolean;
  declare _hadError: boolean;
  /** The socket under this one, whose idle timer runs with this one's. */
  declare _parent: Socket | null;
  /** The host that was asked for, where it is known. */
  declare _host: string | null;
  /** Node's own: activity, for the idle timer. */
  declare _unrefTimer: () => void;
  #transport: Duplex | undefined;
  #noDelay: boolean | undefined;
  #keepAlive: readonly unknown[] | undefined;
  #typeOfService: number | undefined;
  #unref = false;

  /** Bytes of plaintext that were read and written. */
  protected plaintextRead = 0;
  protected plaintextWritten = 0;

  constructor({
    allowHalfOpen,
    highWaterMark,
  }: { allowHalfOpen?: boolean | undefined; highWaterMark?: number | undefined }) {
    // As `net.Socket` asks it of its Duplex.
    super({
      allowHalfOpen: allowHalfOpen === true,
      highWaterMark,
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false,
    });
    this.connecting = false;
    this._hadError = false;
    this._parent = null;
    this._host = null;
    this.on('end', onReadableEnd);
  }

  /** What is under this socket. Not for users, as are the two below. */
  get transport(): Duplex | undefined {
    return this.#transport;
  }

  /** The transport, where it is a socket of the network. */
  get netTransport(): Socket | undefined {
    return this.#transport instanceof Socket ? this.#transport : undefined;
  }

  abstract transportData(chunk: Buffer | string, fresh: boolean): void;
  abstract transportFailed(error: Error): void;
  abstract transportEnded(): void;
  abstract transportClosed(): void;
  /** The socket that `connect` made has failed, before or after it was connected. */
  protected abstract connectionFailed(error: Error): void;
  /** What begins once this socket is connected. */
  abstract _start(): void;

  /** Takes a transport that is there already, connected or not. */
  protected adopt(transport: Duplex): void {
    this.#transport = transport;
    if (transport instanceof Socket) {
      this._parent = transport;
      this.connecting = transport.connecting || transport.pending;
      if (this.connecting) {
        transport.once('connect', () => {
          this.connecting = false;
          this.emit('connect');
        });
      }
    }
    tellErrors(transport);
    this.#own(transport);
  }

  override connect(...args: unknown[]): this {
    const callback = args.findLast((arg) => typeof arg === 'function');
    if (callback !== undefined) this.once('connect', callback as () => void);
    if (this.destroyed || this.netTransport?.connecting) return this;
    const transport = new Socket(transportOptions(args[0]));
    this.#equip(transport);
    this.connecting = true;
    transport.on('error', (error: Error) => this.connectionFailed(error));
    for (const event of connectEvents) {
      transport.on(event, (...values: unknown[]) => {
        if (event === 'lookup') this._host = values[3] as string;
        this.emit(event, ...values);
      });
    }
    transport.once('connect', () => {
      this.connecting = false;
      this._unrefTimer();
      this.emit('connect');
      this._start();
      this.emit('ready');
    });
    this.#own(transport);
    this._unrefTimer();
    connectTransport(transport, args);
    return this;
  }

  #own(transport: Duplex): void {
    own(transport, this);
    if (transport.destroyed) process.nextTick(() => this.destroy());
  }

  /** Puts a socket under this one, and sets on it what was set here before. */
  #equip(transport: Socket): void {
    this.#transport = transport;
    if (this.#noDelay !== undefined) transport.setNoDelay(this.#noDelay);
    if (this.#keepAlive !== undefined) setKeepAlive(transport, this.#keepAlive);
    if (this.#typeOfService !== undefined) (transport as MarkedSocket).setTypeOfService?.(this.#typeOfService);
    if (this.#unref) transport.unref();
  }

  override address(): AddressInfo | Record<string, never> {
    return this.netTransport?.address() ?? {};
  }

  override setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay;
    (this.#transport as Socket | undefined)?.setNoDelay?.(noDelay);
    return this;
  }

  /** Whatever this version of Node takes: two values, four, or an object. */
  override setKeepAlive(...args: unknown[]): this {
    this.#keepAlive = args;
    setKeepAlive(this.#transport, args);
    return this;
  }

  /** Node 24's: the octet of the IP header by which networks tell traffic apart; kept until there is a connection. */
  setTypeOfService(value: number): this {
    validateInteger(value, 'tos', 0, 255);
    this.#typeOfService = value;
    (this.#transport as MarkedSocket | undefined)?.setTypeOfService?.(value);
    return this;
  }

  /** What the transport says, or on an older Node what was set here. */
  getTypeOfService(): number {
    return (this.#transport as MarkedSocket | undefined)?.getTypeOfService?.() ?? this.#typeOfService ?? 0;
  }

  override ref(): this {
    this.#unref = false;
    (this.#transport as Socket | undefined)?.ref?.();
    return this;
  }

  override unref(): this {
    this.#unref = true;
    (this.#transport as Socket | undefined)?.unref?.();
    return this;
  }
}

/** The methods of a socket of Node 24 that the types of Node 20 lack. */
type MarkedSocket = Socket & { setTypeOfService?(value: number): unknown; getTypeOfService?(): number };

function setKeepAlive(transport: Duplex | undefined, args: readonly unknown[]): void {
  (transport as Socket | undefined)?.setKeepAlive?.(...(args as Parameters<Socket['setKeepAlive']>));
}

Object.setPrototypeOf(SocketFacade.prototype, Socket.prototype);

/** As in `net.Socket`: whoever may not be half-open writes no more once the peer has ended. */
function onReadableEnd(this: Socket): void {
  if (!this.allowHalfOpen) this.write = writeAfterEnd as Socket['write'];
}

function writeAfterEnd(this: Socket, ...args: unknown[]): boolean {
  if (!this.writableEnded) return (Duplex.prototype.write as (...values: unknown[]) => boolean).apply(this, args);
  const error = nodeError('EPIPE', 'This socket has been ended by the other party');
  const callback = args.findLast((arg) => typeof arg === 'function');
  if (callback !== undefined) process.nextTick(callback as (error: Error) => void, error);
  this.destroy(error);
  return false;
}

// Own accessors on the prototype: those of net.Socket look at a handle that this socket does not have.
/** What the accessors below may see. */
type View = Socket & { transport: Duplex | undefined; netTransport: Socket | undefined } & Record<
    'plaintextRead' | 'plaintextWritten',
    number
  >;

function define(name: string, get: (this: View) => unknown): void {
  Object.defineProperty(SocketFacade.prototype, name, { get, configurable: true, enumerable: true });
}
define('pending', function () {
  return this.transport === undefined || this.connecting || this.destroyed;
});
for (const name of [...addressNames, 'autoSelectFamilyAttemptedAddresses'] as const) {
  define(name, function () {
    return this.netTransport?.[name];
  });
}
define('bytesRead', function () {
  return this.plaintextRead;
});
define('bytesWritten', function () {
  // The prototype itself has no bytes; programs look.
  return this.plaintextWritten === undefined ? undefined : this.plaintextWritten + this.writableLength;
});
define('bufferSize', function () {
  return this.destroyed ? undefined : this.writableLength;
});
define('_bytesDispatched', function () {
  return this.plaintextWritten;
});
