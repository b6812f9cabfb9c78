import { readFileSync } from 'node:fs';
import { noBytes } from '../../src/bytes/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.ts';
import { schemeFitsKey, signatureScheme } from '../../src/crypto/signature-schemes.ts';
import { delegationOf } from '../../src/engine/delegated-credential.ts';
import { TlsError } from '../../src/errors.ts';
import type { Credential, Delegation } from '../../src/handshake/config.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { type ExternalPsk, importPsk } from '../../src/session/psk-importer.ts';
import { decodeDelegatedCredential } from '../../src/wire/delegated-credential.ts';
import { type CredentialFlags, type Options, Unimplemented } from './flags.ts';

/** The DER blocks of a PEM file, in order. */
export function readPem(file: string): Uint8Array[] {
  const blocks = readFileSync(file, 'latin1').matchAll(/-----BEGIN [A-Z0-9 ]+-----([^-]+)-----END/g);
  return [...blocks].map(([, body]) => new Uint8Array(Buffer.from(body!, 'base64')));
}

/** SignedCertificateTimestampList (RFC 6962, Section 3.3) as its entries. */
function splitScts(list: Uint8Array): Uint8Array[] {
  const view = Buffer.from(list);
  const scts: Uint8Array[] = [];
  if (view.length < 4 || view.readUInt16BE(0) !== view.length - 2)
    throw new TlsError('ERR_TLS_CONFIG_SCTS', 'internalError', 'the SCT list does not parse');
  for (let at = 2; at < view.length; ) {
    const length = at + 2 <= view.length ? view.readUInt16BE(at) : 0;
    if (length === 0 || at + 2 + length > view.length)
      throw new TlsError('ERR_TLS_CONFIG_SCTS', 'internalError', 'the SCT list does not parse');
    scts.push(list.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return scts;
}

/** The issuer's name (DER) of a certificate; none where the file holds no certificate on purpose. */
function issuerOf(certificate: Uint8Array): Uint8Array[] {
  try {
    return [parseCertificate(certificate).issuer];
  } catch {
    return [];
  }
}

/** External PSKs as the importer makes them for every hash (RFC 9258). */
export function loadPsks(crypto: CryptoProvider, flags: readonly CredentialFlags[]): ExternalPsk[] {
  return flags.flatMap(({ kind, pskImporterKey, pskImporterIdentity, pskImporterContext, pskImporterSha384 }) => {
    if (kind !== 'psk' || pskImporterKey === undefined || pskImporterIdentity === undefined) return [];
    return importPsk(crypto, {
      identity: pskImporterIdentity,
      secret: pskImporterKey,
      context: pskImporterContext ?? noBytes,
      hash: pskImporterSha384 ? 'sha384' : 'sha256',
    });
  });
}

/** The PSK of TLS 1.2 that `-psk` gives; shorter than any that `externalPsk` would make. */
export function loadPsk12({ psk, pskIdentity }: Options): ExternalPsk[] {
  if (psk === undefined) return [];
  const [identity, secret] = [pskIdentity ?? '', psk].map((text) => new Uint8Array(Buffer.from(text, 'latin1')));
  return [{ identity: identity!, secret: secret!, hash: 'sha256', tls12: 'only' }];
}

/** The private key, or `Unimplemented` where this runtime has no such keys (ML-DSA). */
function importKey(crypto: CryptoProvider, file: string) {
  try {
    return crypto.importPrivateKey(readPem(file)[0]!);
  } catch (error) {
    if (error instanceof TlsError) throw new Unimplemented(`key type of ${file}: ${error.message}`);
    throw error;
  }
}

/** The runner's certificates have no DelegationUsage, and no time to count from: Handfast's client would refuse them. */
function delegation(bytes: Uint8Array, key: PrivateKey): Delegation {
  return delegationOf(bytes, decodeDelegatedCredential(bytes), key, Number.POSITIVE_INFINITY, 'server');
}

/**
 * A credential of the engine from the runner's files.
 *
 * @param signSchemes what a key may sign where the flags name nothing, most preferred first.
 */
export function loadCredential(
  crypto: CryptoProvider,
  flags: CredentialFlags,
  signSchemes: readonly number[],
): Credential | undefined {
  if (flags.keyFile === undefined || (flags.certFile === undefined && flags.kind !== 'rpk')) return undefined;
  const key = importKey(crypto, flags.keyFile);
  const chain = flags.certFile === undefined ? [] : readPem(flags.certFile);
  const wanted = flags.signingPrefs.length > 0 ? flags.signingPrefs : signSchemes;
  const schemes = wanted.filter((code) => {
    const scheme = signatureScheme(code);
    if (scheme === undefined) return false;
    return ([0x0303, 0x0304] as const).some((version) => schemeFitsKey(scheme, key.type, key.bits, version));
  });
  return {
    chain,
    ...(flags.delegatedCredential === undefined ? {} : { delegation: delegation(flags.delegatedCredential, key) }),
    ...(flags.kind === 'rpk' ? { rawPublicKey: key.publicKey } : {}),
    issuers: chain.flatMap(issuerOf),
    mustMatchIssuer: flags.mustMatchIssuer,
    signer: {
      keyType: key.type,
      schemes,
      sign: (scheme, data) => key.sign(signatureScheme(scheme)!.algorithm, data),
      ...(key.type === 'rsa' ? { decryptRaw: (ciphertext: Uint8Array) => key.decryptRaw(ciphertext) } : {}),
    },
    ...(flags.ocspResponse === undefined ? {} : { ocspResponse: flags.ocspResponse }),
    ...(flags.signedCertTimestamps === undefined ? {} : { scts: splitScts(flags.signedCertTimestamps) }),
  };
}
