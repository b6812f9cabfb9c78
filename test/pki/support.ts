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

export type TestKeyType = 'p256' | 'p384' | 'p521' | 'rsa' | 'rsaPss' | 'ed25519' | 'mldsa65';

const algorithms: Readonly<Record<TestKeyType, SignatureAlgorithm>> = {
  p256: { kind: 'ecdsa', hash: 'sha256' },
  p384: { kind: 'ecdsa', hash: 'sha384' },
  p521: { kind: 'ecdsa', hash: 'sha512' },
  rsa: { kind: 'rsaPkcs1', hash: 'sha256' },
  rsaPss: { kind: 'rsaPss', hash: 'sha256', saltLength: 32 },
  ed25519: { kind: 'ed25519' },
  mldsa65: { kind: 'mldsa65' },
};

function generate(type: TestKeyType): nodeCrypto.KeyPairKeyObjectResult {
  if (type === 'rsa' || type === 'rsaPss') return nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (type === 'ed25519') return nodeCrypto.generateKeyPairSync('ed25519');
  if (type === 'mldsa65') return nodeCrypto.generateKeyPairSync('ml-dsa-65' as 'ed25519');
  return nodeCrypto.generateKeyPairSync('ec', { namedCurve: `P-${type.slice(1)}` });
}

/** Whether this Node makes such keys. */
export function hasKeyType(type: TestKeyType): boolean {
  try {
    generate(type);
    return true;
  } catch {
    return false;
  }
}

/** A fresh key with its signer. */
export function testKey(type: TestKeyType = 'p256'): TestKey {
  const { publicKey, privateKey } = generate(type);
  const algorithm = algorithms[type];
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const padding = type === 'rsaPss' ? { padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
  return {
    algorithm,
    spki,
    keyId: new Uint8Array(nodeCrypto.createHash('sha1').update(publicKeyBits(spki)).digest()),
    privateKey,
    sign: (data) =>
      new Uint8Array(
        nodeCrypto.sign('hash' in algorithm ? algorithm.hash : null, data, { key: privateKey, ...padding }),
      ),
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
  /** Encoded, in place of the one that `name` makes. */
  readonly subject?: Uint8Array;
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
      subject: input.subject ?? encodeName(input.name === undefined ? [] : [['CN', input.name]]),
      notBefore: input.notBefore ?? now - day,
      notAfter: input.notAfter ?? now + 30 * day,
      spki: key.spki,
      extensions: [...extensions, ...(input.more ?? [])],
    },
    issuer.key,
  );
}

export const dns = (...values: readonly string[]): GeneralName[] => values.map((value) => ({ kind: 'dns', value }));
