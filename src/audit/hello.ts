import { connect } from 'node:net';
import { concat } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { decodeCertificate12 } from '../wire/certificate.ts';
import { type ClientHelloExtensions, encodeClientHello } from '../wire/client-hello.ts';
import { type ExtensionName, extensionTypes } from '../wire/extension-type.ts';
import { frameMessage, handshakeTypes } from '../wire/handshake-type.ts';
import { outlineServerHello } from '../wire/server-hello.ts';
import { isFiniteField } from './old-suites.ts';
import type { Endpoint } from './probe.ts';

/** What a server is asked: the hello of a client of SSL 3.0 to TLS 1.2 that would take anything. */
export interface Greeting {
  /** 0x0300 (SSL 3.0) to 0x0303 (TLS 1.2). */
  readonly version: number;
  readonly cipherSuites: readonly number[];
  /** For TLS 1.2; default every scheme that servers are known to use. */
  readonly signatureSchemes?: readonly number[] | undefined;
  /** Random bytes of the hello: 32. */
  readonly random: Uint8Array;
  readonly timeoutMs?: number | undefined;
}

/** The clear part of a server's answer, up to ServerHelloDone. */
export interface Answer {
  readonly version: number;
  readonly cipherSuite: number;
  /** DER, leaf first; empty where the suite has no certificate. */
  readonly chain: readonly Uint8Array[];
  /** Size of the Diffie-Hellman prime, where the suite has one. */
  readonly primeBits: number | undefined;
  /** Of the signature over an ECDHE share, in TLS 1.2. */
  readonly signatureScheme: number | undefined;
  /** Whether the server says that it knows RFC 5746. */
  readonly secureRenegotiation: boolean;
}

/** secp256r1, secp384r1, secp521r1, x25519, X448, those of brainpool, and two that only old servers have. */
const curves = [0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x001a, 0x001b, 0x001c, 0x0016, 0x0015];
const schemes = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
  0x0303, 0x0203, 0x0301, 0x0201, 0x0402, 0x0502, 0x0602, 0x0302, 0x0202, 0x0101,
];

/**
 * Says hello to a server as an old client would, and reads what it answers in clear. The engine speaks nothing that a
 * server should be ashamed of; this asks for the rest. No key is agreed: the connection is closed after the answer.
 *
 * @returns `undefined` where the server refuses, closes or does not answer in time.
 */
export function greet(endpoint: Endpoint, greeting: Greeting): Promise<Answer | undefined> {
  return firstFlight(endpoint, helloRecord(endpoint, greeting), readFlight, greeting.timeoutMs);
}

/** What was read of a server's answer so far, and whether more is wanted. */
export interface Heard<T> {
  readonly answer: T | undefined;
  readonly done: boolean;
}

/** Sends a hello, and reads the handshake messages that come back in clear until `read` has enough of them. */
export function firstFlight<T>(
  endpoint: Endpoint,
  hello: Uint8Array,
  read: (handshake: Uint8Array) => Heard<T>,
  timeoutMs = 5_000,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: endpoint.address, port: endpoint.port });
    const records = new ClearRecords();
    let answer: T | undefined;
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('connect', () => socket.write(hello));
    socket.on('data', (bytes: Buffer) => {
      try {
        const { handshake, done } = records.add(bytes);
        const heard = read(handshake);
        answer = heard.answer ?? answer;
        if (done || heard.done) finish();
      } catch {
        finish(); // What cannot be read is no answer, or the rest of one.
      }
    });
    socket.on('end', finish);
    socket.on('error', finish);
  });
}

