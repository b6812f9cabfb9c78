/** Cipher suites by the names that OpenSSL and Node give them, and OpenSSL's cipher list language. */
import nodeTls from 'node:tls';
import { type CipherSuite, cipherSuite, cipherSuites } from '../../crypto/cipher-suites.ts';
import { nodeError } from '../base/node-errors.ts';

const opensslNames = new Map<number, string>(
  cipherSuites.map((suite) => [suite.code, suite.version === 0x0304 ? suite.name : opensslName(suite)]),
);
const byName = new Map<string, CipherSuite>();
for (const suite of cipherSuites) {
  byName.set(opensslNames.get(suite.code)!, suite);
  byName.set(suite.name, suite);
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256` in OpenSSL. */
function opensslName(suite: CipherSuite): string {
  const [, exchange, rest] = /^TLS_(.+)_WITH_(.+)$/.exec(suite.name) as unknown as [string, string, string];
  const cipher = rest
    .replace('CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305')
    .replace(/AES_(\d+)_GCM/, 'AES$1_GCM')
    .replace(/AES_(\d+)_CBC/, exchange.endsWith('PSK') ? 'AES$1_CBC' : 'AES$1')
    .replaceAll('_', '-');
  return exchange === 'RSA' ? cipher : `${exchange!.replaceAll('_', '-')}-${cipher}`;
}

/** What `getCipher()` shows. */
export function cipherInfo(code: number): { name: string; standardName: string; version: string } {
  const suite = cipherSuite(code);
  if (suite === undefined) return { name: '(NONE)', standardName: 'undefined', version: 'undefined' };
  return {
    name: opensslNames.get(code)!,
    standardName: suite.name,
    version: suite.version === 0x0304 ? 'TLSv1.3' : firstVersion(suite),
  };
}

/** The first version that knew a suite, which OpenSSL names. Suites for PSKs with SHA-2 in their MAC are open to TLS 1.0. */
function firstVersion({ cbc, keyExchange, authentication }: CipherSuite): 'SSLv3' | 'TLSv1.0' | 'TLSv1.2' {
  if (cbc === undefined) return 'TLSv1.2';
  if (cbc.mac === 'sha1') return keyExchange === 'ecdhe' ? 'TLSv1.0' : 'SSLv3';
  return authentication === 'psk' ? 'TLSv1.0' : 'TLSv1.2';
}

/** `tls.getCiphers()`: every suite of this stack, in lower case, by OpenSSL's name. */
export function getCiphers(): string[] {
  return [...opensslNames.values()].map((name) => name.toLowerCase()).sort();
}

type Predicate = (suite: CipherSuite) => boolean;

const byPsk: Predicate = (suite) => suite.authentication === 'psk';
const ecdhe: Predicate = (suite) => suite.keyExchange === 'ecdhe' && !byPsk(suite);
const since =
  (version: string): Predicate =>
  (suite) =>
    firstVersion(suite) === version;
const never: Predicate = () => false;
const always: Predicate = () => true;
const has =
  (text: string): Predicate =>
  (suite) =>
    suite.name.includes(text);

/** OpenSSL's words for groups of suites; those that stand for nothing this stack has, stand for none. */
const aliases: Readonly<Record<string, Predicate>> = {
  ALL: always,
  DEFAULT: always,
  HIGH: always,
  FIPS: has('AES'),
  // Known to OpenSSL, not spoken here: passed over where other suites match, as in a build without them.
  DHE: never,
  kDHE: never,
  EDH: never,
  SRP: never,
  CAMELLIA: never,
  ARIA: never,
  AESCCM: never,
  '3DES': never,
  MEDIUM: never,
  LOW: never,
  EXPORT: never,
  EXP: never,
  eNULL: never,
  NULL: never,
  aNULL: never,
  COMPLEMENTOFDEFAULT: never,
  COMPLEMENTOFALL: never,
  PSK: byPsk,
  aPSK: byPsk,
  kPSK: (suite) => suite.keyExchange === 'psk',
  kECDHEPSK: (suite) => suite.keyExchange === 'ecdhe' && byPsk(suite),
  kDHEPSK: never,
  kRSAPSK: never,
  kRSA: (suite) => suite.keyExchange === 'rsa',
  RSA: (suite) => suite.keyExchange === 'rsa' || suite.authentication === 'rsa',
  aRSA: (suite) => suite.authentication === 'rsa',
  ECDHE: ecdhe,
  EECDH: ecdhe,
  kEECDH: ecdhe,
  kECDHE: ecdhe,
  ECDH: ecdhe,
  ECDSA: (suite) => suite.authentication === 'ecdsa',
  aECDSA: (suite) => suite.authentication === 'ecdsa',
  AES: has('AES'),
  AES128: has('AES_128'),
  AES256: has('AES_256'),
  AESGCM: has('GCM'),
  CHACHA20: has('CHACHA20'),
  SHA1: (suite) => suite.cbc?.mac === 'sha1',
  SHA: (suite) => suite.cbc?.mac === 'sha1',
  SHA256: (suite) => suite.cbc?.mac === 'sha256',
  SHA384: (suite) => suite.cbc?.mac === 'sha384',
  TLSv1: since('TLSv1.0'),
  'TLSv1.0': since('TLSv1.0'),
  'TLSv1.2': since('TLSv1.2'),
  SSLv3: since('SSLv3'),
};

/** OpenSSL's own order of strength for what `ALL`, `HIGH` and `DEFAULT` stand for. */
const strengthOrder: readonly CipherSuite[] = cipherSuites
  .filter((suite) => suite.version === 0x0303)
  .map((suite, index) => ({ suite, index }))
  .sort((a, b) => rank(b.suite) - rank(a.suite) || a.index - b.index)
  .map(({ suite }) => suite);

function rank(suite: CipherSuite): number {
  const exchange = suite.keyExchange === 'ecdhe' ? 1000 : 0;
  const mode = suite.aead !== undefined ? 100 : 0;
  const strength = suite.aead === 'chacha20poly1305' ? 40 : suite.keyLength;
  return exchange + mode + strength + (suite.authentication === 'ecdsa' ? 1 : 0);
}

/** Default suites of TLS 1.3, in OpenSSL's order. */
const tls13Default: readonly number[] = [0x1302, 0x1303, 0x1301];

/** What `ciphers` asks for: both versions in one list, in order of preference. */
export interface CipherChoice {
  readonly codes: readonly number[];
  /** Whether suites of TLS 1.2 were named at all: where only those of TLS 1.3 are, TLS 1.2 is off. */
  readonly tls12: boolean;
  /** `@SECLEVEL`; OpenSSL's default is 1. */
  readonly securityLevel: number;
}

const parsed = new Map<string, CipherChoice>();

/**
 * Reads a cipher list of OpenSSL: names, IANA names, aliases, `+` (and), `!`, `-`, leading `+` (to the end),
 * `@STRENGTH`, `@SECLEVEL`. As in OpenSSL unknown names are passed over, but a list in which nothing matches is an
 * error: `ERR_SSL_NO_CIPHER_MATCH`.
 */
export function parseCiphers(list: string): CipherChoice {
  let choice = parsed.get(list);
  if (choice === undefined) {
    choice = readCiphers(list);
    if (parsed.size > 100) parsed.clear();
    parsed.set(list, choice);
  }
  return choice;
}

function readCiphers(list: string): CipherChoice {
  const words = list.split(/[:, ;]/).filter((word) => word !== '');
  const words13 = words.filter((word) => /^!?TLS_(?!.*_WITH_)/.test(word));
  const words12 = words.filter((word) => !words13.includes(word));
  let codes13 = tls13Default;
  if (words13.length > 0) {
    codes13 = words13.flatMap((word) => byName.get(word)?.code ?? []);
    if (codes13.length === 0) throw noMatch(list);
  }
  let chosen: CipherSuite[] = [];
  const banned = new Set<CipherSuite>();
  let securityLevel = 1;
  for (const word of words12) {
    const [, sign, rest] = /^([!+-]?)(.*)$/.exec(word) as unknown as [string, string, string];
    const [term, command] = rest.split('@') as [string, string | undefined];
    if (term !== '') chosen = apply(chosen, banned, sign, term);
    if (command === 'STRENGTH') chosen = [...chosen].sort((a, b) => b.keyLength - a.keyLength);
    else if (command !== undefined && /^SECLEVEL=[0-5]$/.test(command)) securityLevel = Number(command.at(-1));
    else if (command !== undefined) throw noMatch(list, `@${command} is not known`);
  }
  if (words12.length > 0 && chosen.length === 0 && !words12.some(knownToOpenssl)) throw noMatch(list);
  return { codes: [...codes13, ...chosen.map((suite) => suite.code)], tls12: chosen.length > 0, securityLevel };
}

/** Node's own list, taken before `register` puts another function in its place. */
const { getCiphers: opensslCiphers } = nodeTls;

/** Words that stand for suites of OpenSSL's which this stack lacks, and that Node's list of names leaves out. */
const otherSuites =
  /^(?:k?DHE|EDH|AE?C?DH|[ka]?PSK|SRP|CAMELLIA\d*|ARIA\d*|AESCCM8?|[ae]NULL|NULL|MD5|COMPLEMENTOF\w+|SUITEB\w+)$|-CCM8?$/;

/**
 * Whether a word names suites of OpenSSL's: a list of nothing but such is no mistake of the program's. What is left then
 * are the suites of TLS 1.3.
 */
function knownToOpenssl(word: string): boolean {
  return otherSuites.test(word) || (/^[A-Z]/.test(word) && opensslCiphers().includes(word.toLowerCase()));
}

function apply(chosen: CipherSuite[], banned: Set<CipherSuite>, sign: string, term: string): CipherSuite[] {
  const fits = predicateOf(term);
  if (fits === undefined) return chosen;
  const hit = strengthOrder.filter(fits);
  if (sign === '!') for (const suite of hit) banned.add(suite);
  if (sign === '!' || sign === '-') return chosen.filter((suite) => !hit.includes(suite));
  if (sign === '+')
    return [...chosen.filter((suite) => !hit.includes(suite)), ...chosen.filter((suite) => hit.includes(suite))];
  return [...chosen, ...hit.filter((suite) => !chosen.includes(suite) && !banned.has(suite))];
}

function predicateOf(term: string): Predicate | undefined {
  const named = byName.get(term);
  if (named !== undefined) return (suite) => suite === named;
  const parts = term.split('+').map((word) => aliases[word]);
  if (parts.some((part) => part === undefined)) return undefined;
  return (suite) => parts.every((part) => part!(suite));
}

function noMatch(list: string, why = 'it names no cipher suite that Handfast has; see tls.getCiphers()'): Error {
  const error = nodeError(
    'ERR_SSL_NO_CIPHER_MATCH',
    `error:0A0000B9:SSL routines::no cipher match: the cipher list "${list}": ${why}`,
  );
  return Object.assign(error, { library: 'SSL routines', reason: 'no cipher match' });
}
