/** What the functions of `handfast/pki` are given, looked at before it is read: a `ConfigError` says what to give instead. */
import { isBytes } from '../bytes/bytes.ts';
import {
  bytes,
  callable,
  checkOptions,
  fields,
  flag,
  having,
  kind,
  list,
  named,
  notNegative,
  oneOf,
  type Rule,
  type Rules,
  refuse,
  text,
  whole,
} from '../bytes/check.ts';
import type { ScryptCost } from '../crypto/key-files.ts';
import type { CertificateTemplate, ExtensionInput } from './build.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateListTemplate } from './crl.ts';
import { maxIterations } from './key-file-error.ts';
import type { OcspResponseTemplate } from './ocsp.ts';
import type { EncryptionChoice } from './pbes2.ts';
import type { Pkcs12Input } from './pkcs12.ts';
import type { KeyFileOptions } from './private-key.ts';
import type { CertificateRequestTemplate } from './request.ts';
import type { TrustAnchorInput, TrustAnchorOptions } from './verify/anchors.ts';
import type { WorkLimits } from './verify/budget.ts';
import type { OcspCheck } from './verify/ocsp-check.ts';
import type { SctCheck, SctPolicy } from './verify/sct.ts';
import type { VerifyOptions, VerifyPolicy } from './verify/verify-chain.ts';

export const der: Rule = kind('a Uint8Array of DER; of a PEM text: decodePem(text)[0].bytes', isBytes);
export const certificate: Rule = kind('a Certificate: parseCertificate(der)', (value) => {
  const { decoded, spki } = (value ?? {}) as Partial<Certificate>;
  return decoded !== undefined && isBytes(spki);
});
const providers = 'createNodeCrypto() of handfast/pki/node, or createPortableCrypto() of handfast/portable';
export const verifying: Rule = having(['hash', 'importPublicKey'], providers);
export const digesting: Rule = having(['hash'], providers);
export const keyFiles: Rule = having(['pbkdf2', 'decryptAesCbc'], 'createKeyFileCrypto() of handfast/pki/node');
/** A moment. */
export const moment: Rule = kind('milliseconds since 1970, such as Date.now()', (value) => Number.isFinite(value));

/** Who signs what is built. */
export const signer: Rule = (value, name) => {
  const { algorithm, sign } = fields(value, name);
  callable(sign, `${name}.sign`);
  fields(algorithm, `${name}.algorithm`);
};

const limit = whole(0, Number.MAX_SAFE_INTEGER);
const limits: Rules<WorkLimits> = { signatures: limit, comparisons: limit, steps: limit };
const sct: Rules<SctPolicy> = { logs: list(fields), minimum: limit, operators: limit };
const policy: Rules<VerifyPolicy> = {
  minRsaBits: notNegative,
  maxIntermediates: limit,
  requireKeyIdentifiers: flag,
  certificatePolicies: list(text),
  crls: oneOf('all', 'leaf', 'ifAvailable'),
  requireStaple: flag,
  sct: named(sct),
  limits: named(limits),
};

const verifyRules: Rules<VerifyOptions> = {
  chain: list(der),
  anchors: having(['bySubject', 'find'], 'createTrustAnchors([rootPem])'),
  now: moment,
  profile: oneOf('server', 'client'),
  name: text,
  crypto: verifying,
  crls: list(kind('a Uint8Array of DER, or parseCertificateList(der)', (value) => isBytes(value) || isObject(value))),
  ocspResponse: der,
  scts: bytes,
  policy: named(policy),
};

