import { namesOf } from '../bytes/code-names.ts';
import type { GroupName } from './provider.ts';

/** NamedGroup codes (RFC 9846, Section 4.2.7; the hybrids: RFC 10024). */
export const namedGroups = {
  X25519MLKEM768: 0x11ec,
  SecP256r1MLKEM768: 0x11eb,
  SecP384r1MLKEM1024: 0x11ed,
  /** draft-ietf-tls-mlkem; never a default. */
  MLKEM1024: 0x0202,
  x25519: 0x001d,
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
} as const satisfies Record<GroupName, number>;

/** The name of a group code, or `undefined` for a group this stack does not know. */
export const groupName: (code: number) => GroupName | undefined = namesOf(namedGroups);

/** The code of a group. */
export function groupCode(name: GroupName): number {
  return namedGroups[name];
}

/** Offered and accepted unless configured otherwise, most wanted first. */
export const defaultGroups: readonly number[] = [
  namedGroups.X25519MLKEM768,
  namedGroups.x25519,
  namedGroups.secp256r1,
  namedGroups.secp384r1,
];
