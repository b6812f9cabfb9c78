import { toBase64 } from '../bytes/base64.ts';
import { fromHex, toHex } from '../bytes/bytes.ts';
import { encodePem } from '../bytes/pem.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { encodeTbsCertificate, signed, type Signer as TbsSigner } from '../pki/build.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { buildCertificateList, type CertificateListTemplate } from '../pki/crl.ts';
import { formatGeneralName, type GeneralName } from '../pki/general-name.ts';
import { checkDer, checkIssueOptions } from './check-options.ts';
import { caError } from './error.ts';
import { keyIdentifierOf, type PublishedAt } from './hierarchy.ts';
import { leafTemplate, readRequest, responderTemplate } from './leaf.ts';
import { lintBeforeSigning } from './lint.ts';
import { type IssueRecord, type LogState, type RevocationReason, revocationReasons } from './log.ts';
import { subjectName } from './names.ts';
import { isCurrent, OcspResponder, type Responder } from './ocsp-responder.ts';
import { day, type Profile, profileNamed } from './profiles.ts';
import { checkedSigner, type Signer } from './signer.ts';
import type { Journal, JournalHead } from './storage/journal.ts';
import type { NewKeyType } from './storage/keys.ts';

/** How long a CRL is valid; a new one is made once half of it has passed. */
const crlLifetime = 7 * day;

/** How long the certificate of a delegated OCSP signer is valid. */
const responderLifetime = 14 * day;

/** One intermediate with its key. Older ones stay, to sign CRLs while their certificates live. */
export interface Issuer {
  /** From 1. */
  readonly number: number;
  readonly certificate: Certificate;
  readonly signer: Signer;
  readonly published: PublishedAt | undefined;
}

/** What an {@link Authority} is made of; `openAuthority` puts it together from a folder. */
export interface AuthorityParts {
  readonly crypto: CryptoProvider;
  readonly root: Certificate;
  readonly rootCrl: Uint8Array;
  /** Oldest first; the last one issues. */
  readonly issuers: readonly Issuer[];
  /** CRLs that are published and whole, by intermediate. */
  readonly crls: ReadonlyMap<number, PublishedCrl>;
  readonly profiles: Readonly<Record<string, Profile>>;
  readonly journal: Journal;
  readonly state: LogState;
  readonly now: () => number;
  readonly generateKey: (type: NewKeyType) => { pkcs8: Uint8Array; spki: Uint8Array };
  /** Keeps a file that others fetch, e.g. a CRL. */
  readonly publish: (name: string, content: Uint8Array) => Promise<void>;
  readonly release: () => Promise<void>;
}

/** What a certificate is for, whose key it has, and who asked. */
export interface IssueOptions {
  /** DNS names, IP addresses, e-mail addresses, URIs. With a `csr` and no names: the names that it asks for. */
  readonly names?: readonly string[];
  /** `server` (default), `client`, `short-lived`, or one of the authority's own. */
  readonly profile?: string;
  /** A request (PKCS#10, DER): its key, and its names where none are given, are taken. */
  readonly csr?: Uint8Array;
  /** SubjectPublicKeyInfo (DER) of the key to certify. Without it and without `csr` a key is made. */
  readonly publicKey?: Uint8Array;
  /** Kind of key to make; P-256 by default. */
  readonly keyType?: NewKeyType;
  /** Milliseconds. */
  readonly lifetime?: number;
  /** Serial number of the certificate that this one renews. */
  readonly replaces?: string;
  /** Who asked; for the log. */
  readonly requester?: string;
  /** The caller's own name for the request: {@link Authority.findByReference} finds the certificate again. */
  readonly reference?: string;
}

