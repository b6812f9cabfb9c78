import { cipherSuites } from '../../src/crypto/cipher-suites.ts';
import { groupCode, groupName } from '../../src/crypto/named-groups.ts';
import type { GroupName } from '../../src/crypto/provider.ts';
import { type Options, Unimplemented } from './flags.ts';

/**
 * What the runner takes to be configured where its flags say nothing: BoringSSL's defaults. These are configuration
 * of Handfast, which has stricter defaults of its own.
 */

const verifySchemes = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201];
const signSchemes = [0x0807, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0203, 0x0201];
const groups: readonly GroupName[] = ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1'];

/** BoringSSL's order: ECDHE before RSA, AEAD before CBC; for a machine with AES instructions. */
const suites = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c,
  0x009d, 0x002f, 0x0035, 0xc023, 0xc027,
];
/** What BoringSSL adds for a client or server with a PSK of TLS 1.2. */
const pskSuites = [0xccac, 0xc035, 0xc036, 0x008c, 0x008d];
const suites13 = suites.filter((code) => code >> 8 === 0x13);

interface Policy {
  suites: readonly number[];
  groups?: readonly GroupName[];
  schemes?: readonly number[];
  serverOrder?: boolean;
  minVersion?: number;
}

/** BoringSSL's compliance policies (`SSL_set_compliance_policy`), as configurations. */
const policies: Readonly<Record<string, Policy>> = {
  'fips-202205': {
    suites: [0x1301, 0x1302, 0xc02b, 0xc02f, 0xc02c, 0xc030],
    groups: ['secp256r1', 'secp384r1'],
    schemes: [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
  },
  'wpa-202304': {
    suites: [0x1302, 0xc02c, 0xc030],
    groups: ['secp384r1'],
    schemes: [0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
  },
  'cnsa1-202603': {
    suites: [0x1302, 0xc02c, 0xc030, 0x009d],
    groups: ['MLKEM1024', 'secp384r1'],
    schemes: [0x0503, 0x0805, 0x0501],
    serverOrder: true,
  },
  'cnsa2-202603': { suites: [0x1302], groups: ['MLKEM1024'], schemes: [0x0503, 0x0805], minVersion: 0x0304 },
  'cnsa-202407': { suites: [0x1302, 0x1301, 0x1303, ...suites.slice(3)], serverOrder: true },
};

/** Cipher suites, groups, signature schemes and the order that counts, as the flags ask for them. */
export interface Preferences {
  cipherSuites: readonly number[];
  groups: readonly GroupName[];
  keyShares: readonly GroupName[];
  verifySchemes: readonly number[];
  signSchemes: readonly number[];
  preferServerOrder: boolean;
}

function knownGroups(codes: readonly number[]): GroupName[] {
  return codes.map((code) => {
    const name = groupName(code);
    if (name === undefined) throw new Unimplemented(`-curves ${code}`);
    return name;
  });
}

const isPostQuantum = (group: GroupName) => group.includes('MLKEM');

/** One share of a post-quantum group and one of a classical group, the most preferred ones. */
function predictShares(wanted: readonly GroupName[]): GroupName[] {
  const [first, ...others] = wanted;
  if (first === undefined) return [];
  const second = others.find((group) => isPostQuantum(group) !== isPostQuantum(first));
  return second === undefined ? [first] : [first, second];
}

/** A hint at what the server supports comes before what was configured, and that before a guess. */
function keyShares(options: Options, chosen: readonly GroupName[]): GroupName[] {
  const hinted = chosen.find((group) => options.serverSupportedGroupsHint.includes(groupCode(group)));
  if (hinted !== undefined) return [hinted];
  return options.keyShares === undefined ? predictShares(chosen) : knownGroups(options.keyShares);
}

/** An OpenSSL cipher string, as far as the runner's tests use them. */
function parseCipherString(text: string): readonly number[] {
  if (text === 'DEFAULT:!AES') return [...suites13, 0xcca9, 0xcca8];
  if (text === 'AES128') return [...suites13, 0xc02b, 0xc02f, 0xc009, 0xc013, 0x009c, 0x002f];
  if (text === 'ALL:3DES') return suites;
  const names = text.replace(/[[\]]/g, '').split(/[:|]/);
  const codes = names.map((name) => cipherSuites.find((suite) => suite.name === name)?.code);
  if (codes.some((code) => code === undefined)) throw new Unimplemented(`-cipher ${text}`);
  return [...suites13, ...(codes as number[])];
}

export function preferences(options: Options): Preferences {
  const policy: Policy | undefined = options.policy === undefined ? undefined : policies[options.policy];
  // Equal preference ("[A|B]") is not something Handfast's configuration can say.
  if (options.cipher?.includes('|')) throw new Unimplemented('-cipher with groups of equal preference');
  // 0xff01 is BoringSSL's own code for the signatures of TLS 1.1; it never goes over the wire.
  const accepted = options.verifyPrefs.filter((code) => code !== 0xff01);
  const chosen = options.curves.length > 0 ? knownGroups(options.curves) : (policy?.groups ?? groups);
  const named = options.cipher === undefined ? (policy?.suites ?? suites) : parseCipherString(options.cipher);
  return {
    cipherSuites: options.psk === undefined ? named : [...named, ...pskSuites],
    groups: chosen,
    keyShares: keyShares(options, chosen),
    verifySchemes: accepted.length > 0 ? accepted : (policy?.schemes ?? verifySchemes),
    signSchemes: policy?.schemes ?? signSchemes,
    preferServerOrder: options.cipher !== undefined || options.serverPreference || policy?.serverOrder === true,
  };
}

/** The versions that the flags leave, or `undefined` where they leave none. */
export function versionRange(options: Options): { min: 0x0303 | 0x0304; max: 0x0303 | 0x0304 } | undefined {
  const allowed = ([0x0303, 0x0304] as const).filter(
    (version) =>
      version >= (options.minVersion ?? 0) &&
      version >= (policies[options.policy ?? '']?.minVersion ?? 0) &&
      version <= (options.maxVersion ?? 0xffff) &&
      !(version === 0x0303 ? options.noTls12 : options.noTls13),
  );
  const [min] = allowed;
  const max = allowed.at(-1);
  return min === undefined || max === undefined ? undefined : { min, max };
}
