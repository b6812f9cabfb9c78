/** Delegated credentials (RFC 9345): a certificate's holder lets another key sign for a few days. TLS 1.3 alone has them. */
import { fromText } from '../bytes/bytes.ts';
import type { PublicKey } from '../crypto/provider.ts';
import { type SignatureScheme, schemeFitsKey, signatureScheme } from '../crypto/signature-schemes.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { Certificate } from '../pki/certificate.ts';
import { oids } from '../pki/der/oid.ts';
import { keyUsageBits } from '../pki/extensions.ts';
import { type DelegatedCredential, decodeDelegatedCredential, encodeDelegation } from '../wire/delegated-credential.ts';
import { tls13 } from '../wire/versions.ts';
import type { Delegation } from './config.ts';
import { decide, type HandshakeContext } from './context.ts';
import type { PeerIdentity } from './peer.ts';

/** No delegated credential is good for longer than seven days from now, in milliseconds (RFC 9345, Section 4.1.3). */
export const maxDelegation = 604_800_000;

/** No extension says what this one means. */
export const noSchemes: readonly number[] = [];

/** What a peer's key was let do. */
export interface PeerDelegation {
  /** The one scheme that it may sign CertificateVerify with. */
  readonly scheme: number;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** What the certificate's key signs (RFC 9345, Section 4). */
export function delegationContent(
  role: 'server' | 'client',
  certificate: Uint8Array,
  credential: Omit<DelegatedCredential, 'signature'>,
): Uint8Array {
  const context = fromText(`TLS, ${role} delegated credentials`);
  const signed = encodeDelegation(credential);
  const content = new Uint8Array(64 + context.length + 1 + certificate.length + signed.length).fill(0x20, 0, 64);
  content.set(context, 64);
  content.set(certificate, 64 + context.length + 1);
  content.set(signed, content.length - signed.length);
  return content;
}

/** Whether a delegated key may make the scheme: keys that also decrypt (rsaEncryption) may not. */
export function mayBeDelegated(scheme: SignatureScheme | undefined): boolean {
  return scheme?.tls13 === true && !scheme.keyTypes.includes('rsa');
}

/** Why a certificate may not delegate (RFC 9345, Section 4.2); `undefined` where it may. */
export function delegationProblem({ extensions, decoded }: Certificate): string | undefined {
  const usage = extensions.get(oids.delegationUsage);
  if (usage === undefined || usage.critical) return 'the certificate lacks the extension DelegationUsage';
  if (usage.value.length !== 2 || usage.value[0] !== 5) return 'DelegationUsage is not NULL';
  const { keyUsage = 0 } = decoded;
  return (keyUsage & keyUsageBits.digitalSignature) === 0
    ? 'the certificate lacks the key usage digitalSignature'
    : undefined;
}

/** When a delegated credential ends, in milliseconds since 1970. */
export function delegationEnd(certificate: Certificate, { validTime }: DelegatedCredential): number {
  return Math.min(certificate.notBefore + 1000 * validTime, certificate.notAfter);
}

/** The peer with the key that its certificate lets speak; throws where that is not in order (RFC 9345, Section 4.1.3). */
export function readDelegation(
  context: HandshakeContext,
  role: 'server' | 'client',
  peer: PeerIdentity,
  bytes: Uint8Array,
): PeerIdentity {
  const { config, crypto } = context;
  const { leaf } = peer;
  const credential = decodeDelegatedCredential(bytes);
  const { dcCertVerifyAlgorithm: code, algorithm } = credential;
  const scheme = signatureScheme(code);
  if (leaf === undefined) throw invalid('there is no certificate');
  const problem = delegationProblem(leaf);
  if (problem !== undefined) throw invalid(problem);
  const end = leaf.notBefore + 1000 * credential.validTime;
  if (config.now() > end) throw invalid('its time is over');
  if (end - config.now() > maxDelegation) throw invalid('it is good for more than seven days');
  if (!config.delegatedCredentialSchemes.includes(code) || !mayBeDelegated(scheme)) {
    throw invalid(`it signs with ${scheme?.name ?? `0x${code.toString(16)}`}, which was not offered for it`);
  }
  const signed = signatureScheme(algorithm);
  const { publicKey: key, chain } = peer;
  if (!config.signatureSchemes.includes(algorithm) || signed === undefined) {
    throw invalid(`it is signed with 0x${algorithm.toString(16)}, which was not offered`);
  }
  const content = delegationContent(role, chain[0] as Uint8Array, credential);
  if (
    !schemeFitsKey(signed, key.type, key.bits, tls13) ||
    !key.verify(signed.algorithm, content, credential.signature)
  ) {
    throw invalid("the signature of the certificate's key does not verify");
  }
  let publicKey: PublicKey;
  try {
    publicKey = crypto.importPublicKey(credential.subjectPublicKeyInfo);
  } catch (cause) {
    throw invalid('its key does not parse', cause);
  }
  decide(
    context,
    'credential',
    'delegated',
    `the certificate lets this key speak until ${new Date(end).toISOString()}`,
  );
  return { ...peer, publicKey, delegation: { scheme: code, notAfter: end } };
}

/** "Clients and servers that receive invalid delegated credentials MUST terminate the connection with an "illegal_parameter" alert." */
function invalid(problem: string, cause?: unknown): PeerError {
  const message = `certificate: the delegated credential is not valid: ${problem}`;
  if (cause === undefined) return illegalParameter('ERR_TLS_DELEGATED_CREDENTIAL', message, 'RFC 9345, Section 4.1.3');
  return new PeerError('ERR_TLS_DELEGATED_CREDENTIAL', 'illegalParameter', message, {
    cause,
    rfc: 'RFC 9345, Section 4.1.3',
  });
}

/** "… then the client MUST abort with an "unexpected_message" alert." (RFC 9345, Section 4.1.1) */
export function unsolicitedDelegation(): PeerError {
  return new PeerError(
    'ERR_TLS_UNSOLICITED_DELEGATION',
    'unexpectedMessage',
    'certificate: a delegated credential, which was not asked for',
    { rfc: 'RFC 9345, Section 4.1.1' },
  );
}

/** Whether a peer takes this side's delegated credential now. */
export function takesDelegation(
  { scheme, algorithm, notAfter }: Delegation,
  delegatedSchemes: readonly number[],
  signatureSchemes: readonly number[],
  now: number,
): boolean {
  return delegatedSchemes.includes(scheme) && signatureSchemes.includes(algorithm) && now < notAfter;
}
