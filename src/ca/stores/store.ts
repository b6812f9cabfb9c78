import { createHash } from 'node:crypto';
import { decodePem, encodePem } from '../../bytes/pem.ts';

/** A root certificate as it goes into trust stores. */
export interface RootToTrust {
  readonly der: Uint8Array;
  readonly pem: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly sha1: string;
  /** Nickname, alias or file name under which stores keep it: names this root and no other. */
  readonly id: string;
}

/** One place where programs look for roots. */
export interface TrustStore {
  readonly kind: 'system' | 'nss' | 'java';
  /** For people: "system store (Debian)", "Firefox profile …". */
  readonly name: string;
  /** The file, folder or keychain. */
  readonly where: string;
  /** Programs that read it. */
  readonly usedBy: string;
  /** Whether this very certificate is in it and trusted. */
  has(root: RootToTrust): Promise<boolean>;
  /**
   * The roots in it that {@link add} put there, by the names that it gives them; macOS and Windows know no such names:
   * there by the name of the authority, where it is the default one.
   */
  list(): Promise<RootToTrust[]>;
  /** Throws with the tool's words where it fails; the store is then as it was. */
  add(root: RootToTrust): Promise<void>;
  /** Takes out what {@link add} put in, and nothing else. */
  remove(root: RootToTrust): Promise<void>;
  /**
   * What a person types to do it by hand, for want of rights.
   * @param what to do.
   * @param file the root as PEM; may be gone where it is taken out.
   */
  byHand(root: RootToTrust, what: 'add' | 'remove', file: string | undefined): readonly string[];
}

/** What {@link RootToTrust.id} looks like. */
export const rootId = /handfast-[0-9a-f]{16}/;

/** The first certificate of a PEM text as the root of that name; none where it is another. */
export function rootNamed(id: string, pem: Uint8Array): RootToTrust[] {
  return rootsIn(pem).filter((root) => root.id === id);
}

/** The certificates of a PEM text. */
export function rootsIn(pem: Uint8Array): RootToTrust[] {
  return decodePem(Buffer.from(pem).toString('latin1'))
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => rootToTrust(bytes));
}

/** A root with its names in the stores. */
export function rootToTrust(der: Uint8Array): RootToTrust {
  const sha256 = createHash('sha256').update(der).digest('hex');
  return {
    der,
    pem: encodePem('CERTIFICATE', der),
    sha256,
    sha1: createHash('sha1').update(der).digest('hex'),
    id: `handfast-${sha256.slice(0, 16)}`,
  };
}
