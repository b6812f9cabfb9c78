import type { Reader } from '../bytes/reader.ts';
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

/** The values of a block: one optional field an extension. */
export type ExtensionValues<T extends ExtensionTable> = {
  -readonly [K in keyof T]?: T[K] extends ExtensionCodec<infer V> ? V : never;
};

export interface ExtensionBlock<T extends ExtensionTable> {
  /** The values of the extensions in the table. */
  extensions: ExtensionValues<T>;
  /** Every extension type in the order on the wire, also those that the table lacks. */
  extensionOrder: readonly number[];
  /** The bodies of extensions that are unknown here; of many, the first 200. */
  otherExtensions?: ReadonlyMap<number, Uint8Array> | undefined;
}

/** Unknown extensions of one block whose bodies are kept: real clients send up to about 20 extensions in all. */
const maxKeptBodies = 200;

const malformedByDuplicates = ['clientHello', 'serverHello', 'encryptedExtensions'];

/** One extension of a table. */
interface Entry {
  readonly type: number;
  readonly name: ExtensionName;
  readonly codec: ExtensionCodec<unknown>;
}

/** A table, ready for use. */
interface Index {
  readonly entries: readonly Entry[];
  readonly byType: ReadonlyMap<number, Entry>;
  /** A field for each extension, none set. */
  readonly blank: Readonly<Partial<Record<ExtensionName, undefined>>>;
}

const indexes = new WeakMap<ExtensionTable, Index>();

function indexOf(table: ExtensionTable): Index {
  let index = indexes.get(table);
  if (index !== undefined) return index;
  const entries = Object.entries(table).map(([key, codec]): Entry => {
    const name = key as ExtensionName;
    return { type: extensionTypes[name], name, codec };
  });
  // Made at one go: V8 turns an object that gets a dozen fields by computed names into a slow dictionary.
  const blank = Object.fromEntries(entries.map(({ name }) => [name, undefined]));
  index = { entries, byType: new Map(entries.map((entry) => [entry.type, entry])), blank };
  indexes.set(table, index);
  return index;
}

/**
 * The values of a block without extensions: every field of the table is there, `undefined`. Blocks of one table all have
 * the same shape then, whatever a peer sends and in whichever order, and what reads them stays fast.
 */
export function noExtensions<T extends ExtensionTable>(table: T): ExtensionValues<T> {
  return { ...indexOf(table).blank } as ExtensionValues<T>;
}

/** Numbers that may come once each. */
export class Distinct {
  readonly #few: number[] = [];
  #many: Set<number> | undefined;

  /** `false` where the number was there already. */
  add(number: number): boolean {
    if (this.#many !== undefined) {
      if (this.#many.has(number)) return false;
      this.#many.add(number);
      return true;
    }
    const few = this.#few;
    if (few.includes(number)) return false;
    few.push(number);
    // Up to here looking through an array is faster than hashing; beyond, a peer could make it slow.
    if (few.length === 32) this.#many = new Set(few);
    return true;
  }
}

/**
 * Writes an extension block with its two-byte length. Without `extensionOrder` the table's order is used.
 */
export function encodeExtensions<T extends ExtensionTable>(
  writer: Writer,
  table: T,
  block: Partial<ExtensionBlock<T>>,
): void {
  const { entries, byType } = indexOf(table);
  const values = (block.extensions ?? {}) as Partial<Record<ExtensionName, unknown>>;
  const mark = writer.open(2);
  if (block.extensionOrder === undefined) {
    for (const entry of entries) encodeExtension(writer, entry, values[entry.name]);
    writer.close(mark, 2);
    return;
  }
  for (const type of block.extensionOrder) {
    const entry = byType.get(type);
    if (entry !== undefined && encodeExtension(writer, entry, values[entry.name])) continue;
    const other = block.otherExtensions?.get(type);
    if (other !== undefined) writer.u16(type).vector16(other);
  }
  writer.close(mark, 2);
}

/** Writes an extension where it has a value. */
function encodeExtension(writer: Writer, { type, codec }: Entry, value: unknown): boolean {
  if (value === undefined) return false;
  const body = writer.u16(type).open(2);
  codec.encode(writer, value);
  writer.close(body, 2);
  return true;
}

/** Whether a block has an extension of its table to send. */
export function hasExtensions<T extends ExtensionTable>(table: T, block: Partial<ExtensionBlock<T>>): boolean {
  const values = (block.extensions ?? {}) as Partial<Record<ExtensionName, unknown>>;
  return indexOf(table).entries.some(({ name }) => values[name] !== undefined);
}

/**
 * Reads an extension block with its two-byte length.
 *
 * An extension that is known but may not stand in this message is refused (RFC 9846, Section 4.2: "If an
 * implementation receives an extension which it recognizes and which is not specified for the message in which it
 * appears, it MUST abort the handshake with an "illegal_parameter" alert."), unless `lenient` says that it be kept
 * as an unknown one: that is for a table which does not name all that may stand in the message.
 */
export function decodeExtensions<T extends ExtensionTable>(
  reader: Reader,
  table: T,
  what: string,
  lenient = false,
): ExtensionBlock<T> {
  const { byType, blank } = indexOf(table);
  const body = reader.nested16(what);
  const values: Partial<Record<ExtensionName, unknown>> = { ...blank };
  const order: number[] = [];
  const distinct = new Distinct();
  let others: Map<number, Uint8Array> | undefined;
  while (body.remaining > 0) {
    const type = body.u16();
    const entry = byType.get(type);
    const name = entry === undefined ? extensionName(type) : entry.name;
    const inner = body.nested16(name === undefined ? what : `${what}, ${name}`);
    if (!distinct.add(type)) {
      // The hellos and EncryptedExtensions count as malformed, as in other stacks; the RFC names no alert.
      const alert = malformedByDuplicates.includes(what) ? 'decodeError' : 'illegalParameter';
      throw new PeerError('ERR_TLS_DUPLICATE_EXTENSION', alert, `${what}: extension ${type} stands twice`, {
        rfc: 'RFC 9846, Section 4.2',
      });
    }
    order.push(type);
    if (entry !== undefined) {
      values[entry.name] = entry.codec.decode(inner);
      inner.end();
    } else if (name === undefined || lenient) {
      others ??= new Map();
      if (others.size < maxKeptBodies) others.set(type, inner.rest());
    } else {
      throw illegalParameter(
        'ERR_TLS_EXTENSION_NOT_ALLOWED',
        `${what}: the extension ${name} may not stand in this message`,
        'RFC 9846, Section 4.2',
      );
    }
  }
  return { extensions: values as ExtensionValues<T>, extensionOrder: order, otherExtensions: others };
}