/** A certificate with its chain, and its key where the authority made it. */
export interface IssuedCertificate {
  /** Hexadecimal. */
  readonly serial: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[];
  /** PEM, leaf first, without the root. */
  readonly chainPem: string;
  /** PKCS#8 in DER and PEM, where the authority made the key. It is kept nowhere. */
  readonly key?: Uint8Array;
  readonly keyPem?: string;
  readonly names: readonly string[];
  readonly profile: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A CRL as it is published. */
export interface PublishedCrl {
  readonly der: Uint8Array;
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/**
 * A certificate authority: issues, renews, revokes, and publishes what it revoked. Before a key signs, the intent is
 * durable in the log; before a certificate or a revocation is reported done, it is durable itself.
 */
export class Authority {
  readonly root: Certificate;
  readonly profiles: Readonly<Record<string, Profile>>;
  readonly #parts: AuthorityParts;
  readonly #signers: ReadonlyMap<number, TbsSigner>;
  readonly #crls: Map<number, PublishedCrl>;
  readonly #crlWork = new Map<number, Promise<PublishedCrl>>();
  readonly #responders = new Map<number, Promise<Responder>>();
  readonly #ocsp: OcspResponder;

  /** Made by `createAuthority` and `openAuthority`. */
  constructor(parts: AuthorityParts) {
    if (parts.issuers.length === 0) throw caError('ERR_TLS_CA_CONFIG', 'the authority has no intermediate');
    this.#parts = parts;
    this.root = parts.root;
    this.#crls = new Map(parts.crls);
    this.profiles = parts.profiles;
    this.#ocsp = new OcspResponder({
      crypto: parts.crypto,
      issuers: parts.issuers,
      find: (serial) => this.find(serial),
      responder: (number) => this.#responder(number),
      now: parts.now,
    });
    this.#signers = new Map(parts.issuers.map(({ number, signer }) => [number, checkedSigner(parts.crypto, signer)]));
  }

  /** The intermediate that issues now. */
  get issuer(): Issuer {
    return this.#parts.issuers.at(-1) as Issuer;
  }

  get issuers(): readonly Issuer[] {
    return this.#parts.issuers;
  }

  get rootPem(): string {
    return encodePem('CERTIFICATE', this.root.der);
  }

  /** The root's own revocation list. It is empty: an intermediate is ended with its root. */
  get rootCrl(): Uint8Array {
    return this.#parts.rootCrl;
  }

  get crypto(): CryptoProvider {
    return this.#parts.crypto;
  }

  /** The head that vouches for the log so far. Note it elsewhere: a log that is cut later no longer fits it. */
  get logHead(): JournalHead | undefined {
    return this.#parts.journal.head;
  }

  now(): number {
    return this.#parts.now();
  }

  /**
   * Issues a certificate. Throws `ERR_TLS_CA_PROFILE`, `_NAME`, `_KEY`, `_CSR`, `_LIFETIME`, `_LINT` for what may not
   * be issued, `_SIGNER` or `_STORAGE` where the key or the disk failed.
   */
  async issue(options: IssueOptions): Promise<IssuedCertificate> {
    checkIssueOptions(options);
    if (options.replaces !== undefined) this.#issued(options.replaces);
    return this.#issue(options);
  }

