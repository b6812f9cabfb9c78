import { randomBytes } from 'node:crypto';
import { toBase64Url } from './base64url.ts';

/** Nonces that are out at once; beyond it the oldest are forgotten, and their holders asked to try again. */
const maxNonces = 100_000;

/** Anti-replay nonces (RFC 8555, Section 6.5): random, good for one request of this process. */
export class Nonces {
  readonly #out = new Set<string>();

  next(): string {
    const nonce = toBase64Url(randomBytes(16));
    if (this.#out.size >= maxNonces) this.#out.delete(this.#out.values().next().value as string);
    this.#out.add(nonce);
    return nonce;
  }

  /** Whether it is one of ours and not used yet; it is used then. */
  use(nonce: string): boolean {
    return this.#out.delete(nonce);
  }
}
