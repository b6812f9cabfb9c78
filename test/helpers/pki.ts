/** The fixed test authority of `test/fixtures/pki` (made by its `make.sh`): root, intermediates, leaves and their keys. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'fixtures', 'pki');

/** Names of the leaves. Those for servers hold localhost, example.test, *.example.test, 127.0.0.1 and ::1. */
export type KeyName = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'ed25519' | 'rsa' | 'rsa-pss';
export type IdentityName = KeyName | `client-${KeyName}` | 'stranger';

export interface TestIdentity {
  /** Files, for other programs: the chain in PEM (leaf first, without the root), and the key (PKCS#8, PEM). */
  readonly chainFile: string;
  readonly keyFile: string;
  /** The leaf alone, and the intermediate that signed it. */
  readonly leafFile: string;
  readonly issuerFile: string;
  readonly chainPem: string;
  readonly keyPem: string;
  /** DER, leaf first, without the root. */
  readonly chain: Uint8Array[];
  /** PKCS#8, DER. */
  readonly key: Uint8Array;
}

/** The root that every leaf but `stranger` leads to. */
export const rootFile: string = join(folder, 'root.crt');
export const rootPem: string = readFileSync(rootFile, 'utf8');
/** DER of the root certificate. */
export const rootDer: Uint8Array = pemBodies(rootPem)[0] as Uint8Array;

/** The words with which `openssl` makes a certificate request and its key; what follows says where, and for whom. */
export const opensslRequest = [
  'req',
  '-new',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
] as const;

const loaded = new Map<IdentityName, TestIdentity>();

/** A certificate chain with its key. */
export function testIdentity(name: IdentityName): TestIdentity {
  let identity = loaded.get(name);
  if (identity === undefined) {
    const chainFile = join(folder, `${name}.chain.crt`);
    const keyFile = join(folder, `${name}.key`);
    const chainPem = readFileSync(chainFile, 'utf8');
    const keyPem = readFileSync(keyFile, 'utf8');
    identity = {
      leafFile: join(folder, `${name}.crt`),
      issuerFile: join(folder, /rsa/.test(name) ? 'intermediate-rsa.crt' : 'intermediate.crt'),
      chainFile,
      keyFile,
      chainPem,
      keyPem,
      chain: pemBodies(chainPem),
      key: pemBodies(keyPem)[0] as Uint8Array,
    };
    loaded.set(name, identity);
  }
  return identity;
}

/** A copy of a DER file of the test authority, e.g. `intermediate.crt`. */
export function testCertificate(name: string): Uint8Array {
  return pemBodies(readFileSync(join(folder, name), 'utf8'))[0] as Uint8Array;
}

function pemBodies(pem: string): Uint8Array[] {
  return [...pem.matchAll(/-----BEGIN [A-Z ]+-----([^-]+)-----END/g)].map(
    (match) => new Uint8Array(Buffer.from(match[1] as string, 'base64')),
  );
}
