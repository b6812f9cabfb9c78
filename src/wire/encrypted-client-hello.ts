import { noBytes } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { illegalParameter } from '../errors.ts';
import { type ClientHello, encodeClientHello } from './client-hello.ts';
import { extensionTypes } from './extension-type.ts';

/**
 * The forms of encrypted_client_hello in a ClientHello, and the EncodedClientHelloInner that it hides (RFC 9849,
 * Section 5).
 */

/** The extension of a ClientHelloOuter. */
export interface EchOuter {
  readonly kdf: number;
  readonly aead: number;
  readonly configId: number;
  /** The encapsulated key; empty in a second ClientHello. */
  readonly enc: Uint8Array;
  readonly payload: Uint8Array;
}

/** The extension of a ClientHelloInner: its type alone. */
export const echInner = Uint8Array.of(1);

/** Whether the body of the extension is that of a ClientHelloInner. */
export function isEchInner(body: Uint8Array | undefined): boolean {
  return body !== undefined && body[0] === 1;
}

export function encodeEchOuter({ kdf, aead, configId, enc, payload }: EchOuter): Uint8Array {
  const length = 10 + enc.length + payload.length;
  return new Writer(length).u8(0).u16(kdf).u16(aead).u8(configId).vector16(enc).vector16(payload).finish();
}

/** Reads the body of the extension in a ClientHelloOuter. What it returns are views. */
export function decodeEchOuter(body: Uint8Array): EchOuter {
  const reader = new Reader(body, 'clientHello, encryptedClientHello', 1);
  const kdf = reader.u16();
  const aead = reader.u16();
  const configId = reader.u8();
  const enc = reader.vector16();
  const payload = reader.vector16(1);
  reader.end();
  return { kdf, aead, configId, enc, payload };
}

/**
 * Encodes a ClientHelloInner for encryption, without padding: no session ID, and in the place of the extensions that are
 * the same in both hellos, which stand together in the inner one, a list of their types (RFC 9849, Section 5.1).
 */
export function encodeClientHelloInner(inner: ClientHello, shared: readonly number[]): Uint8Array {
  if (shared.length === 0) return encodeClientHello({ ...inner, legacySessionId: noBytes });
  const list = new Writer(1 + 2 * shared.length).u16List(1, shared).finish();
  const type = extensionTypes.echOuterExtensions;
  const first = inner.extensionOrder.indexOf(shared[0] as number);
  const extensionOrder = inner.extensionOrder.filter((other) => !shared.includes(other));
  extensionOrder.splice(first, 0, type);
  const otherExtensions = new Map([...(inner.otherExtensions ?? []), [type, list]]);
  return encodeClientHello({ ...inner, legacySessionId: noBytes, extensionOrder, otherExtensions });
}

/**
 * The body of a ClientHelloInner from what was decrypted and the body of the outer one (RFC 9849, Section 5.1).
 * It grows by nothing but extensions of the outer hello, each at most once, in one walk over them.
 */
export function expandClientHelloInner(encoded: Uint8Array, outer: Uint8Array): Uint8Array {
  const reader = new Reader(encoded, 'clientHelloInner');
  const fields = reader.bytes(2 + 32);
  if (reader.vector8().length > 0) {
    throw illegalParameter(
      'ERR_TLS_ECH_INNER',
      'clientHelloInner: it has a session ID of its own',
      'RFC 9849, Section 5.1',
    );
  }
  const cipherSuites = reader.vector16();
  const compressionMethods = reader.vector8();
  const extensions = reader.nested16('clientHelloInner', 1);
  checkPadding(reader.rest());

  const outerHello = new Reader(outer, 'clientHello', 2 + 32);
  const writer = new Writer(encoded.length + outer.length)
    .bytes(fields)
    .vector8(outerHello.vector8())
    .vector16(cipherSuites)
    .vector8(compressionMethods);
  outerHello.vector16();
  outerHello.vector8();
  const outerExtensions = outerHello.nested16('clientHello');
  const mark = writer.open(2);
  let expanded = false;
  while (extensions.remaining > 0) {
    const type = extensions.u16();
    if (type !== extensionTypes.echOuterExtensions) {
      const body = extensions.vector16();
      if (type === extensionTypes.encryptedClientHello) checkInnerForm(body);
      writer.u16(type).vector16(body);
      continue;
    }
    if (expanded) throw badReference('ech_outer_extensions stands twice');
    expanded = true;
    const body = extensions.nested16('ech_outer_extensions');
    const wanted = body.u16List(1);
    body.end();
    for (const one of wanted) writer.u16(one).vector16(takeExtension(outerExtensions, one));
  }
  return writer.close(mark, 2).finish();
}

/** Reads on to an extension of the outer hello: what is wanted comes in the order in which it stands there. */
function takeExtension(outer: Reader, wanted: number): Uint8Array {
  if (wanted === extensionTypes.encryptedClientHello || wanted === extensionTypes.echOuterExtensions) {
    throw badReference(`extension ${wanted} may not be referred to`);
  }
  while (outer.remaining > 0) {
    const type = outer.u16();
    const body = outer.vector16();
    if (type === wanted) return body;
  }
  throw badReference(`extension ${wanted} is not in the outer hello, or not in this order, or twice in the list`);
}

/** What is decrypted "includes a well-formed "encrypted_client_hello" extension of type inner" (RFC 9849, Section 7.1). */
function checkInnerForm(body: Uint8Array): void {
  if (body.length === 1 && isEchInner(body)) return;
  throw illegalParameter(
    'ERR_TLS_ECH_INNER',
    'clientHelloInner: its encrypted_client_hello is not the inner form',
    'RFC 9849, Section 7.1',
  );
}

function badReference(problem: string): Error {
  return illegalParameter('ERR_TLS_ECH_OUTER_EXTENSIONS', `clientHelloInner: ${problem}`, 'RFC 9849, Section 5.1');
}

/**
 * "If any padding byte is non-zero, the server MUST abort the connection with an "illegal_parameter" alert." (RFC 9849,
 * Section 5.1)
 */
function checkPadding(padding: Uint8Array): void {
  if (padding.every((byte) => byte === 0)) return;
  throw illegalParameter(
    'ERR_TLS_ECH_PADDING',
    'clientHelloInner: the padding is not all zeros',
    'RFC 9849, Section 5.1',
  );
}
