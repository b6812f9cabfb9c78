import { Reader } from '../bytes/reader.ts';
import type { Writer } from '../bytes/writer.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { type ExtensionName, extensionName, extensionTypes } from './extension-type.ts';

/** How the body of one extension is written and read in one kind of message. */
export interface ExtensionCodec<T> {
  encode(writer: Writer, value: T): void;
  decode(reader: Reader): T;
}

/** The extensions that may stand in one kind of message, each with its codec there (RFC 9846, Section 4.2). */
export type ExtensionTable = { readonly [K in ExtensionName]?: ExtensionCodec<unknown> };

/** The decoded values of a block: one optional field an extension. */
export type ExtensionValues<T extends ExtensionTable> = {
  -readonly [K in keyof T]?: T[K] extends ExtensionCodec<infer V> ? V : never;
};

export interface ExtensionBlock<T extends ExtensionTable> {
  /** The values of the extensions in the table. */
  extensions: ExtensionValues<T>;
  /** Every extension type in the order on the wire, also those that the table lacks. */
  extensionOrder: readonly number[];
  /** The bodies of extensions that are unknown here; of many, the first 200. */
  otherExtensions?: ReadonlyMap<number, Uint8Array>;
}

/** Unknown extensions of one block whose bodies are kept: real clients send up to about 20 extensions in all. */
const maxKeptBodies = 200;

const malformedByDuplicates = ['clientHello', 'serverHello', 'encryptedExtensions'];

/**
 * Writes an extension block with its two-byte length. Without `extensionOrder` the table's order is used.
 */
export function encodeExtensions<T extends ExtensionTable>(
  writer: Writer,
  table: T,
  block: Partial<ExtensionBlock<T>>,
): void {
  const values = (block.extensions ?? {}) as Record<string, unknown>;
  const mark = writer.open(2);
  const order = block.extensionOrder ?? Object.keys(table).map((name) => extensionTypes[name as ExtensionName]);
  for (const type of order) {
    const name = extensionName(type);
    const value = name === undefined ? undefined : values[name];
    const codec = name === undefined ? undefined : table[name];
    if (codec !== undefined && value !== undefined) {
      const body = writer.u16(type).open(2);
      codec.encode(writer, value);
      writer.close(body, 2);
      continue;
    }
    const other = block.otherExtensions?.get(type);
    if (other !== undefined) writer.u16(type).vector16(other);
  }
  writer.close(mark, 2);
}

/**
 * Reads an extension block with its two-byte length.
 *
 * An extension that is known but may not stand in this message is refused (RFC 9846, Section 4.2: "If an
 * implementation receives an extension which it recognizes and which is not specified for the message in which it
 * appears, it MUST abort the handshake with an "illegal_parameter" alert."), unless `lenient` says that it be kept
 * as an unknown one: that is for ClientHello, CertificateRequest and NewSessionTicket, where unknown ones are ignored.
 */
export function decodeExtensions<T extends ExtensionTable>(
  reader: Reader,
  table: T,
  what: string,
  lenient = false,
): ExtensionBlock<T> {
  const body = new Reader(reader.vector16(), what);
  const values: Record<string, unknown> = {};
  const order: number[] = [];
  const seen = new Set<number>();
  let others: Map<number, Uint8Array> | undefined;
  while (body.remaining > 0) {
    const type = body.u16();
    const data = body.vector16();
    if (seen.has(type)) {
      // The hellos and EncryptedExtensions count as malformed, as in other stacks; the RFC names no alert.
      const alert = malformedByDuplicates.includes(what) ? 'decodeError' : 'illegalParameter';
      throw new PeerError('ERR_TLS_DUPLICATE_EXTENSION', alert, `${what}: extension ${type} stands twice`, {
        rfc: 'RFC 9846, Section 4.2',
      });
    }
    seen.add(type);
    order.push(type);
    const name = extensionName(type);
    const codec = name === undefined ? undefined : table[name];
    if (name !== undefined && codec !== undefined) {
      const inner = new Reader(data, `${what}, ${name}`);
      values[name] = codec.decode(inner);
      inner.end();
    } else if (name === undefined || lenient) {
      others ??= new Map();
      if (others.size < maxKeptBodies) others.set(type, data);
    } else {
      throw illegalParameter(
        'ERR_TLS_EXTENSION_NOT_ALLOWED',
        `${what}: the extension ${name} may not stand in this message`,
        'RFC 9846, Section 4.2',
      );
    }
  }
  const block: ExtensionBlock<T> = { extensions: values as ExtensionValues<T>, extensionOrder: order };
  if (others !== undefined) block.otherExtensions = others;
  return block;
}
