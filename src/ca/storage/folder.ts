import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { toBase64 } from '../../bytes/base64.ts';
import { equal, fromHex, toHex } from '../../bytes/bytes.ts';
import { decodePem, encodePem } from '../../bytes/pem.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { type Certificate, parseCertificate } from '../../pki/certificate.ts';
import { buildCertificateList, parseCertificateList } from '../../pki/crl.ts';
import { Authority, type Issuer, type PublishedCrl } from '../authority.ts';
import { checkAuthorityOptions, checkFolder } from '../check-options.ts';
import { caError } from '../error.ts';
import { keyIdentifierOf, makeIntermediate, makeRoot, type PublishedAt } from '../hierarchy.ts';
import { LogState } from '../log.ts';
import { constraintName, privateNames } from '../names.ts';
import { checkProfile, day, type Profile, standardProfiles } from '../profiles.ts';
import { checkedSigner, type Signer } from '../signer.ts';
import { makePrivateFolder, readIfExists, readKeyFile, replaceFile, shredFile, writeNewFile } from './files.ts';
import {
  checkJournal,
  type Journal,
  type JournalBody,
  type JournalHead,
  type JournalOptions,
  openJournal,
} from './journal.ts';
import { generateKey, keyFromPem, keyToPem, type NewKeyType } from './keys.ts';
import { lockFolder } from './lock.ts';

const year = 365 * day;