/** The options of `verifyChain`: a misspelt one would be a rule that is not applied. */
export function checkVerifyOptions(options: VerifyOptions): void {
  checkOptions(options, 'the options of verifyChain', verifyRules, ['chain', 'anchors', 'now', 'profile', 'crypto']);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

// ---- what is written ----

const extensionInput: Rules<ExtensionInput> = { oid: text, critical: flag, value: bytes };
const extensions = list((value, name) => {
  named(extensionInput)(value, name);
  const { oid, value: content } = value as ExtensionInput;
  text(oid, `${name}.oid`);
  bytes(content, `${name}.value`);
});

const certificateTemplate: Rules<CertificateTemplate> = {
  serialNumber: bytes,
  issuer: der,
  subject: der,
  notBefore: moment,
  notAfter: moment,
  spki: der,
  extensions,
};

export function checkCertificateTemplate(template: CertificateTemplate): void {
  checkOptions(template, 'the template of a certificate', certificateTemplate, Object.keys(certificateTemplate));
}

const requestTemplate: Rules<CertificateRequestTemplate> = { subject: der, spki: der, extensions };

export function checkRequestTemplate(template: CertificateRequestTemplate): void {
  checkOptions(template, 'the template of a request', requestTemplate, ['subject', 'spki']);
}

const listTemplate: Rules<CertificateListTemplate> = {
  issuer: der,
  thisUpdate: moment,
  nextUpdate: moment,
  crlNumber: kind(
    'a whole number or a bigint',
    (value) => typeof value === 'bigint' || (Number.isSafeInteger(value) && (value as number) >= 0),
  ),
  authorityKeyIdentifier: bytes,
  revoked: list((value, name) => {
    const { serialNumber, revocationDate } = fields(value, name);
    bytes(serialNumber, `${name}.serialNumber`);
    moment(revocationDate, `${name}.revocationDate`);
  }),
  distributionPoint: named({ uris: list(text), only: oneOf('users', 'cas') }),
};

export function checkListTemplate(template: CertificateListTemplate): void {
  const { distributionPoint: _, ...required } = listTemplate;
  checkOptions(template, 'the template of a revocation list', listTemplate, Object.keys(required));
}

const responseTemplate: Rules<OcspResponseTemplate> = {
  responder: (value, name) => {
    const { name: subject, keyHash } = fields(value, name);
    bytes(subject ?? keyHash, `${name}.${subject === undefined ? 'keyHash' : 'name'}`);
  },
  producedAt: moment,
  responses: list((value, name) => {
    const { certId, status, thisUpdate } = fields(value, name);
    bytes(certId, `${name}.certId`);
    text(fields(status, `${name}.status`)['kind'], `${name}.status.kind`);
    moment(thisUpdate, `${name}.thisUpdate`);
  }),
  nonce: bytes,
  certificates: list(der),
};

export function checkResponseTemplate(template: OcspResponseTemplate): void {
  const required = ['responder', 'producedAt', 'responses'];
  checkOptions(template, 'the template of an OCSP response', responseTemplate, required);
}

/** Attributes of a distinguished name. */
export const nameInput: Rule = list((value, name) => {
  list(text)(value, name);
  if ((value as readonly string[]).length !== 2) refuse(value, name, "a pair, such as ['CN', 'example.com']");
});

// ---- files ----

/** The content of a file. */
export const file: Rule = kind(
  "a string (PEM) or a Uint8Array (DER), such as readFileSync(path, 'utf8')",
  (value) => typeof value === 'string' || isBytes(value),
);

const scrypt: Rules<ScryptCost> = { n: limit, r: limit, p: limit };
export const encryptionRules: Rules<EncryptionChoice> = {
  derivation: oneOf('scrypt', 'pbkdf2'),
  iterations: whole(1, maxIterations),
  scrypt: named(scrypt),
};
const keyFileRules: Rules<KeyFileOptions & EncryptionChoice> = {
  ...encryptionRules,
  passphrase: text,
  crypto: keyFiles,
};

/** @param what the function that has them. */
export function checkKeyFileOptions(options: KeyFileOptions, what: string): void {
  checkOptions(options, `the options of ${what}`, keyFileRules);
}

export const pkcs12Rules: Rules<Pkcs12Input> = { key: der, certificates: list(der), friendlyName: text };

// ---- trust ----

/** What `createTrustAnchors` gives. */
export const trustAnchors: Rule = having(['bySubject', 'find'], 'createTrustAnchors([rootPem])');

const anchorRules: Rules<Exclude<TrustAnchorInput, string | Uint8Array>> = {
  certificate: file,
  source: text,
  vetted: flag,
  distrustAfter: moment,
  constraints: fields,
};
/** One root. */
export const anchorInput: Rule = (value, name) => {
  if (typeof value === 'string' || isBytes(value)) return;
  named(anchorRules)(value, name);
  file((value as { certificate: unknown }).certificate, `${name}.certificate`);
};
export const anchorOptions: Rules<TrustAnchorOptions> = {
  source: text,
  vetted: flag,
  invalid: oneOf('throw', 'skip'),
};

export const sctRules: Rules<SctCheck> = {
  certificate,
  issuer: certificate,
  policy: named(sct),
  now: moment,
  crypto: verifying,
  tlsExtension: bytes,
  budget: fields,
};

export const ocspRules: Rules<OcspCheck> = {
  response: der,
  certificate,
  issuer: certificate,
  now: moment,
  crypto: verifying,
  nonce: bytes,
  minRsaBits: notNegative,
  budget: fields,
};