  /** Throws what {@link issue} would throw for these names; nothing is signed or logged. */
  check(names: readonly string[], profile?: string): void {
    this.#draft(
      uniqueNames(names.map(subjectName)),
      this.issuer.certificate.spki,
      profile === undefined ? {} : { profile },
    );
  }

  /**
   * Issues a successor with the same names and profile and a fresh key (or the `csr` or `publicKey` given). The old
   * certificate stays valid until it expires or is revoked. Throws `ERR_TLS_CA_SERIAL` or `ERR_TLS_CA_REVOKED`.
   */
  async renew(
    serial: string,
    options: Pick<IssueOptions, 'csr' | 'publicKey' | 'keyType' | 'lifetime' | 'requester' | 'reference'> = {},
  ): Promise<IssuedCertificate> {
    const record = this.#issued(serial);
    if (record.revoked !== undefined) {
      throw caError('ERR_TLS_CA_REVOKED', `${serial} was revoked (${record.revoked.reason}): issue a new certificate`);
    }
    return this.#issue({ ...options, names: record.names, profile: record.profile, replaces: serial });
  }

  /** Revokes a certificate; the next CRL and every OCSP answer from now on say so. Done twice, the first counts. */
  async revoke(serial: string, reason: RevocationReason = 'unspecified'): Promise<void> {
    if (!Object.hasOwn(revocationReasons, reason)) {
      throw caError('ERR_TLS_CA_CONFIG', `"${reason}" is no reason: ${Object.keys(revocationReasons).join(', ')}`);
    }
    const { state, journal, now } = this.#parts;
    const record = this.#issued(serial);
    if (record.revoked !== undefined) {
      await this.crl(record.issuer); // Whoever asks again may be the one whom a crash left without an answer.
      return;
    }
    const at = Math.floor(now() / 1000) * 1000;
    await journal.append({ type: 'revoked', serial, reason, date: new Date(at).toISOString() });
    state.revoke(serial, { at, reason });
    await this.crl(record.issuer);
  }

  /** What is known about a serial number. */
  find(serial: string): IssueRecord | undefined {
    return this.#parts.state.records.get(serial);
  }

  /** The certificate that was issued for a caller's reference, also before a restart. */
  findByReference(reference: string): IssuedCertificate | undefined {
    const serial = this.#parts.state.byReference.get(reference);
    const record = serial === undefined ? undefined : this.find(serial);
    return record === undefined ? undefined : this.#result(record);
  }

  /** An issued certificate with its chain. Throws `ERR_TLS_CA_SERIAL`. */
  certificate(serial: string): IssuedCertificate {
    return this.#result(this.#issued(serial));
  }

  /** Everything that was ever asked for, in order. */
  list(): IssueRecord[] {
    return [...this.#parts.state.records.values()];
  }

  /** Serial number of the certificate that renewed this one. */
  replacedBy(serial: string): string | undefined {
    return this.#parts.state.replacedBy.get(serial);
  }

  /**
   * The current CRL of an intermediate: made anew where something was revoked since, or half its life has passed.
   * @param number of the intermediate; the one that issues now where absent.
   */
  async crl(number: number = this.issuer.number): Promise<PublishedCrl> {
    for (;;) {
      const work = this.#crlWork.get(number);
      if (work === undefined) break;
      await work;
    }
    const made = this.#crls.get(number);
    const stale = this.#parts.state.revokedSince.has(number);
    if (made !== undefined && !stale && isCurrent(made.thisUpdate, crlLifetime / 2, this.now())) return made;
    const making = this.#makeCrl(number);
    this.#crlWork.set(number, making);
    try {
      return await making;
    } finally {
      this.#crlWork.delete(number);
    }
  }

  /** The DER of the OCSP response to a DER request. */
  ocsp(request: Uint8Array): Promise<Uint8Array> {
    return this.#ocsp.answer(request);
  }

  /** The current OCSP answer for one of the authority's certificates, for a server to staple. */
  async ocspFor(serial: string): Promise<{ der: Uint8Array; thisUpdate: number; nextUpdate: number }> {
    return this.#ocsp.statusOf(this.#issued(serial).issuer, fromHex(serial));
  }

  /** Publishes every CRL that is due. Call it every hour or so. */
  async maintain(): Promise<void> {
    for (const { number, certificate } of this.issuers) {
      if (certificate.notAfter > this.now()) await this.crl(number);
    }
  }

  /** Waits for what is under way and gives up the folder. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#crlWork.values());
    await this.#parts.journal.close();
    await this.#parts.release();
  }

  async #issue(options: IssueOptions): Promise<IssuedCertificate> {
    const { crypto } = this.#parts;
    const request = options.csr === undefined ? undefined : readRequest(crypto, options.csr);
    const names = uniqueNames(options.names?.map(subjectName) ?? request?.names ?? []);
    const key =
      request === undefined && options.publicKey === undefined
        ? this.#parts.generateKey(options.keyType ?? 'p256')
        : undefined;
    const spki = request?.spki ?? options.publicKey ?? (key?.spki as Uint8Array);
    const { issuer, profile, template, tbs } = this.#draft(names, spki, options);
    const serial = toHex(template.serialNumber);
    const record: IssueRecord = {
      serial,
      issuer: issuer.number,
      profile: profile.name,
      names: names.map(plainName),
      notBefore: template.notBefore,
      notAfter: template.notAfter,
      requestedAt: this.now(),
      ...(options.requester === undefined ? {} : { requester: options.requester }),
      ...(options.reference === undefined ? {} : { reference: options.reference }),
      ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
      status: 'pending',
    };
    const issued = await this.#sign(record, tbs, spki);
    const result = this.#result(issued);
    return key === undefined ? result : { ...result, key: key.pkcs8, keyPem: encodePem('PRIVATE KEY', key.pkcs8) };
  }

  /** What would be signed, after the lint. */
  #draft(names: readonly GeneralName[], spki: Uint8Array, options: Pick<IssueOptions, 'profile' | 'lifetime'>) {
    const { crypto } = this.#parts;
    const { issuer } = this;
    const profile = profileNamed(this.profiles, options.profile ?? 'server');
    const now = this.now();
    const request = { names, spki, profile, now, lifetime: options.lifetime };
    const template = leafTemplate(crypto, issuer.certificate, issuer.published, request);
    const { algorithm } = this.#signers.get(issuer.number) as TbsSigner;
    const tbs = encodeTbsCertificate(template, algorithm);
    const { purposes } = profile;
    lintBeforeSigning({ crypto, tbs, algorithm, issuer: issuer.certificate, root: this.root, purposes, names, now });
    return { issuer, profile, template, tbs };
  }

  /** Durable intent, signature, durable certificate. */
  async #sign(record: IssueRecord, tbs: Uint8Array, spki: Uint8Array): Promise<IssueRecord> {
    const { crypto, journal, state } = this.#parts;
    const { serial, reference, replaces } = record;
    state.records.set(serial, record);
    await journal.append(intentEntry(record, toHex(crypto.hash('sha256', spki))));
    let certificate: Uint8Array;
    try {
      certificate = await signed(tbs, this.#signers.get(record.issuer) as TbsSigner);
    } catch (error) {
      await journal.append({ type: 'failed', serial, why: error instanceof Error ? error.message : String(error) });
      state.records.set(serial, { ...record, status: 'failed' });
      throw error;
    }
    await journal.append({ type: 'issued', serial, certificate: toBase64(certificate) });
    const issued: IssueRecord = { ...record, status: 'issued', certificate };
    state.records.set(serial, issued);
    if (reference !== undefined) state.byReference.set(reference, serial);
    if (replaces !== undefined) state.replacedBy.set(replaces, serial);
    return issued;
  }

  // The responder's key lives in this process alone; its certificate is in the log like any other.
  async #responder(number: number): Promise<Responder> {
    const { certificate: issuer } = this.#issuerNumbered(number);
    if (issuer.notAfter <= this.now())
      throw caError('ERR_TLS_CA_ENDED', `the issuer ${issuer} has expired, and with it what it would vouch for`);
    const held = this.#responders.get(number);
    const responder = await held;
    if (responder !== undefined) {
      const { notBefore, notAfter } = responder.certificate;
      // One that lasts as long as its issuer has no successor that would last longer.
      const renewAt = notAfter < issuer.notAfter ? notAfter - responderLifetime / 3 : notAfter;
      if (isCurrent(notBefore, renewAt - notBefore, this.now())) return responder;
    }
    if (this.#responders.get(number) !== held) return this.#responder(number);
    const making = this.#makeResponder(number);
    this.#responders.set(number, making);
    making.catch(() => this.#responders.delete(number));
    return making;
  }

  async #makeResponder(number: number): Promise<Responder> {
    const { crypto } = this.#parts;
    const issuer = this.#issuerNumbered(number);
    const key = crypto.importPrivateKey(this.#parts.generateKey('p256').pkcs8);
    const template = responderTemplate(crypto, issuer.certificate, key.publicKey, this.now(), responderLifetime);
    const tbs = encodeTbsCertificate(template, (this.#signers.get(number) as TbsSigner).algorithm);
    const { notBefore, notAfter } = template;
    const serial = toHex(template.serialNumber);
    const issued = await this.#sign(
      {
        serial,
        issuer: number,
        profile: 'ocsp',
        names: [],
        notBefore,
        notAfter,
        requestedAt: this.now(),
        status: 'pending',
      },
      tbs,
      key.publicKey,
    );
    const certificate = parseCertificate(issued.certificate as Uint8Array);
    return { certificate, signer: checkedSigner(crypto, key) };
  }

  async #makeCrl(number: number): Promise<PublishedCrl> {
    const { state, now } = this.#parts;
    const issuer = this.#issuerNumbered(number);
    const thisUpdate = Math.floor(now() / 1000) * 1000;
    const nextUpdate = thisUpdate + crlLifetime;
    const crlNumber = (state.crlNumbers.get(number) ?? 0) + 1;
    state.crlNumbers.set(number, crlNumber);
    // A revocation that comes in from here on asks for another list.
    state.revokedSince.delete(number);
    const template = {
      issuer: issuer.certificate.subject,
      thisUpdate,
      nextUpdate,
      crlNumber,
      authorityKeyIdentifier: keyIdentifierOf(issuer.certificate),
      revoked: [...(state.revokedBy.get(number) ?? [])].flatMap((serial) => {
        const { revoked, notAfter } = state.records.get(serial) as IssueRecord;
        // RFC 5280, Section 3.3: an entry stays until one CRL after the certificate has expired.
        if (revoked === undefined || notAfter <= thisUpdate - crlLifetime) return [];
        return [{ serialNumber: fromHex(serial), revocationDate: revoked.at, reason: revoked.reason }];
      }),
    };
    try {
      return await this.#signCrl(number, template);
    } catch (error) {
      state.revokedSince.add(number);
      throw error;
    }
  }

  async #signCrl(number: number, template: CertificateListTemplate): Promise<PublishedCrl> {
    const { thisUpdate, nextUpdate, crlNumber } = template;
    // The number is durable before a list bears it: no two lists have the same one.
    const times = { thisUpdate: new Date(thisUpdate).toISOString(), nextUpdate: new Date(nextUpdate).toISOString() };
    const entries = template.revoked.length;
    await this.#parts.journal.append({ type: 'crl', issuer: number, number: Number(crlNumber), entries, ...times });
    const der = await buildCertificateList(template, this.#signers.get(number) as TbsSigner);
    await this.#parts.publish(`issuing-${number}.crl`, der);
    const crl = { der, number: Number(crlNumber), thisUpdate, nextUpdate };
    this.#crls.set(number, crl);
    return crl;
  }

  #issuerNumbered(number: number): Issuer {
    const issuer = this.issuers.find((one) => one.number === number);
    if (issuer === undefined) throw caError('ERR_TLS_CA_CONFIG', `there is no intermediate ${number}`);
    return issuer;
  }

  #issued(serial: string): IssueRecord {
    const record = this.find(serial);
    if (record?.status !== 'issued') {
      throw caError('ERR_TLS_CA_SERIAL', `this authority has issued no certificate with the serial number ${serial}`);
    }
    return record;
  }

  #result(record: IssueRecord): IssuedCertificate {
    const { serial, profile, notBefore, notAfter, names } = record;
    const certificate = record.certificate as Uint8Array;
    const issuer = this.issuers.find(({ number }) => number === record.issuer) as Issuer;
    const chain = [certificate, issuer.certificate.der];
    const chainPem = chain.map((der) => encodePem('CERTIFICATE', der)).join('');
    return { serial, certificate, chain, chainPem, names, profile, notBefore, notAfter };
  }
}

/** The serial number of a certificate as the authority writes it. */
export function serialOf(certificate: Uint8Array): string {
  checkDer(certificate, 'serialOf: certificate');
  return toHex(parseCertificate(certificate).serialNumber);
}

function intentEntry(record: IssueRecord, keyHash: string) {
  const { serial, issuer, profile, names, requester, reference, replaces } = record;
  return {
    type: 'intent',
    serial,
    issuer,
    profile,
    names,
    notBefore: new Date(record.notBefore).toISOString(),
    notAfter: new Date(record.notAfter).toISOString(),
    keyHash,
    ...(requester === undefined ? {} : { requester }),
    ...(reference === undefined ? {} : { reference }),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

function uniqueNames(names: readonly GeneralName[]): GeneralName[] {
  const seen = new Map(names.map((name) => [formatGeneralName(name), name]));
  return [...seen.values()];
}

function plainName(name: GeneralName): string {
  return formatGeneralName(name).replace(/^(?:DNS|IP|email|URI):/, '');
}
