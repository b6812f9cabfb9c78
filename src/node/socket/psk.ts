/** `pskCallback` and `pskIdentityHint`: pre-shared keys as node:tls takes them. */
import type { ChosenPsk, ExternalPsk } from '../../engine/config.ts';
import {
  invalidArgType,
  invalidArgValue,
  nodeError,
  validateBuffer,
  validateObject,
  validateString,
} from '../base/node-errors.ts';
import { nodeMajor } from '../context/settings.ts';
import type { TLSSocket } from './tls-socket.ts';

/** The option of a socket: of a server's, `(socket, identity)`; of a client's, `(hint)`. */
export type PskCallback = (...args: never[]) => unknown;

/** What OpenSSL 3 takes, in bytes. */
const maxPsk = 512;
const maxIdentity = 256;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text, where the bytes are that; as in Node nobody is asked for a key of other bytes: a ticket of TLS 1.3, mostly. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxIdentity || bytes.includes(0)) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Server: the key of an identity; `undefined` where the program has none. Throws Node's errors for what is no key. */
export function askServerCallback(
  callback: PskCallback,
  socket: TLSSocket,
  identity: Uint8Array,
): Uint8Array | undefined {
  const name = textOf(identity);
  if (name === undefined) return undefined;
  const given = (callback as (...args: unknown[]) => unknown).call(socket, socket, name);
  if (given === undefined || given === null) return undefined;
  let psk: unknown = given;
  if (!ArrayBuffer.isView(given)) {
    if (typeof given !== 'object') {
      throw invalidArgType('ret', ['Object', 'Buffer', 'TypedArray', 'DataView'], given);
    }
    ({ psk } = given as { psk?: unknown });
    validateBuffer(psk, 'psk');
  }
  return keyOf(psk as NodeJS.ArrayBufferView);
}

/** Client: identity and key for a server with this hint, if any; `undefined` where the program has none. */
export function askClientCallback(callback: PskCallback, hint: Uint8Array | undefined): ChosenPsk | undefined {
  const text = hint === undefined ? null : Buffer.from(hint.buffer, hint.byteOffset, hint.length).toString();
  const given = (callback as (hint: string | null) => unknown)(text);
  if (given === undefined || given === null) return undefined;
  validateObject(given, 'ret');
  const { psk, identity } = given as { psk?: unknown; identity?: unknown };
  validateBuffer(psk, 'psk');
  const secret = keyOf(psk);
  validateString(identity, 'identity');
  const bytes = Buffer.from(identity);
  if (bytes.length > maxIdentity) {
    throw invalidArgValue('identity', identity, `PSK identity exceeds ${maxIdentity} bytes`);
  }
  return secret && { identity: new Uint8Array(bytes), secret };
}

/** TLS 1.3: what the client offers, before it knows of any hint. As in Node its key goes with SHA-256. */
export function externalPsksOf(callback: PskCallback | undefined): ExternalPsk[] {
  const chosen = callback && askClientCallback(callback, undefined);
  // TLS 1.3 knows no empty identity (RFC 9846, Section 4.2.11).
  if (chosen === undefined || chosen.identity.length === 0) return [];
  return [{ ...chosen, hash: 'sha256', imported: false }];
}

/** A copy that is no Buffer; an empty key is none. */
function keyOf(psk: NodeJS.ArrayBufferView): Uint8Array | undefined {
  const { byteLength } = psk;
  if (byteLength > maxPsk) throw invalidArgValue('psk', psk, `Pre-shared key exceeds ${maxPsk} bytes`);
  if (byteLength === 0) return undefined;
  return new Uint8Array(psk.buffer, psk.byteOffset, byteLength).slice();
}

/** The hint in bytes. Throws, as Node does once there is a connection, where it is too long. */
export function identityHintOf(hint: string | undefined): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(hint ?? ''));
  if (bytes.length <= maxIdentity) return bytes;
  // Node spelled it so until version 24.
  const code = nodeMajor < 24 ? 'ERR_TLS_PSK_SET_IDENTIY_HINT_FAILED' : 'ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED';
  throw nodeError(code, 'Failed to set PSK identity hint');
}
