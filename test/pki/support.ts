import * as nodeCrypto from 'node:crypto';
import type { SignatureAlgorithm } from '../../src/crypto/provider.ts';
import type { Signer } from '../../src/pki/build.ts';
import {
  buildCertificate,
  type ExtensionInput,
  encodeName,
  extension,
  type GeneralName,
  publicKeyBits,
} from '../../src/pki/index.ts';

export interface TestKey extends Signer {
  readonly spki: Uint8Array;
  readonly keyId: Uint8Array;
  readonly privateKey: nodeCrypto.KeyObject;
}

/** A fresh key with its signer. */
export function testKey(type: 'p256' | 'p384' | 'rsa' | 'ed25519' = 'p256'): TestKey {
  const { publicKey, privateKey } =
    type === 'rsa'
      ? nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
      : type === 'ed25519'
        ? nodeCrypto.generateKeyPairSync('ed25519')
        : nodeCrypto.generateKeyPairSync('ec', { namedCurve: type === 'p256' ? 'P-256' : 'P-384' });
  const algorithm: SignatureAlgorithm =
    type === 'rsa'
      ? { kind: 'rsaPkcs1', hash: 'sha256' }
      : type === 'ed25519'
        ? { kind: 'ed25519' }
        : { kind: 'ecdsa', hash: type === 'p256' ? 'sha256' : 'sha384' };
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return {
    algorithm,
    spki,
    keyId: new Uint8Array(nodeCrypto.createHash('sha1').update(publicKeyBits(spki)).digest()),
    privateKey,
    sign: (data) => new Uint8Array(nodeCrypto.sign('hash' in algorithm ? algorithm.hash : null, data, privateKey)),
  };
}

/** When the test certificates are judged: 2026-06-01. */
export const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;

export interface TestIssuer {
  readonly name: string;
  readonly key: TestKey;
}

export interface TestCertificate {
  readonly name?: string;
  readonly key: TestKey;
  readonly issuer: TestIssuer;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly names?: readonly GeneralName[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Replace those that a certificate of its kind has, by their identifier; `undefined` removes. */
  readonly replace?: Readonly<Record<string, ExtensionInput | undefined>>;
  readonly more?: readonly ExtensionInput[];
  readonly serialNumber?: Uint8Array;
}

/** A certificate as a good CA makes it, with what the test wants otherwise. */
export async function testCertificate(input: TestCertificate): Promise<Uint8Array> {
  const { key, issuer, ca = false, names = [] } = input;
  const list: ExtensionInput[] = [
    extension.basicConstraints(ca, input.pathLength),
    ca ? extension.keyUsage('keyCertSign', 'crlSign') : extension.keyUsage('digitalSignature'),
    ...(ca ? [] : [extension.extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2')]),
    extension.subjectKeyIdentifier(key.keyId),
    extension.authorityKeyIdentifier(issuer.key.keyId),
    ...(names.length > 0 ? [extension.subjectAltName(names, input.name === undefined)] : []),
  ];
  const { replace = {} } = input;
  const extensions = list.flatMap((item) => (item.oid in replace ? (replace[item.oid] ?? []) : item));
  return buildCertificate(
    {
      serialNumber: input.serialNumber ?? new Uint8Array([0x40, ...nodeCrypto.randomBytes(11)]),
      issuer: encodeName([['CN', issuer.name]]),
      subject: encodeName(input.name === undefined ? [] : [['CN', input.name]]),
      notBefore: input.notBefore ?? now - day,
      notAfter: input.notAfter ?? now + 30 * day,
      spki: key.spki,
      extensions: [...extensions, ...(input.more ?? [])],
    },
    issuer.key,
  );
}

export const dns = (...values: readonly string[]): GeneralName[] => values.map((value) => ({ kind: 'dns', value }));
