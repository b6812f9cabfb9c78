import { equal, toHex } from '../bytes/bytes.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import type { FleetKeys } from './fleet-key.ts';
import { keyNameLength } from './ticket-keyring.ts';

/**
 * What a fleet agrees on: its ticket keys, their times, and since which revision each has been there. It stands in
 * the shared store for all nodes to read; the secrets in it are wrapped under a fleet key that is not in the store.
 * Times are the store's.
 */
export interface RingDocument {
  readonly entries: readonly RingEntry[];
}

export interface RingEntry {
  /** Public; 16 bytes. */
  readonly name: Uint8Array;
  /** Milliseconds since the epoch: when it is planned to seal, to stop sealing, and when it is destroyed. */
  readonly sealFrom: number;
  readonly sealUntil: number;
  readonly openUntil: number;
  /** The revision of the document that brought it: a node that has acknowledged that one can open its tickets. */
  readonly addedIn: number;
  /** Wrapped by the fleet key and bound to ring, name and times; empty for a key that was revoked. */
  readonly wrapped: Uint8Array;
}

const format = 1;
/** No fleet needs more keys than this at once. */
const maxEntries = 1000;

export function encodeRingDocument(document: RingDocument): Uint8Array {
  const writer = new Writer(1024).u8(format).u16(document.entries.length);
  for (const entry of document.entries) {
    writer.bytes(entry.name);
    for (const time of [entry.sealFrom, entry.sealUntil, entry.openUntil, entry.addedIn]) writeNumber(writer, time);
    writer.vector16(entry.wrapped);
  }
  return writer.finish();
}

/** `undefined` for anything that is no document. Never throws. */
export function decodeRingDocument(bytes: Uint8Array): RingDocument | undefined {
  if (bytes[0] !== format) return undefined;
  try {
    const reader = new Reader(bytes.slice(), 'ring document', 1);
    const count = reader.u16();
    if (count > maxEntries) return undefined;
    const entries: RingEntry[] = [];
    for (let i = 0; i < count; i++) {
      const name = reader.bytes(keyNameLength);
      const [sealFrom, sealUntil] = [readNumber(reader), readNumber(reader)];
      const [openUntil, addedIn] = [readNumber(reader), readNumber(reader)];
      entries.push({ name, sealFrom, sealUntil, openUntil, addedIn, wrapped: reader.vector16() });
    }
    reader.end();
    return { entries };
  } catch {
    return undefined;
  }
}

/**
 * Wraps the secret of a key; whoever can write to the store can neither change its times nor move it to another ring.
 */
export function wrapRingKey(
  keys: FleetKeys,
  ring: string,
  entry: Omit<RingEntry, 'wrapped' | 'addedIn'>,
  secret: Uint8Array,
): Uint8Array {
  return keys.seal(wrapContext(ring, entry), secret);
}

/** The secret, or `undefined` where no fleet key of this node opens it or something was changed. */
export function unwrapRingKey(keys: FleetKeys, ring: string, entry: RingEntry): Uint8Array | undefined {
  return keys.open(wrapContext(ring, entry), entry.wrapped);
}

/**
 * Both documents as one, without what has ended: for a node that finds its keys gone from the store (flushed,
 * restored from an old copy). A revocation in either counts. Keys that `lost` alone has get `addedIn` anew.
 */
export function mergeDocuments(found: RingDocument, lost: RingDocument, now: number, revision: number): RingDocument {
  const entries = new Map(found.entries.map((entry) => [toHex(entry.name), entry]));
  for (const entry of lost.entries) {
    const there = entries.get(toHex(entry.name));
    if (there === undefined) entries.set(toHex(entry.name), { ...entry, addedIn: revision });
    else if (entry.wrapped.length === 0 && there.wrapped.length > 0) {
      entries.set(toHex(entry.name), { ...there, wrapped: entry.wrapped });
    }
  }
  return { entries: [...entries.values()].filter((entry) => entry.openUntil > now) };
}

/** Whether `found` lacks a living key that `known` has: the document was lost. */
export function lostEntries(found: RingDocument, known: RingDocument, now: number): boolean {
  return known.entries.some((entry) => entry.openUntil > now && entryOf(found, entry) === undefined);
}

/** Whether `found` lacks a living key or a revocation that `known` has. */
export function lacksEntries(found: RingDocument, known: RingDocument, now: number): boolean {
  const unrevoked = (entry: RingEntry) => entry.wrapped.length === 0 && entryOf(found, entry)?.wrapped.length !== 0;
  return lostEntries(found, known, now) || known.entries.some((entry) => entry.openUntil > now && unrevoked(entry));
}

function entryOf(document: RingDocument, { name }: RingEntry): RingEntry | undefined {
  return document.entries.find((each) => equal(each.name, name));
}

function wrapContext(ring: string, entry: Omit<RingEntry, 'wrapped' | 'addedIn'>): Uint8Array {
  const writer = new Writer(128).vector16(new TextEncoder().encode(`handfast ring ${ring}`)).bytes(entry.name);
  for (const time of [entry.sealFrom, entry.sealUntil, entry.openUntil]) writeNumber(writer, time);
  return writer.finish();
}

function writeNumber(writer: Writer, value: number): void {
  const whole = Math.min(Math.max(0, Math.floor(value)), 2 ** 48 - 1);
  writer.u16(Math.floor(whole / 2 ** 32)).u32(whole % 2 ** 32);
}

function readNumber(reader: Reader): number {
  return reader.u16() * 2 ** 32 + reader.u32();
}
