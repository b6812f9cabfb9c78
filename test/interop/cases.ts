/** What is negotiated in one handshake of the interoperability table, and which handshakes the table holds. */
import type { IdentityName, KeyName } from '../helpers/pki.ts';

export type Version = '1.2' | '1.3';

/** The peer's role; ours is the other one. */
export type Role = 'client' | 'server';

export type Group = 'X25519MLKEM768' | 'x25519' | 'secp256r1' | 'secp384r1' | 'secp521r1';

export interface Suite {
  /** IANA name and code. */
  readonly name: string;
  readonly code: number;
  /** OpenSSL's name. */
  readonly openssl: string;
  readonly version: Version;
  /** The certificate that the suite asks for (TLS 1.2). */
  readonly auth?: 'ecdsa' | 'rsa';
  /** Off by default on both sides; the key exchange may be static RSA. */
  readonly optIn?: 'cbc' | 'staticRsa';
}

export const suites: readonly Suite[] = [
  { version: '1.3', code: 0x1301, name: 'TLS_AES_128_GCM_SHA256', openssl: 'TLS_AES_128_GCM_SHA256' },
  { version: '1.3', code: 0x1302, name: 'TLS_AES_256_GCM_SHA384', openssl: 'TLS_AES_256_GCM_SHA384' },
  { version: '1.3', code: 0x1303, name: 'TLS_CHACHA20_POLY1305_SHA256', openssl: 'TLS_CHACHA20_POLY1305_SHA256' },
  ...(
    [
      [0xc02b, 'ecdsa', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
      [0xc02c, 'ecdsa', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
      [0xcca9, 'ecdsa', 'CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305'],
      [0xc02f, 'rsa', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
      [0xc030, 'rsa', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
      [0xcca8, 'rsa', 'CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305'],
    ] as const
  ).map(([code, auth, cipher, openssl]): Suite => {
    const name = `TLS_ECDHE_${auth.toUpperCase()}_WITH_${cipher}`;
    return { version: '1.2', code, auth, name, openssl: `ECDHE-${auth.toUpperCase()}-${openssl}` };
  }),
  ...(
    [
      [0xc009, 'ecdsa', 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA', 'cbc'],
      [0xc014, 'rsa', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA', 'cbc'],
      [0xc027, 'rsa', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-SHA256', 'cbc'],
      [0x009c, 'rsa', 'TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256', 'staticRsa'],
      [0x002f, 'rsa', 'TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA', 'staticRsa'],
    ] as const
  ).map(([code, auth, name, openssl, optIn]): Suite => ({ version: '1.2', code, auth, name, openssl, optIn })),
];

export interface Case {
  readonly role: Role;
  readonly version: Version;
  readonly suite: Suite;
  /** The group that must be negotiated; static RSA has none. */
  readonly group?: Group;
  /** The server's key. */
  readonly key: KeyName;
  /** The client authenticates with this key. */
  readonly clientKey?: KeyName;
  /** The client offers `secp256r1` first, the server has `group` only: HelloRetryRequest in TLS 1.3. */
  readonly retry?: boolean;
}

/** What a peer can do and is asked to do. */
export interface Ability {
  readonly versions: readonly Version[];
  readonly groups: readonly Group[];
  readonly keys: readonly KeyName[];
  readonly clientKeys: readonly KeyName[];
  readonly retry: boolean;
  readonly optIns: boolean;
}

export const everything: Ability = {
  versions: ['1.3', '1.2'],
  groups: ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'],
  keys: ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa', 'rsa-pss'],
  clientKeys: ['ecdsa-p256', 'rsa', 'ed25519'],
  retry: true,
  optIns: false,
};

/**
 * The groups that one side offers or takes, best first. In TLS 1.2 the list also says for which curves a side takes
 * ECDSA certificates (RFC 8422, Section 5.1.1), so the curves of the certificates in play stand at its end.
 */
export function groupsOf(run: Case, side: Role): Group[] {
  const retry: Group[] = run.retry && side === 'client' ? ['secp256r1'] : [];
  const own: Group[] = run.group ? [run.group] : [];
  const curves = run.version === '1.2' && run.group ? [curveOf(run.key), curveOf(run.clientKey)] : [];
  return [...new Set([...retry, ...own, ...curves.filter((curve) => curve !== undefined)])];
}

function curveOf(key: KeyName | undefined): Group | undefined {
  const size = key && /^ecdsa-p(\d+)$/.exec(key)?.[1];
  return size === undefined ? undefined : (`secp${size}r1` as Group);
}

/** The name of the client's certificate in the test authority. */
export function clientIdentity(run: Case): IdentityName | undefined {
  return run.clientKey && `client-${run.clientKey}`;
}

/** One line for people. */
export function describeCase(run: Case): string {
  const extra = [run.clientKey && `client ${run.clientKey}`, run.retry && 'HelloRetryRequest'].filter(Boolean);
  return `TLS ${run.version} ${run.suite.name} ${run.group ?? '-'} ${run.key}${extra.map((word) => `, ${word}`).join('')}`;
}

/**
 * The handshakes with one peer in one role. `all`: every suite × every group; otherwise each suite and each group
 * once. Both: every key, client authentication, HelloRetryRequest.
 */
export function casesFor(role: Role, can: Ability, all: boolean): Case[] {
  const cases: Case[] = [];
  for (const version of can.versions) {
    const ofVersion = suites.filter(
      (suite) => suite.version === version && !suite.optIn && can.keys.includes(keyOf(suite)),
    );
    const groups = can.groups.filter((group) => version === '1.3' || group !== 'X25519MLKEM768');
    const group: Group = 'x25519';
    for (const suite of ofVersion) {
      for (const each of groups) {
        if (all || each === group || suite === ofVersion[0]) {
          cases.push({ role, version, suite, group: each, key: keyOf(suite) });
        }
      }
    }
    const first = ofVersion[0] as Suite;
    for (const key of can.keys) {
      const suite = ofVersion.find((each) => fits(each, key));
      if (suite !== undefined && keyOf(suite) !== key) cases.push({ role, version, suite, group, key });
    }
    for (const clientKey of can.clientKeys) {
      cases.push({ role, version, suite: first, group, key: keyOf(first), clientKey });
    }
    if (can.retry && version === '1.3') {
      cases.push({ role, version, suite: first, group: 'secp384r1', key: keyOf(first), retry: true });
    }
    if (can.optIns) {
      for (const suite of suites.filter((each) => each.version === version && each.optIn)) {
        const base = { role, version, suite, key: keyOf(suite) };
        cases.push(suite.optIn === 'staticRsa' ? base : { ...base, group });
      }
    }
  }
  return cases;
}

function keyOf(suite: Suite): KeyName {
  return suite.auth === 'rsa' ? 'rsa' : 'ecdsa-p256';
}

/** Whether a certificate with this key can serve the suite. A TLS 1.2 RSA suite takes rsa_pss_pss keys too (RFC 9846). */
function fits(suite: Suite, key: KeyName): boolean {
  if (suite.auth === undefined) return true;
  return key.startsWith('rsa') ? suite.auth === 'rsa' : suite.auth === 'ecdsa';
}
