import { equal } from '../bytes/bytes.ts';
import { bytes as bytesRule, check, checkOptions, list, oneOf, positive, type Rules, time } from '../bytes/check.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { schemeFitsKey, schemesForKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { ConfigError } from '../errors.ts';
import type { Credential, Delegation } from '../handshake/config.ts';
import {
  delegationContent,
  delegationEnd,
  delegationProblem,
  maxDelegation,
  mayBeDelegated,
} from '../handshake/delegated-credential.ts';
import { parseCertificate } from '../pki/certificate.ts';
import {
  type DelegatedCredential,
  decodeDelegatedCredential,
  encodeDelegatedCredential,
} from '../wire/delegated-credential.ts';
import { tls13 } from '../wire/versions.ts';
import { cryptography, privateKey } from './check-options.ts';
import { localSigner } from './signer.ts';

/** What a delegated credential is made of. */
export interface NewDelegation {
  /** DER of the certificate that delegates. It has the extension DelegationUsage and the key usage digitalSignature. */
  readonly certificate: Uint8Array;
  /** The certificate's key. */
  readonly key: PrivateKey;
  /** SubjectPublicKeyInfo (DER) of the key that is let speak: ECDSA, EdDSA, or RSASSA-PSS by its own identifier. */
  readonly publicKey: Uint8Array;
  /** For which side of a connection. Default: `server`. */
  readonly role?: 'server' | 'client';
  /** From now on, at most seven days. */
  readonly seconds: number;
  /** Milliseconds since 1970; default: the time of this machine. */
  readonly now?: number;
}

const eitherRole = oneOf('server', 'client');
const rules: Rules<NewDelegation> = {
  certificate: bytesRule,
  key: privateKey,
  publicKey: bytesRule,
  role: eitherRole,
  seconds: positive,
  now: time,
};

/** Makes a delegated credential (RFC 9345, Section 4), where the certificate's key is; the delegated key lives elsewhere. */
export function createDelegatedCredential(crypto: CryptoProvider, delegation: NewDelegation): Uint8Array {
  check(cryptography, crypto, 'createDelegatedCredential: crypto');
  const required = ['certificate', 'key', 'publicKey', 'seconds'];
  checkOptions(delegation, 'the options of createDelegatedCredential', rules, required);
  const { certificate, key, publicKey, role = 'server', seconds, now = Date.now() } = delegation;
  const parsed = delegating(certificate);
  if (!equal(parsed.spki, key.publicKey)) throw new ConfigError("the key is not the certificate's");
  if (!(seconds > 0 && 1000 * seconds <= maxDelegation)) {
    throw new ConfigError('a delegated credential is good for at most seven days: give 1 to 604800 seconds');
  }
  const { type, bits } = crypto.importPublicKey(publicKey);
  const scheme = schemesForKey(type, bits, tls13).map(signatureScheme).find(mayBeDelegated);
  const algorithm = schemesForKey(key.type, key.bits, tls13).map(signatureScheme)[0];
  if (scheme === undefined) throw new ConfigError(`a key of type ${type} may not be delegated to`);
  if (algorithm === undefined) throw new ConfigError(`a key of type ${key.type} cannot delegate`);
  const credential = {
    validTime: Math.floor((now - parsed.notBefore) / 1000 + seconds),
    dcCertVerifyAlgorithm: scheme.code,
    subjectPublicKeyInfo: publicKey,
    algorithm: algorithm.code,
  };
  const signature = key.sign(algorithm.algorithm, delegationContent(role, certificate, credential));
  return encodeDelegatedCredential({ ...credential, signature });
}

/**
 * A credential that shows a certificate and signs with the delegated key. Peers that do not take delegated credentials need
 * another one after it. Throws `ConfigError` for what every peer would refuse.
 *
 * @param bytes what `createDelegatedCredential` gave.
 */
export function delegatedCredential(
  crypto: CryptoProvider,
  chain: readonly Uint8Array[],
  bytes: Uint8Array,
  key: PrivateKey,
  role: 'server' | 'client' = 'server',
): Credential & { readonly delegation: Delegation } {
  check(cryptography, crypto, 'delegatedCredential: crypto');
  check(list(bytesRule), chain, 'delegatedCredential: chain');
  check(bytesRule, bytes, 'delegatedCredential: bytes');
  check(privateKey, key, 'delegatedCredential: key');
  check(eitherRole, role, 'delegatedCredential: role');
  const credential = readOwn(bytes);
  const [certificate] = chain;
  if (certificate === undefined) throw new ConfigError('a delegated credential needs its certificate');
  const parsed = delegating(certificate);
  const delegation = delegationOf(bytes, credential, key, delegationEnd(parsed, credential), role);
  const { algorithm, signature } = credential;
  const issuer = crypto.importPublicKey(parsed.spki);
  const signed = signatureScheme(algorithm);
  if (
    signed === undefined ||
    !schemeFitsKey(signed, issuer.type, issuer.bits, tls13) ||
    !issuer.verify(signed.algorithm, delegationContent(role, certificate, credential), signature)
  ) {
    throw new ConfigError(`the delegated credential is not signed for a ${role} by the certificate's key`);
  }
  return { chain, signer: localSigner(key), delegation };
}

/** What is to be told of a delegated credential, whose key is checked against `key`. */
export function delegationOf(
  bytes: Uint8Array,
  credential: DelegatedCredential,
  key: PrivateKey,
  notAfter: number,
  role: 'server' | 'client',
): Delegation {
  const { dcCertVerifyAlgorithm: code, algorithm, subjectPublicKeyInfo } = credential;
  const scheme = signatureScheme(code);
  if (!mayBeDelegated(scheme)) {
    throw new ConfigError(`a delegated credential may not sign with ${scheme?.name ?? `0x${code.toString(16)}`}`, {
      code: 'ERR_TLS_CONFIG_DELEGATED_SCHEME',
    });
  }
  if (!equal(subjectPublicKeyInfo, key.publicKey)) {
    throw new ConfigError('the key is not the one of the delegated credential', {
      code: 'ERR_TLS_CONFIG_DELEGATED_KEY',
    });
  }
  return { credential: bytes, role, scheme: code, algorithm, notAfter };
}

function readOwn(bytes: Uint8Array): DelegatedCredential {
  try {
    return decodeDelegatedCredential(bytes);
  } catch (cause) {
    throw new ConfigError('the delegated credential does not parse', { cause });
  }
}

function delegating(certificate: Uint8Array) {
  const parsed = parseCertificate(certificate);
  const problem = delegationProblem(parsed);
  if (problem === undefined) return parsed;
  throw new ConfigError(`delegated credential: ${problem}`, { rfc: 'RFC 9345, Section 4.2' });
}
