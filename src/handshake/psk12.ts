import { zeroize } from '../bytes/bytes.ts';

/**
 * The premaster secret of a pre-shared key (RFC 4279, Section 2): "if the PSK is N octets long, concatenate a uint16 with
 * the value N, N zero octets, a second uint16 with the value N, and the PSK itself". With a key exchange its secret stands
 * in the place of the zeros (RFC 5489, Section 2).
 *
 * @param exchanged the secret of the key exchange, which is zeroized.
 */
export function pskPremaster(psk: Uint8Array, exchanged: Uint8Array | undefined): Uint8Array {
  const other = exchanged?.length ?? psk.length;
  const premaster = new Uint8Array(4 + other + psk.length);
  premaster[0] = other >>> 8;
  premaster[1] = other;
  if (exchanged !== undefined) premaster.set(exchanged, 2);
  premaster[2 + other] = psk.length >>> 8;
  premaster[3 + other] = psk.length;
  premaster.set(psk, 4 + other);
  zeroize(exchanged);
  return premaster;
}
