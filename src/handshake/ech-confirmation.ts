import { noBytes, zeroize } from '../bytes/bytes.ts';
import { hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';

/** Bytes of the signal by which a server says that it goes on with the ClientHelloInner (RFC 9849, Section 7.2). */
export const confirmationLength = 8;

/** Where it stands in the body of a ServerHello: at the end of the random. */
export const confirmationInServerHello = 2 + 32 - confirmationLength;

const labels = { serverHello: 'ech accept confirmation', helloRetryRequest: 'hrr ech accept confirmation' } as const;

/**
 * The signal of a ServerHello or a HelloRetryRequest (RFC 9849, Sections 7.2 and 7.2.1).
 *
 * @param innerRandom of the (first) ClientHelloInner: what nobody but the client and the server knows.
 * @param transcriptHash from the ClientHelloInner to this message, with zeros in the place of the signal.
 */
export function acceptConfirmation(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  message: keyof typeof labels,
  innerRandom: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  const secret = hkdfExtract(crypto, hash, noBytes, innerRandom);
  const confirmation = hkdfExpandLabel(crypto, hash, secret, labels[message], transcriptHash, confirmationLength);
  zeroize(secret);
  return confirmation;
}
