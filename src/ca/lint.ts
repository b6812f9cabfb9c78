import { equal } from '../bytes/bytes.ts';
import type { CryptoProvider, PublicKey, SignatureAlgorithm } from '../crypto/provider.ts';
import { encodeSignatureAlgorithm } from '../pki/algorithm.ts';
import type { Certificate } from '../pki/certificate.ts';
import { derBitString, derSequence } from '../pki/der/writer.ts';
import type { GeneralName } from '../pki/general-name.ts';
import { formatIp } from '../pki/ip.ts';
import { createTrustAnchors } from '../pki/verify/anchors.ts';
import { type VerifyOptions, verifyChain } from '../pki/verify/verify-chain.ts';
import { caError } from './error.ts';

/** A certificate before its signature, and the chain that it will stand in. */
export interface LintInput {
  readonly crypto: CryptoProvider;
  /** What is about to be signed, and how. */
  readonly tbs: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly issuer: Certificate;
  readonly root: Certificate;
  readonly purposes: readonly ('serverAuth' | 'clientAuth')[];
  readonly names: readonly GeneralName[];
  readonly now: number;
}

/**
 * Verifies a certificate before it is signed, as a strict client will: parsing, path, constraints, purposes, names.
 * The signature is a stand-in that the verifier is told to believe. Throws `ERR_TLS_CA_LINT`; no key has signed
 * anything then.
 */
export function lintBeforeSigning(input: LintInput): void {
  const { tbs, algorithm, issuer, root, purposes } = input;
  const standIn = input.crypto.random(64);
  const draft = derSequence(tbs, encodeSignatureAlgorithm(algorithm), derBitString(standIn));
  const crypto = believing(input.crypto, tbs, standIn);
  // Anchors of this one check: the verifier remembers keys with them, and the believing one may not stay anywhere.
  const anchors = createTrustAnchors([root.der]);
  try {
    for (const purpose of purposes) {
      const profile = purpose === 'serverAuth' ? 'server' : 'client';
      const options = { chain: [draft, issuer.der], anchors, now: input.now, profile, crypto } as const;
      if (profile === 'client') verifyDraft(options);
      else for (const name of hostsOf(input.names)) verifyDraft({ ...options, name });
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw caError(
      'ERR_TLS_CA_LINT',
      `clients would refuse this certificate, so it was not signed: ${why}${adviceFor(error)}`,
      error,
    );
  }
}

// There is no OCSP answer yet to staple to a certificate that demands one: the verifier looks for it last.
function verifyDraft(options: VerifyOptions): void {
  const verdict = verifyChain(options);
  if (!verdict.ok && verdict.error.code !== 'ERR_TLS_CERT_MUST_STAPLE') throw verdict.error;
}

// A provider that takes one signature over one text for valid, and judges every other itself.
function believing(crypto: CryptoProvider, tbs: Uint8Array, standIn: Uint8Array): CryptoProvider {
  const importPublicKey = (spki: Uint8Array): PublicKey => {
    const key = crypto.importPublicKey(spki);
    return {
      type: key.type,
      bits: key.bits,
      encryptPkcs1: (plaintext) => key.encryptPkcs1(plaintext),
      verify: (algorithm, data, signature) =>
        (equal(signature, standIn) && equal(data, tbs)) || key.verify(algorithm, data, signature),
    };
  };
  return new Proxy(crypto, {
    get(target, property) {
      if (property === 'importPublicKey') return importPublicKey;
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Hosts that a client would connect to under these names; the one of a wildcard is made up. */
function hostsOf(names: readonly GeneralName[]): string[] {
  return names.flatMap((name) =>
    name.kind === 'dns' ? [name.value.replace(/^\*/, 'host')] : name.kind === 'ip' ? [formatIp(name.value)] : [],
  );
}

function adviceFor(error: unknown): string {
  const code = (error as { code?: string }).code ?? '';
  return code.includes('CONSTRAINT') ? '. The authority may vouch for the names that it was created for only' : '';
}
