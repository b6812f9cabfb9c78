import { createRequire } from 'node:module';
import type { Sodium } from '../../src/crypto/node-accelerator.ts';

function load(): Sodium | undefined {
  try {
    return createRequire(import.meta.url)('sodium-native') as Sodium;
  } catch {
    return undefined;
  }
}

/** `undefined` where the package is not installed, or has no build for this platform. */
export const sodium: Sodium | undefined = load();

/** Why tests of it are skipped, or `false`. */
export const withoutSodium: string | false =
  sodium === undefined && 'sodium-native is not installed, or has no build for this platform';