function helloRecord(endpoint: Endpoint, { version, cipherSuites, random, ...greeting }: Greeting): Uint8Array {
  const extensions: ClientHelloExtensions = {
    ...(endpoint.serverName === undefined ? {} : { serverName: endpoint.serverName }),
    renegotiationInfo: new Uint8Array(0),
    extendedMasterSecret: true,
    supportedGroups: curves,
    ecPointFormats: Uint8Array.of(0),
    ...(version === 0x0303 ? { signatureAlgorithms: [...(greeting.signatureSchemes ?? schemes)] } : {}),
  };
  const hello = encodeClientHello({
    legacyVersion: version,
    random,
    legacySessionId: new Uint8Array(0),
    cipherSuites: [...cipherSuites, 0x00ff],
    legacyCompressionMethods: Uint8Array.of(0),
    // SSL 3.0 has no extensions (RFC 6101); its servers may close on them. The SCSV above stands for RFC 5746.
    extensions: version === 0x0300 ? {} : extensions,
    extensionOrder:
      version === 0x0300 ? [] : Object.keys(extensions).map((name) => extensionTypes[name as ExtensionName]),
  });
  const message = frameMessage('clientHello', version === 0x0300 ? withoutEmptyBlock(hello) : hello);
  return new Writer(message.length + 5).u8(22).u16(Math.min(version, 0x0301)).vector16(message).finish();
}

/** An extension block of length zero is left out. */
function withoutEmptyBlock(hello: Uint8Array): Uint8Array {
  return hello.subarray(0, hello.length - 2);
}

/** Cuts records out of bytes and keeps the handshake messages of those in clear. */
class ClearRecords {
  #bytes: Uint8Array = new Uint8Array(0);
  #handshake: Uint8Array = new Uint8Array(0);

  add(bytes: Uint8Array): { handshake: Uint8Array; done: boolean } {
    this.#bytes = concat(this.#bytes, bytes);
    let done = false;
    while (this.#bytes.length >= 5) {
      const [type, , , high, low] = this.#bytes as unknown as [number, number, number, number, number];
      const end = 5 + (high << 8) + low;
      if (this.#bytes.length < end) break;
      // An alert, or something that is no TLS at all, ends the answer.
      if (type !== 22) done = true;
      else this.#handshake = concat(this.#handshake, this.#bytes.subarray(5, end));
      this.#bytes = this.#bytes.subarray(end);
    }
    if (this.#handshake.length > 200_000) done = true;
    return { handshake: this.#handshake, done };
  }
}

function readFlight(handshake: Uint8Array): Heard<Answer> {
  const reader = new Reader(handshake, 'the flight of the server');
  let answer: Answer | undefined;
  while (reader.remaining >= 4) {
    const type = reader.u8();
    const length = reader.u24();
    if (reader.remaining < length) break;
    const body = reader.bytes(length);
    if (type === handshakeTypes.serverHello) {
      const { legacyVersion, cipherSuite } = outlineServerHello(body);
      answer = {
        version: legacyVersion,
        cipherSuite,
        chain: [],
        primeBits: undefined,
        signatureScheme: undefined,
        secureRenegotiation: hasRenegotiationInfo(body),
      };
    } else if (answer === undefined) break;
    else if (type === handshakeTypes.certificate) answer = { ...answer, chain: decodeCertificate12(body, 128) };
    else if (type === handshakeTypes.serverKeyExchange) answer = { ...answer, ...readKeyExchange(body, answer) };
    else if (type === handshakeTypes.serverHelloDone) return { answer, done: true };
  }
  return { answer, done: false };
}

function hasRenegotiationInfo(serverHello: Uint8Array): boolean {
  const reader = new Reader(serverHello, 'serverHello');
  reader.bytes(34);
  reader.vector8();
  reader.bytes(3);
  if (reader.remaining === 0) return false;
  const block = new Reader(reader.vector16(), 'serverHello');
  while (block.remaining > 0) {
    const type = block.u16();
    block.vector16();
    if (type === 0xff01) return true;
  }
  return false;
}

/** What a ServerKeyExchange of TLS 1.2 and before tells (RFC 5246, Section 7.4.3; RFC 8422, Section 5.4). */
function readKeyExchange(body: Uint8Array, { cipherSuite, version }: Answer): Partial<Answer> {
  const reader = new Reader(body, 'serverKeyExchange');
  if (isFiniteField(cipherSuite)) {
    const prime = reader.vector16(1);
    const from = prime.findIndex((byte) => byte !== 0);
    return { primeBits: from < 0 ? 0 : 8 * (prime.length - from) + 24 - Math.clz32(prime[from] as number) };
  }
  if (reader.u8() !== 3) return {};
  reader.u16();
  reader.vector8(1);
  return version === 0x0303 && reader.remaining > 2 ? { signatureScheme: reader.u16() } : {};
}
