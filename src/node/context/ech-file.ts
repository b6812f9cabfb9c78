/** Keys of Encrypted Client Hello as text: a private key and its ECHConfigList in PEM (RFC 9934). */
import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { fromBase64 } from '../../bytes/base64.ts';
import { concat, equal } from '../../bytes/bytes.ts';
import { decodePem, encodePem } from '../../bytes/pem.ts';
import type { EchKey } from '../../engine/config.ts';
import { type ListedEchConfig, listEchConfig, listedEchConfigs } from '../../engine/ech-key.ts';

const configLabel = 'ECHCONFIG';

/** The file of a key. */
export function writeEchPem({ config, privateKey }: EchKey): string {
  const configList = listEchConfig(config);
  const [listed] = listedEchConfigs(configList);
  const key = createPrivateKey({ key: jwkOf(listed as ListedEchConfig, privateKey), format: 'jwk' });
  return (key.export({ type: 'pkcs8', format: 'pem' }) as string) + encodePem(configLabel, configList);
}

function jwkOf({ group, publicKey }: ListedEchConfig, privateKey: Uint8Array): JsonWebKey {
  const d = base64url(privateKey);
  if (group === 'x25519') return { kty: 'OKP', crv: 'X25519', x: base64url(publicKey), d };
  const [x, y] = [publicKey.subarray(1, 33), publicKey.subarray(33)];
  return { kty: 'EC', crv: 'P-256', x: base64url(x), y: base64url(y), d };
}

/**
 * The keys of a file: one private key, with each config of the list that is its own; the list "might contain different
 * public keys" (RFC 9934, Section 3), whose private keys stand elsewhere. Throws a `SyntaxError` that names what is missing.
 */
export function readEchPem(text: string): EchKey[] {
  const pem = decodePem(text).find(({ label }) => label === 'PRIVATE KEY');
  if (pem === undefined) throw new SyntaxError('no PEM block "PRIVATE KEY"');
  const { privateKey, publicKey } = keyPairOf(pem.bytes);
  const keys = listedEchConfigs(readEchConfigList(text)).filter((listed) => equal(listed.publicKey, publicKey));
  if (keys.length === 0) throw new SyntaxError('no config of its list belongs to the private key');
  return keys.map(({ config }) => ({ config, privateKey }));
}

/** An ECHConfigList out of a PEM file, or of Base64 as in the `ech=` of an HTTPS record. */
export function readEchConfigList(text: string): Uint8Array {
  const isPem = text.includes('-----BEGIN ');
  const list = isPem ? decodePem(text).find(({ label }) => label === configLabel)?.bytes : fromBase64(text.trim());
  if (list !== undefined && list.length > 0) return list;
  throw new SyntaxError(isPem ? `no PEM block "${configLabel}"` : 'neither PEM nor Base64');
}

function keyPairOf(pkcs8: Uint8Array): { privateKey: Uint8Array; publicKey: Uint8Array } {
  let jwk: JsonWebKey;
  try {
    jwk = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  } catch {
    throw new SyntaxError('the PEM block "PRIVATE KEY" holds no private key');
  }
  const bytes = (name: 'd' | 'x' | 'y') => new Uint8Array(Buffer.from(jwk[name] as string, 'base64url'));
  if (jwk.crv === 'X25519') return { privateKey: bytes('d'), publicKey: bytes('x') };
  if (jwk.crv === 'P-256') {
    return { privateKey: bytes('d'), publicKey: concat(Uint8Array.of(4), bytes('x'), bytes('y')) };
  }
  throw new SyntaxError('the private key is neither on X25519 nor on P-256');
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
