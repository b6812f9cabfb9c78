/** Handfast as the subject of the interoperability tests: the one place that knows the engine's API. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { CommonOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, type Host, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { nodeCrypto, testCredential, verifyWithTestRoot } from '../helpers/engine.ts';
import type { Channel, Outcome, Subject, SubjectOptions } from './subject.ts';

/** The engine over a socket, as a stream of application data. */
export class EngineStream extends Duplex {
  readonly #connection: Connection;
  readonly #host: Host;
  readonly #socket: Socket;
  readonly handshakeDone: Promise<void>;
  #connected: (() => void) | undefined;
  #refused: ((error: Error) => void) | undefined;
  #ended = false;

  constructor(connection: Connection, host: Host, socket: Socket) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.#host = host;
    this.#socket = socket.setNoDelay(true); // Else Nagle's algorithm waits 40 ms for each answer.
    this.handshakeDone = new Promise((resolve, reject) => {
      this.#connected = resolve;
      this.#refused = reject;
    });
    socket.on('data', (bytes: Buffer) => {
      connection.receive(bytes);
      this.#turn();
    });
    socket.on('end', () => {
      connection.receiveEnd();
      this.#turn();
    });
    socket.on('drain', () => this.#turn());
    socket.on('error', (error) => this.destroy(error));
    this.#turn();
  }

  /** Sends what a call on the connection itself has left to send. */
  flush(): void {
    this.#turn();
  }

  #turn(): void {
    const progress = drive(this.#connection, this.#host, () => this.#turn());
    for (const bytes of this.#connection.takeOutgoing()) this.#socket.write(bytes);
    for (const data of this.#connection.takeApplicationData()) {
      if (!this.push(data)) this.#socket.pause();
    }
    if (this.#connection.connected) this.#connected?.();
    if (this.#connection.peerClosed && !this.#ended && this.#connection.error === undefined) {
      this.#ended = true;
      if (this.#connection.truncated) this.destroy(new Error('the connection ended without close_notify'));
      else this.push(null);
    }
    if (progress.state === 'closed') {
      this.#socket.end();
      if (progress.error !== undefined) {
        this.#refused?.(progress.error);
        this.destroy(progress.error);
      }
    }
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(data: Uint8Array, _encoding: string, callback: (error?: Error) => void): void {
    if (!this.#connection.writable) return callback(new Error('the connection takes no more data'));
    this.#connection.write(data);
    this.#turn();
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', () => callback());
    else callback();
  }

  override _final(callback: (error?: Error) => void): void {
    this.#connection.closeWrite();
    this.#turn();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#connection.close();
    for (const bytes of this.#connection.takeOutgoing()) this.#socket.write(bytes);
    this.#socket.end();
    callback(error);
  }
}

function commonOptions(options: SubjectOptions): CommonOptions {
  const version = options.version && (options.version === '1.3' ? 0x0304 : 0x0303);
  return {
    crypto: nodeCrypto,
    ...(version && { minVersion: version, maxVersion: version }),
    ...(options.suite && { cipherSuites: [options.suite.code] }),
    ...(options.groups && { groups: [...options.groups] }),
    ...(options.identity && { credentials: [testCredential(options.identity)] }),
    verifyPeer: verifyWithTestRoot,
  } as CommonOptions;
}

async function channel(connection: Connection, host: Host, socket: Socket): Promise<Channel> {
  const stream = new EngineStream(connection, host, socket);
  stream.on('error', () => {}); // Reported by whoever waits for the handshake or reads.
  await stream.handshakeDone;
  const { info } = connection;
  const outcome: Outcome = {
    version: info.version === 0x0304 ? '1.3' : '1.2',
    suite: info.cipherSuiteName,
    ...(info.group && { group: info.group }),
    peerCertificates: info.peerCertificates.length,
  };
  return { stream, outcome };
}

export const ours: Subject = {
  name: 'Handfast',
  version: `on Node ${process.versions.node}`,
  lacks: () => undefined,

  async accept(socket, options) {
    const serverOptions = {
      ...commonOptions(options),
      clientCertificate: options.requireClientCertificate ? ('require' as const) : ('none' as const),
    };
    return await channel(new ServerConnection(serverOptions), serverHost(serverOptions), socket);
  },

  async connect(socket, options) {
    const clientOptions = { ...commonOptions(options), serverName: 'localhost' };
    return await channel(new ClientConnection(clientOptions), clientHost(clientOptions), socket);
  },
};
