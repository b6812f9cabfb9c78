import { concat, equal } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { ConfigError } from '../errors.ts';
import { onlyX509 } from '../handshake/certificate-types.ts';
import type { ClientSession } from '../session/client-session.ts';
import { type CertificateType, certificateTypes } from '../wire/certificate-type.ts';

/** Whether a raw public key is one of the pins: SubjectPublicKeyInfos (DER), or their SHA-256. */
export function isPinned(crypto: CryptoProvider, pins: readonly Uint8Array[], spki: Uint8Array): boolean {
  const digest = crypto.hash('sha256', spki);
  return pins.some((pin) => equal(pin, pin.length === digest.length ? digest : spki));
}

/** Certificate types as they are configured: at least one, each once. The default is one object for all. */
export function checkedTypes(types: readonly CertificateType[] | undefined): readonly CertificateType[] {
  if (types === undefined) return onlyX509;
  if (types.length > 0 && new Set(types).size === types.length && types.every((type) => type in certificateTypes)) {
    return types;
  }
  throw new ConfigError("certificate types: give 'x509', 'rawPublicKey' or both, each once");
}

/** Whether something can say yes to what a peer shows: for raw public keys alone pins are enough. */
export function canVerify(
  { verifyPeer, rawPublicKeyPins }: { readonly verifyPeer?: unknown; readonly rawPublicKeyPins?: readonly unknown[] },
  types: readonly CertificateType[],
): boolean {
  return verifyPeer !== undefined || (rawPublicKeyPins !== undefined && !types.includes('x509'));
}

/** For the binding of sessions: which types a server takes, and which raw public keys; `undefined` for X.509 alone. */
export function rawPublicKeyPolicy(
  crypto: CryptoProvider,
  types: readonly CertificateType[],
  pins: readonly Uint8Array[] = [],
): Uint8Array | undefined {
  if (!types.includes('rawPublicKey')) return undefined;
  const digests = pins.map((pin) => (pin.length === 32 ? pin : crypto.hash('sha256', pin)));
  return crypto.hash(
    'sha256',
    concat(
      Uint8Array.from(types, (type) => certificateTypes[type]),
      ...digests,
    ),
  );
}

/**
 * Whether early data may go with these sessions. It goes before the host is asked again about a raw public key: so only to
 * keys that are pinned now.
 */
export function mayBeginEarly(
  crypto: CryptoProvider,
  sessions: readonly ClientSession[] = [],
  pins: readonly Uint8Array[] = [],
): boolean {
  return sessions.every(({ state: { peerRawPublicKey } }) => {
    return peerRawPublicKey === undefined || isPinned(crypto, pins, peerRawPublicKey);
  });
}
