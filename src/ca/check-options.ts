/** What an authority is asked for, looked at before anything is made: `ERR_TLS_CA_CONFIG` says what to give instead. */
import { isBytes } from '../bytes/bytes.ts';
import {
  bytes,
  callable,
  check,
  checkOptions,
  fields,
  having,
  kind,
  list,
  oneOf,
  positive,
  type Rule,
  type Rules,
  text,
} from '../bytes/check.ts';
import type { IssueOptions } from './authority.ts';
import type { CreateOptions } from './storage/folder.ts';
import type { DoctorOptions } from './stores/doctor.ts';
import type { TrustOptions } from './stores/trust.ts';

const code = 'ERR_TLS_CA_CONFIG';

const signer: Rule = (value, name) => {
  const { type, publicKey, sign } = fields(value, name);
  text(type, `${name}.type`);
  bytes(publicKey, `${name}.publicKey`);
  callable(sign, `${name}.sign`);
};
const crypto = having(['importPrivateKey', 'importPublicKey'], 'createNodeCrypto() of handfast/pki/node');
const keyType = oneOf('p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsa3072', 'rsa4096');
const names = list(text);
const host = having(['run'], 'thisHost()');

/** What a new authority is like, and what opens one. */
const authority: Rules<CreateOptions> = {
  folder: text,
  issuingPassphrase: text,
  issuingSigner: signer,
  earlierSigners: list(signer),
  crypto,
  now: callable,
  witness: callable,
  name: text,
  rootPassphrase: text,
  rootKeyFile: text,
  rootSigner: signer,
  permitted: (value, name) => {
    if (value !== 'any') names(value, name);
  },
  baseUrl: text,
  keyType,
  profiles: list(fields),
};

const issue: Rules<IssueOptions> = {
  names,
  profile: text,
  csr: bytes,
  publicKey: bytes,
  keyType,
  lifetime: positive,
  replaces: text,
  requester: text,
  reference: text,
};

const trust: Rules<TrustOptions> = { kinds: list(text), rootFile: text, host };
const doctor: Rules<DoctorOptions> = { folder: text, site: text, host, now: callable };

/** The options of `createAuthority` and of those that open: a misspelt one would be a constraint that is not there. */
export function checkAuthorityOptions(options: Partial<CreateOptions>): void {
  checkOptions(options, 'the options of an authority', authority, ['folder'], code);
}

export function checkIssueOptions(options: IssueOptions): void {
  checkOptions(options, 'the options of issue', issue, [], code);
}

export function checkTrustOptions(options: TrustOptions): void {
  checkOptions(options, 'the options for trust stores', trust, [], code);
}

export function checkDoctorOptions(options: DoctorOptions): void {
  checkOptions(options, 'the options of diagnose', doctor, ['folder'], code);
}

/** The folder of an authority. @param what the function that it is given to. */
export function checkFolder(folder: string, what: string): void {
  check(text, folder, `${what}: folder`, code);
}

/** DER of a certificate. */
export function checkDer(der: Uint8Array, what: string): void {
  check(kind('a Uint8Array of DER; of a PEM text: decodePem(text)[0].bytes', isBytes), der, what, code);
}

/** What `createAuthority` and `openAuthority` give. */
export function checkAuthority(value: unknown, what: string): void {
  check(having(['issue', 'ocsp'], 'an Authority: await openAuthority({ folder })'), value, what, code);
}
