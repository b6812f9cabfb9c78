import { noBytes } from '../bytes/bytes.ts';
import type { CommonHandshakeConfig } from './config.ts';

/** Reserved values that a peer has to ignore (RFC 8701). */

/** One of the sixteen values of two bytes, by a random byte. */
export function greaseValue(byte: number): number {
  return (byte & 0xf0) * 0x0101 + 0x0a0a;
}

/** A list of codes with a reserved one in front. */
export function greased(list: readonly number[], value: number | undefined): number[] {
  return value === undefined ? [...list] : [value, ...list];
}

/** An extension that nobody knows, for a message of the server's (RFC 8701, Section 4.1). */
export interface GreaseExtension {
  readonly extensionOrder: readonly number[];
  readonly otherExtensions: ReadonlyMap<number, Uint8Array>;
}

/** Puts a reserved extension, empty or of a byte, before those of these types. */
export function greaseExtension({ random }: CommonHandshakeConfig, types: readonly number[]): GreaseExtension {
  const [value = 0, length = 0] = random(2);
  const type = greaseValue(value);
  return {
    extensionOrder: [type, ...types],
    otherExtensions: new Map([[type, (length & 1) === 0 ? noBytes : Uint8Array.of(0)]]),
  };
}
