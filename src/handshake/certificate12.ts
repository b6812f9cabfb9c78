/** The Certificate message of TLS 1.2: a chain, or a raw public key (RFC 5246, Section 7.4.2; RFC 7250, Section 3). */
import {
  decodeCertificate12,
  decodeRawPublicKey12,
  encodeCertificate12,
  encodeRawPublicKey12,
} from '../wire/certificate.ts';
import type { CertificateType } from '../wire/certificate-type.ts';
import type { Credential } from './config.ts';
import type { HandshakeContext } from './context.ts';
import { type PeerIdentity, readPeerIdentity, readRawPublicKey } from './peer.ts';

/** The message that shows a credential; without one it is empty, in the same three bytes for either type. */
export function certificateBody12(credential: Credential | undefined): Uint8Array {
  if (credential === undefined) return encodeCertificate12([]);
  const { rawPublicKey, chain } = credential;
  return rawPublicKey === undefined ? encodeCertificate12(chain) : encodeRawPublicKey12(rawPublicKey);
}

/** What a peer showed; `undefined` where that is nothing. */
export function readCertificateBody12(
  context: HandshakeContext,
  body: Uint8Array,
  type: CertificateType,
  scts?: readonly Uint8Array[],
): PeerIdentity | undefined {
  if (type === 'rawPublicKey') {
    const spki = decodeRawPublicKey12(body);
    return spki && readRawPublicKey(context, spki);
  }
  const chain = decodeCertificate12(body, context.config.limits.certificateChain);
  return chain.length === 0 ? undefined : readPeerIdentity(context, chain, undefined, scts);
}
