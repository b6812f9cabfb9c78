import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';

/** A key that the holder of a certificate lets speak in its place (RFC 9345, Section 4). */
export interface DelegatedCredential {
  /** Seconds from the notBefore of the certificate until which it may be used. */
  readonly validTime: number;
  /** The one scheme that the key signs CertificateVerify with. */
  readonly dcCertVerifyAlgorithm: number;
  /** DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** The scheme of the certificate's signature over it. */
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

/** What the certificate's key signs: the credential and the scheme of the signature. */
export function encodeDelegation(credential: Omit<DelegatedCredential, 'signature'>): Uint8Array {
  return new Writer(128)
    .u32(credential.validTime)
    .u16(credential.dcCertVerifyAlgorithm)
    .vector24(credential.subjectPublicKeyInfo)
    .u16(credential.algorithm)
    .finish();
}

/** Encodes the content of the extension delegated_credential in a CertificateEntry. */
export function encodeDelegatedCredential(credential: DelegatedCredential): Uint8Array {
  const signed = encodeDelegation(credential);
  return new Writer(signed.length + credential.signature.length + 2)
    .bytes(signed)
    .vector16(credential.signature)
    .finish();
}

/** Decodes the content of the extension delegated_credential in a CertificateEntry. */
export function decodeDelegatedCredential(bytes: Uint8Array): DelegatedCredential {
  const reader = new Reader(bytes, 'delegated_credential');
  const validTime = reader.u32();
  const dcCertVerifyAlgorithm = reader.u16();
  const subjectPublicKeyInfo = reader.vector24(1);
  const algorithm = reader.u16();
  const signature = reader.vector16(1);
  reader.end();
  return { validTime, dcCertVerifyAlgorithm, subjectPublicKeyInfo, algorithm, signature };
}