/** The content of `authority.json`. */
interface AuthorityFile {
  readonly version: 1;
  readonly name: string;
  /** Names and ranges that the intermediates are constrained to; empty for no constraint. */
  readonly permitted: readonly string[];
  /** Where CRLs, OCSP answers and issuer certificates are fetched. */
  readonly baseUrl?: string;
  readonly rootKey: 'discarded' | 'encrypted' | 'external';
  readonly issuingKey: 'file' | 'external';
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** Where an authority is, and what opens its keys. */
export interface OpenOptions {
  readonly folder: string;
  /** Where the intermediate's key file is encrypted. */
  readonly issuingPassphrase?: string | undefined;
  /** The intermediate's key where it is not in the folder: an HSM, a KMS, a card. */
  readonly issuingSigner?: Signer | undefined;
  /**
   * The keys of earlier intermediates, where they are elsewhere too: they sign lists and OCSP answers until their intermediate
   * ends. After that they are not asked for.
   */
  readonly earlierSigners?: readonly Signer[] | undefined;
  readonly crypto?: CryptoProvider | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** Is told every signed head of the log once it is durable; keep them where the folder's holder can't change them. */
  readonly witness?: ((head: JournalHead) => void) | undefined;
}

/** What a new authority is like. */
export interface CreateOptions extends OpenOptions {
  /** What people see in their trust stores; "Handfast authority" and six digits where absent. */
  readonly name?: string | undefined;
  /**
   * Keeps the root's key, encrypted, in `rootKeyFile`. It is needed again only for a new intermediate.
   * Without it and without `rootSigner` the root's key is **discarded** once it has signed the intermediate: nobody can
   * steal it. The root ends with its intermediate after five years: then a new authority is made ({@link putAsideAuthority}).
   */
  readonly rootPassphrase?: string | undefined;
  /**
   * Where the encrypted key of the root is written to, so that it never lies on this machine's disk: a medium that is taken
   * away. `root.key` in the folder where absent; move it off the machine then.
   */
  readonly rootKeyFile?: string | undefined;
  readonly rootSigner?: Signer | undefined;
  /**
   * DNS names (with everything under them) and address ranges that certificates may be for. By default those that
   * belong to nobody on the Internet ({@link privateNames}); `'any'` for no constraint.
   */
  readonly permitted?: readonly string[] | 'any' | undefined;
  /** `http://…` under which the folder is served; CRL and OCSP URLs in certificates come from it. */
  readonly baseUrl?: string | undefined;
  /** P-256 by default. */
  readonly keyType?: NewKeyType | undefined;
  /** Profiles beside, or in place of, the standard ones. */
  readonly profiles?: readonly Profile[] | undefined;
}

/**
 * Makes an authority in a new folder: a root, an intermediate below it, and the log. Private keys are in files that
 * only the owner may read (mode 0600). Throws `ERR_TLS_CA_EXISTS` where there is one already.
 */
export async function createAuthority(options: CreateOptions): Promise<Authority> {
  checkAuthorityOptions(options);
  const { folder, crypto = createNodeCrypto(), now = Date.now } = options;
  await makePrivateFolder(folder);
  const lock = await lockFolder(join(folder, 'lock'), `the authority in ${folder}`);
  try {
    // authority.json is written last: without it what stands here is a beginning that was cut short.
    if ((await readIfExists(join(folder, 'authority.json'))) !== undefined) {
      throw caError('ERR_TLS_CA_EXISTS', `${folder} holds an authority already: open it, or take another folder`);
    }
    const file = authorityFile(options);
    if (options.rootKeyFile !== undefined && file.rootKey !== 'encrypted')
      throw caError('ERR_TLS_CA_CONFIG', 'rootKeyFile is for a key that is kept: give rootPassphrase with it');
    const permitted = file.permitted.map(constraintName);
    const rootKey = options.rootSigner === undefined ? generateKey(options.keyType ?? 'p256') : undefined;
    const rootSigner = options.rootSigner ?? crypto.importPrivateKey(rootKey?.pkcs8 as Uint8Array);
    const notBefore = Math.floor(now() / 1000) * 1000 - day / 24;
    const discarded = file.rootKey === 'discarded';
    const root = await makeRoot(crypto, rootSigner, {
      name: file.name,
      notBefore,
      notAfter: notBefore + (discarded ? 5 : 10) * year,
      permitted: discarded ? permitted : [],
    });
    if (rootKey !== undefined && options.rootPassphrase !== undefined) {
      const pem = keyToPem(rootKey.pkcs8, options.rootPassphrase);
      // In the folder one may be left of a beginning that was cut short; elsewhere it is another authority's.
      if (options.rootKeyFile === undefined) await replaceFile(join(folder, 'root.key'), pem, 0o600);
      else await writeNewFile(options.rootKeyFile, pem);
    }
    await writeCertificate(folder, 'root', root);
    const logKey = generateKey('ed25519');
    await replaceFile(join(folder, 'log.key'), keyToPem(logKey.pkcs8), 0o600);
    for (const name of ['log.jsonl', 'log.jsonl.heads']) await shredFile(join(folder, name));
    const intermediate = await addIntermediate(file, { ...options, crypto, now }, root, rootSigner, 1);
    const journal = await openLog(folder, crypto, logKey.pkcs8, options, () => {});
    await journal.append(
      { type: 'begin', root: toBase64(root.der), logKey: toBase64(logKey.spki), name: file.name },
      issuerEntry(intermediate),
    );
    await journal.close();
    await replaceFile(join(folder, 'authority.json'), `${JSON.stringify(file, null, 2)}\n`, 0o644);
  } finally {
    await lock.release();
  }
  return openAuthority(options);
}

/**
 * Opens the authority in a folder, for this process alone: the log is read and checked, what a crash left half done is
 * closed. Throws `ERR_TLS_CA_MISSING`, `_LOCKED`, `_LOG`, `_KEY`, `_PASSPHRASE`.
 */
export async function openAuthority(options: OpenOptions): Promise<Authority> {
  checkAuthorityOptions(options);
  const { folder, crypto = createNodeCrypto(), now = Date.now } = options;
  const file = await readAuthorityFile(folder);
  const lock = await lockFolder(join(folder, 'lock'), `the authority in ${folder}`);
  let journal: Journal | undefined;
  try {
    const state = new LogState();
    const logKey = await readKey(join(folder, 'log.key'));
    journal = await openLog(folder, crypto, logKey, options, (entry) => state.apply(entry));
    const root = await readCertificate(folder, 'root');
    if (state.beginning === undefined || !equal(state.beginning.root, root.der)) {
      throw caError('ERR_TLS_CA_LOG', `the log in ${folder} belongs to another root certificate`);
    }
    const issuers = await openIssuers(file, options, crypto, state);
    await closeIntents(journal, state);
    const authority = new Authority({
      crypto,
      root,
      rootCrl: (await readIfExists(join(folder, 'root.crl'))) ?? new Uint8Array(0),
      issuers,
      crls: await publishedCrls(folder, issuers, state),
      profiles: { ...standardProfiles, ...file.profiles },
      journal,
      state,
      now,
      generateKey,
      publish: (name, content) => replaceFile(join(folder, name), content, 0o644),
      release: () => lock.release(),
    });
    // CRLs are always there, from the first day; one that a crash kept from being published is published now.
    await authority.maintain();
    return authority;
  } catch (error) {
    await journal?.close();
    await lock.release();
    throw error;
  }
}

/** Opens the authority of a folder, or makes it where there is none. */
export async function openOrCreateAuthority(options: CreateOptions): Promise<Authority> {
  checkAuthorityOptions(options);
  const exists = (await readIfExists(join(options.folder, 'authority.json'))) !== undefined;
  return exists ? openAuthority(options) : createAuthority(options);
}

/**
 * Signs another intermediate with the root's key, which `rootPassphrase` opens (in `rootKeyFile`, or `root.key` brought back
 * into the folder) or `rootSigner` holds. The authority must be closed; when it is opened again the new intermediate issues.
 */
export async function renewIntermediate(
  options: OpenOptions & Pick<CreateOptions, 'rootPassphrase' | 'rootKeyFile' | 'rootSigner' | 'keyType'>,
): Promise<void> {
  checkAuthorityOptions(options);
  const { folder, crypto = createNodeCrypto(), now = Date.now } = options;
  const file = await readAuthorityFile(folder);
  const lock = await lockFolder(join(folder, 'lock'), `the authority in ${folder}`);
  try {
    const root = await readCertificate(folder, 'root');
    const rootSigner =
      options.rootSigner ??
      crypto.importPrivateKey(
        await rootKeyOf(file, options.rootKeyFile ?? join(folder, 'root.key'), options.rootPassphrase),
      );
    if (!equal(rootSigner.publicKey, root.spki))
      throw caError('ERR_TLS_CA_KEY', 'this is not the key of the root certificate');
    const state = new LogState();
    const logKey = await readKey(join(folder, 'log.key'));
    const journal = await openLog(folder, crypto, logKey, options, (entry) => state.apply(entry));
    try {
      const number = state.issuers.length + 1;
      await journal.append(
        issuerEntry(await addIntermediate(file, { ...options, crypto, now }, root, rootSigner, number)),
      );
    } finally {
      await journal.close();
    }
  } finally {
    await lock.release();
  }
}

/**
 * Checks the log of a folder without opening the authority: every hash, the signature of the last head, and that it
 * still holds what a head that was noted elsewhere vouches for. Throws `ERR_TLS_CA_LOG`.
 */
export async function checkLog(
  folder: string,
  noted?: JournalHead,
  crypto: CryptoProvider = createNodeCrypto(),
): Promise<{ entries: number; head: JournalHead | undefined }> {
  checkFolder(folder, 'checkLog');
  const state = new LogState();
  const path = join(folder, 'log.jsonl');
  await checkJournal(path, { replay: (entry) => state.apply(entry) });
  if (state.beginning === undefined) throw caError('ERR_TLS_CA_LOG', `${path} has no beginning`);
  const key = crypto.importPublicKey(state.beginning.logKey);
  const verify = (text: Uint8Array, signature: Uint8Array) => key.verify({ kind: 'ed25519' }, text, signature);
  return checkJournal(path, { heads: { sign: unused, verify }, noted, replay: () => {} });
}

function authorityFile(options: CreateOptions): AuthorityFile {
  const { rootPassphrase, rootSigner, permitted = privateNames, baseUrl } = options;
  if (baseUrl !== undefined && !/^http:\/\/[^/]+[\x21-\x7e]*$/.test(baseUrl)) {
    throw caError(
      'ERR_TLS_CA_CONFIG',
      'baseUrl begins with http:// : who fetches a CRL cannot check a certificate yet',
    );
  }
  return {
    version: 1,
    // Two authorities of one machine are told apart, by people and by programs that look issuers up by name.
    name: options.name ?? `Handfast authority ${randomBytes(3).toString('hex')}`,
    permitted: permitted === 'any' ? [] : permitted,
    ...(baseUrl === undefined ? {} : { baseUrl: baseUrl.replace(/\/$/, '') }),
    rootKey: rootSigner !== undefined ? 'external' : rootPassphrase !== undefined ? 'encrypted' : 'discarded',
    issuingKey: options.issuingSigner === undefined ? 'file' : 'external',
    profiles: Object.fromEntries((options.profiles ?? []).map((profile) => [profile.name, checkProfile(profile)])),
  };
}

async function readAuthorityFile(folder: string): Promise<AuthorityFile> {
  const bytes = await readIfExists(join(folder, 'authority.json'));
  if (bytes === undefined) throw caError('ERR_TLS_CA_MISSING', `there is no authority in ${folder}: create one first`);
  const file = JSON.parse(Buffer.from(bytes).toString()) as Partial<AuthorityFile>;
  if (file.version !== 1) throw caError('ERR_TLS_CA_CONFIG', `${folder} was made by a later version of this program`);
  return file as AuthorityFile;
}

async function addIntermediate(
  file: AuthorityFile,
  options: CreateOptions & { readonly crypto: CryptoProvider; readonly now: () => number },
  root: Certificate,
  rootSigner: Signer,
  number: number,
): Promise<Certificate> {
  const { folder, crypto } = options;
  const key = options.issuingSigner === undefined ? generateKey(options.keyType ?? 'p256') : undefined;
  if (key !== undefined) {
    const pem = keyToPem(key.pkcs8, options.issuingPassphrase);
    await replaceFile(join(folder, `issuing-${number}.key`), pem, 0o600);
  }
  const notBefore = Math.floor(options.now() / 1000) * 1000 - day / 24;
  const certificate = await makeIntermediate(crypto, rootSigner, {
    root,
    name: `${file.name} - issuing ${number}`,
    spki: key?.spki ?? (options.issuingSigner as Signer).publicKey,
    notBefore,
    notAfter: notBefore + 5 * year,
    permitted: file.permitted.map(constraintName),
    published: publishedAt(file.baseUrl, 'root'),
  });
  await writeCertificate(folder, `issuing-${number}`, certificate);
  // The root's own list is empty, and lives as long as the intermediate: the root's key is not at hand to renew it.
  const crl = await buildCertificateList(
    {
      issuer: root.subject,
      thisUpdate: notBefore,
      nextUpdate: certificate.notAfter,
      crlNumber: number,
      authorityKeyIdentifier: keyIdentifierOf(root),
      revoked: [],
    },
    checkedSigner(crypto, rootSigner),
  );
  await replaceFile(join(folder, 'root.crl'), crl, 0o644);
  return certificate;
}

function publishedAt(baseUrl: string | undefined, issuer: string): PublishedAt | undefined {
  if (baseUrl === undefined) return undefined;
  return { crl: `${baseUrl}/${issuer}.crl`, ocsp: `${baseUrl}/ocsp`, certificate: `${baseUrl}/${issuer}.crt` };
}

async function openIssuers(
  file: AuthorityFile,
  options: OpenOptions,
  crypto: CryptoProvider,
  state: LogState,
): Promise<Issuer[]> {
  const held = [
    ...(options.issuingSigner === undefined ? [] : [options.issuingSigner]),
    ...(options.earlierSigners ?? []),
  ];
  const issuers: Issuer[] = [];
  for (const [i, der] of state.issuers.entries()) {
    const number = i + 1;
    const certificate = parseCertificate(der);
    const signer =
      held.find(({ publicKey }) => equal(publicKey, certificate.spki)) ??
      (await ownSigner(file, options, crypto, certificate, join(options.folder, `issuing-${number}.key`)));
    issuers.push({ number, certificate, signer, published: publishedAt(file.baseUrl, `issuing-${number}`) });
  }
  return issuers;
}

/** The key of an intermediate out of its file. One that has ended signs nothing any more, and may be gone. */
async function ownSigner(
  file: AuthorityFile,
  { issuingPassphrase, now = Date.now }: OpenOptions,
  crypto: CryptoProvider,
  certificate: Certificate,
  keyFile: string,
): Promise<Signer> {
  if ((await readIfExists(keyFile)) === undefined) {
    if (certificate.notAfter < now()) {
      return {
        type: crypto.importPublicKey(certificate.spki).type,
        publicKey: certificate.spki,
        sign: () => {
          throw caError('ERR_TLS_CA_ENDED', `the key of ${certificate}, which has expired, is no longer here`);
        },
      };
    }
    if (file.issuingKey === 'external') {
      throw caError(
        'ERR_TLS_CA_KEY',
        `the key of ${certificate} is held by an external signer: pass it as issuingSigner, or in earlierSigners where a newer intermediate issues`,
      );
    }
  }
  const signer = crypto.importPrivateKey(await readKey(keyFile, issuingPassphrase));
  if (!equal(signer.publicKey, certificate.spki))
    throw caError('ERR_TLS_CA_KEY', `${keyFile} is not the key of ${certificate}`);
  return signer;
}

/** The lists in the folder that are the last ones of the log and name everything that the log has as revoked. */
async function publishedCrls(
  folder: string,
  issuers: readonly Issuer[],
  state: LogState,
): Promise<Map<number, PublishedCrl>> {
  const crls = new Map<number, PublishedCrl>();
  for (const { number } of issuers) {
    const der = await readIfExists(join(folder, `issuing-${number}.crl`));
    const last = state.crlNumbers.get(number);
    if (der === undefined || last === undefined || state.revokedSince.has(number)) continue;
    try {
      const list = parseCertificateList(new Uint8Array(der));
      const { crlNumber, thisUpdate, nextUpdate = 0 } = list;
      if (crlNumber === undefined || BigInt(`0x${toHex(crlNumber)}`) !== BigInt(last)) continue;
      // A revocation that was on its way to the disk while the list was put together stands before it in the log.
      const missing = [...(state.revokedBy.get(number) ?? [])].some(
        (serial) =>
          (state.records.get(serial)?.notAfter ?? 0) >= thisUpdate && list.find(fromHex(serial)) === undefined,
      );
      if (missing) continue;
      crls.set(number, { der: new Uint8Array(der), number: last, thisUpdate, nextUpdate });
    } catch {
      // It is damaged: a new one is made.
    }
  }
  return crls;
}

async function rootKeyOf(file: AuthorityFile, path: string, passphrase: string | undefined): Promise<Uint8Array> {
  if (file.rootKey === 'discarded') {
    throw caError(
      'ERR_TLS_CA_ENDED',
      'the key of this root was discarded when it was made, so it signs no other intermediate: make a new authority',
    );
  }
  if (file.rootKey === 'external')
    throw caError('ERR_TLS_CA_KEY', 'the root key is held elsewhere: pass it as rootSigner');
  const bytes = await readIfExists(path);
  if (bytes === undefined) {
    throw caError(
      'ERR_TLS_CA_KEY',
      `the root's key is not in ${path}: bring it back from where you moved it, or name that file as rootKeyFile`,
    );
  }
  // It is encrypted, and media that are carried around often know no modes: who may read the file doesn't matter.
  return keyFromPem(Buffer.from(bytes).toString(), path, passphrase);
}

/** Intents without an outcome: the process died before the certificate was durable, so nobody has it. */
async function closeIntents(journal: Journal, state: LogState): Promise<void> {
  const open = [...state.records.values()].filter(({ status }) => status === 'pending');
  await journal.append(
    ...open.map(({ serial }) => ({ type: 'failed', serial, why: 'the process ended before it was done' })),
  );
  for (const record of open) state.records.set(record.serial, { ...record, status: 'failed' });
}

async function openLog(
  folder: string,
  crypto: CryptoProvider,
  logKey: Uint8Array,
  options: OpenOptions,
  replay: JournalOptions['replay'],
): Promise<Journal> {
  const key = crypto.importPrivateKey(logKey);
  const publicKey = crypto.importPublicKey(key.publicKey);
  const algorithm = { kind: 'ed25519' } as const;
  return openJournal(join(folder, 'log.jsonl'), {
    heads: {
      sign: (text) => key.sign(algorithm, text),
      verify: (text, signature) => publicKey.verify(algorithm, text, signature),
      witness: options.witness,
    },
    ...(options.now === undefined ? {} : { now: options.now }),
    replay,
  });
}

function issuerEntry(certificate: Certificate): JournalBody {
  return { type: 'issuer', certificate: toBase64(certificate.der) };
}

async function readKey(path: string, passphrase?: string): Promise<Uint8Array> {
  return keyFromPem(Buffer.from(await readKeyFile(path)).toString(), path, passphrase);
}

async function writeCertificate(folder: string, name: string, certificate: Certificate): Promise<void> {
  await replaceFile(join(folder, `${name}.pem`), encodePem('CERTIFICATE', certificate.der), 0o644);
  await replaceFile(join(folder, `${name}.crt`), certificate.der, 0o644);
}

async function readCertificate(folder: string, name: string): Promise<Certificate> {
  const bytes = await readIfExists(join(folder, `${name}.pem`));
  const der = bytes === undefined ? undefined : decodePem(Buffer.from(bytes).toString())[0]?.bytes;
  if (der === undefined)
    throw caError('ERR_TLS_CA_MISSING', `${join(folder, `${name}.pem`)} is missing or holds no certificate`);
  return parseCertificate(der);
}

function unused(): never {
  throw new Error('a check signs nothing');
}
