/** OpenSSL's names for groups and signature algorithms: the options `ecdhCurve` and `sigalgs`. */
import { getCurves } from 'node:crypto';
import { defaultGroups, groupName } from '../../crypto/named-groups.ts';
import type { GroupName } from '../../crypto/provider.ts';
import { signatureScheme, signatureSchemeCodes, signatureSchemes } from '../../crypto/signature-schemes.ts';
import { nodeError } from '../base/node-errors.ts';

const groupNames: Readonly<Record<string, GroupName>> = {
  x25519: 'x25519',
  'p-256': 'secp256r1',
  prime256v1: 'secp256r1',
  secp256r1: 'secp256r1',
  'p-384': 'secp384r1',
  secp384r1: 'secp384r1',
  'p-521': 'secp521r1',
  secp521r1: 'secp521r1',
  x25519mlkem768: 'X25519MLKEM768',
  secp256r1mlkem768: 'SecP256r1MLKEM768',
  secp384r1mlkem1024: 'SecP384r1MLKEM1024',
  mlkem1024: 'MLKEM1024',
};

/** Groups of OpenSSL's that this stack lacks and that are no curves of `crypto.getCurves()`. */
const otherGroups = /^(?:x448|p-224|p-192|ffdhe(?:2048|3072|4096|6144|8192)|brainpoolp(?:256|384|512)r1tls13)$/;

/**
 * Groups of `ecdhCurve`: `auto`, or names with `:` between them, most wanted first. What OpenSSL has and this stack lacks
 * is passed over where something is left.
 */
export function parseEcdhCurve(curves: string): readonly GroupName[] {
  if (curves === 'auto') return [...defaultGroups.map((code) => groupName(code)!), 'secp521r1'];
  const names = curves.split(':');
  const groups = names.flatMap((name) => groupNames[name.toLowerCase()] ?? []);
  const unknown = names.find((name) => !isGroup(name)) ?? (groups.length === 0 ? names[0] : undefined);
  if (unknown === undefined) return groups;
  throw nodeError(
    'ERR_CRYPTO_OPERATION_FAILED',
    `Failed to set ECDH curve: Handfast has no "${unknown}"; it has X25519MLKEM768, X25519, P-256, P-384 and P-521`,
  );
}

function isGroup(name: string): boolean {
  const lower = name.toLowerCase();
  return lower in groupNames || otherGroups.test(lower) || getCurves().some((curve) => curve.toLowerCase() === lower);
}

/** What `getEphemeralKeyInfo()` shows of a group. */
export function ephemeralKeyInfo(group: GroupName | undefined): { type?: string; name?: string; size?: number } {
  switch (group) {
    case undefined:
      return {};
    case 'x25519':
      return { type: 'ECDH', name: 'X25519', size: 253 };
    case 'secp256r1':
      return { type: 'ECDH', name: 'prime256v1', size: 256 };
    case 'secp384r1':
      return { type: 'ECDH', name: 'secp384r1', size: 384 };
    case 'secp521r1':
      return { type: 'ECDH', name: 'secp521r1', size: 521 };
    default:
      // A hybrid has no one size; OpenSSL shows none either.
      return { type: 'ECDH', name: group, size: 0 };
  }
}

const ecdsaByHash: Readonly<Record<string, number>> = {
  sha1: signatureSchemeCodes.ecdsa_sha1,
  sha256: signatureSchemeCodes.ecdsa_secp256r1_sha256,
  sha384: signatureSchemeCodes.ecdsa_secp384r1_sha384,
  sha512: signatureSchemeCodes.ecdsa_secp521r1_sha512,
};

/** SignatureScheme codes of `sigalgs`: `RSA-PSS+SHA256:ecdsa_secp256r1_sha256:ed25519`. */
export function parseSigalgs(list: string): number[] {
  return list.split(':').map((word) => {
    const code = schemeCode(word.toLowerCase());
    if (code !== undefined) return code;
    throw nodeError('ERR_CRYPTO_OPERATION_FAILED', `Failed to set the signature algorithms: "${word}" is not known`);
  });
}

function schemeCode(word: string): number | undefined {
  const named = signatureSchemes.find(({ name }) => name === word);
  if (named !== undefined) return named.code;
  const [kind, hash] = word.split('+') as [string, string | undefined];
  if (hash === undefined) return undefined;
  if (kind === 'ecdsa') return ecdsaByHash[hash];
  const prefix = kind === 'rsa' ? 'rsa_pkcs1' : kind === 'rsa-pss' || kind === 'pss' ? 'rsa_pss_rsae' : undefined;
  return signatureSchemes.find(({ name }) => name === `${prefix}_${hash}`)?.code;
}

/** The name that `getSharedSigalgs()` shows for a code. */
export function sigalgName(code: number): string {
  const scheme = signatureScheme(code);
  if (scheme === undefined) return `UNDEF+0x${code.toString(16)}`;
  const { algorithm } = scheme;
  if (algorithm.kind === 'ed25519') return 'Ed25519+UNDEF';
  if (algorithm.kind === 'ed448') return 'Ed448+UNDEF';
  const hash = 'hash' in algorithm ? algorithm.hash.toUpperCase() : 'UNDEF';
  const kind = algorithm.kind === 'ecdsa' ? 'ECDSA' : algorithm.kind === 'rsaPss' ? 'RSA-PSS' : 'RSA';
  return `${kind}+${hash}`;
}

/** `TLSv1.3` or `TLSv1.2`, as `getProtocol()` says it. */
export function versionLabel(version: number): string {
  return version === 0x0304 ? 'TLSv1.3' : 'TLSv1.2';
}
