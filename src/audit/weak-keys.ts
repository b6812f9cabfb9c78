import { constantTimeEqual } from '../bytes/bytes.ts';
import type { AuditCrypto } from './probe.ts';

/** A key that opens a ticket although nobody should have it. */
export interface WeakKeyFinding {
  /** How the ticket is laid out, e.g. `OpenSSL: name, IV, AES-256-CBC, HMAC-SHA-256`. */
  readonly layout: string;
  /** Which key it is, e.g. `all bytes 00`. */
  readonly key: string;
}

/** A way to fill a key of any length. */
interface Candidate {
  readonly name: string;
  fill(length: number): Uint8Array;
}

/** How a server makes the key of the MAC from what it was configured with. */
type Derive = (crypto: AuditCrypto, fill: Candidate['fill']) => readonly Uint8Array[];

/** The key stands as it is in the file, after the name or after the name and the other key. */
function asIs(...lengths: readonly number[]): Derive {
  return (_, fill) => {
    const file = fill(80);
    return lengths.flatMap((length) => [0, 16, 32, 48].map((from) => file.subarray(from, from + length)));
  };
}

/** crypto/tls of Go expands 32 bytes by SHA-512: 16 bytes are skipped, 16 encrypt, 16 authenticate. */
const goKeys: Derive = (crypto, fill) => [crypto.hash('sha512', fill(32)).subarray(32, 48)];

/** All-zero and constant keys, as found in the wild (USENIX Security 2023), and those that counting fills. */
const candidates: readonly Candidate[] = [
  ...Array.from({ length: 256 }, (_, byte) => ({
    name: `all bytes ${byte.toString(16).padStart(2, '0')}`,
    fill: (length: number) => new Uint8Array(length).fill(byte),
  })),
  { name: 'bytes counting from 00', fill: (length) => Uint8Array.from({ length }, (_, i) => i) },
  { name: 'bytes counting from 01', fill: (length) => Uint8Array.from({ length }, (_, i) => i + 1) },
];

/** Layouts with a MAC after the ciphertext, over all before it. */
const macLayouts = [
  { name: 'OpenSSL: name, IV, AES-CBC, HMAC-SHA-256', hash: 'sha256', macLength: 32, keys: asIs(32, 16) },
  { name: 'GnuTLS: name, IV, length, AES-CBC, HMAC-SHA-1', hash: 'sha1', macLength: 20, keys: asIs(16, 20) },
  { name: 'Go: IV, AES-CTR, HMAC-SHA-256', hash: 'sha256', macLength: 32, keys: goKeys },
] as const;

/** AEAD layouts: where the nonce stands, and what is authenticated beside the ciphertext. */
const aeadLayouts = [
  { name: 'nonce, ciphertext', nonceAt: 0, authenticated: 0 },
  { name: 'name (16), nonce, ciphertext', nonceAt: 16, authenticated: 0 },
  { name: 'name (16), nonce, ciphertext, name authenticated', nonceAt: 16, authenticated: 16 },
  { name: 'name (4), nonce, ciphertext', nonceAt: 4, authenticated: 0 },
  { name: 'format and name (17), nonce, ciphertext', nonceAt: 17, authenticated: 17 },
] as const;
const aeadNames = ['aes128gcm', 'aes256gcm', 'chacha20poly1305'] as const;

/**
 * Tries to authenticate a ticket under keys that anybody can guess. A hit means that everybody who saw the ticket can
 * resume as that client, and with TLS 1.2 read the recorded connection.
 *
 * Nothing found says only that none of these keys in none of these layouts fits.
 */
export function findWeakTicketKey(crypto: AuditCrypto, ticket: Uint8Array): WeakKeyFinding | undefined {
  return findWeakMac(crypto, ticket) ?? findWeakAead(crypto, ticket);
}

function findWeakMac(crypto: AuditCrypto, ticket: Uint8Array): WeakKeyFinding | undefined {
  for (const layout of macLayouts) {
    if (ticket.length <= 32 + layout.macLength) continue;
    const body = ticket.subarray(0, ticket.length - layout.macLength);
    const mac = ticket.subarray(ticket.length - layout.macLength);
    for (const candidate of [...candidates, nameAgain(ticket)]) {
      for (const key of layout.keys(crypto, candidate.fill)) {
        if (!constantTimeEqual(crypto.hmac(layout.hash, key, body), mac)) continue;
        return { layout: layout.name, key: candidate.name };
      }
    }
  }
  return undefined;
}

/** A key file of one repeated block shows the key as its name. */
function nameAgain(ticket: Uint8Array): Candidate {
  return { name: 'its own name again', fill: (length) => Uint8Array.from({ length }, (_, i) => ticket[i % 16] ?? 0) };
}

function findWeakAead(crypto: AuditCrypto, ticket: Uint8Array): WeakKeyFinding | undefined {
  for (const candidate of candidates) {
    for (const name of aeadNames) {
      const aead = crypto.createAead(name, candidate.fill(name === 'aes128gcm' ? 16 : 32));
      for (const layout of aeadLayouts) {
        if (ticket.length < layout.nonceAt + 12 + 16) continue;
        const nonce = ticket.subarray(layout.nonceAt, layout.nonceAt + 12);
        const opened = aead.open(nonce, ticket.subarray(0, layout.authenticated), ticket.subarray(layout.nonceAt + 12));
        if (opened !== undefined) return { layout: `${name}: ${layout.name}`, key: candidate.name };
      }
      aead.destroy();
    }
  }
  return undefined;
}
