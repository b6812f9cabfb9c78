import { createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Authority,
  type AuthorityEnd,
  authorityEnd,
  type IssuedCertificate,
  openAuthority,
  openOrCreateAuthority,
  putAsideAuthority,
} from '../../ca/index.ts';
import { type Credential, type CryptoProvider, localSigner } from '../../index.ts';
import { allLeniencies } from '../../pki/certificate.ts';
import { type Certificate, createTrustAnchors, readCertificates, verifyChain } from '../../pki/index.ts';
import { CliError } from '../errors.ts';
import { shellPath, statePaths } from '../paths.ts';

/** A certificate with its key, from files. */
export interface LoadedCredential {
  readonly credential: Credential;
  readonly leaf: Certificate;
  /** Where it was read, for messages. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Reads a chain (PEM, leaf first) and its key (PEM). Throws `CliError` where they don't fit together. */
export async function loadCredential(
  crypto: CryptoProvider,
  certificateFile: string,
  keyFile: string,
  options: { passphrase?: string | undefined; identity?: string } = {},
): Promise<LoadedCredential> {
  const [chainFile, keyPem] = await Promise.all([readFile(certificateFile), readFile(keyFile, 'latin1')]);
  // Others may have issued them with less care: they are passed on as they are, if they are certificates at all.
  const certificates = readCertificates(chainFile, certificateFile, { issuers: { leniencies: allLeniencies } });
  const leaf = certificates[0] as Certificate;
  const key = crypto.importPrivateKey(privateKeyOf(keyPem, keyFile, options.passphrase));
  if (Buffer.compare(key.publicKey, leaf.spki) !== 0) {
    throw new CliError(`the key in ${keyFile} does not belong to the certificate in ${certificateFile}`, {
      hint: 'The leaf certificate must come first in its file, and be the one that was issued for this key.',
    });
  }
  const names = leaf.decoded.subjectAltName?.flatMap((name) => (name.kind === 'dns' ? [name.value.toLowerCase()] : []));
  const credential: Credential = {
    chain: certificates.map(({ der }) => der),
    signer: localSigner(key),
    ...(names === undefined || names.length === 0 ? {} : { serverNames: names }),
    ...(options.identity === undefined ? {} : { identity: options.identity }),
  };
  return { credential, leaf, certificateFile, keyFile };
}

/** Says when clients will refuse a certificate for its dates. */
export function warnOfDates({ leaf, certificateFile }: LoadedCredential, warn: (text: string) => void): void {
  const day = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10);
  const now = Date.now();
  if (leaf.notAfter < now)
    warn(`the certificate in ${certificateFile} expired on ${day(leaf.notAfter)}; clients will refuse it: renew it`);
  else if (leaf.notBefore > now)
    warn(`the certificate in ${certificateFile} is valid only from ${day(leaf.notBefore)}; is the clock right?`);
}

/** The PKCS#8 (DER) of a PEM key. */
function privateKeyOf(pem: string, file: string, passphrase: string | undefined): Uint8Array {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new CliError(`${file} holds no private key`, {
      hint: 'It must be PEM: lines between "-----BEGIN PRIVATE KEY-----" and "-----END PRIVATE KEY-----".',
    });
  }
  return pkcs8FromPem(pem, file, passphrase);
}

function pkcs8FromPem(pem: string, file: string, passphrase: string | undefined): Uint8Array {
  const encrypted = /ENCRYPTED/.test(pem);
  if (encrypted && passphrase === undefined) {
    throw new CliError(`the key in ${file} is encrypted`, {
      hint: 'Put its passphrase into a file of its own: --passphrase-file FILE, or into HANDFAST_PASSPHRASE',
    });
  }
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
    return new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }));
  } catch (error) {
    if (encrypted) {
      throw new CliError(`the passphrase of ${file} is wrong, or the file is damaged`, {
        hint: `Try it by hand: openssl pkey -in ${file} -noout. A line break at its end does not count.`,
        cause: error,
      });
    }
    throw new CliError(`${file} holds a private key that can't be read`, { hint: 'Is the file whole?', cause: error });
  }
}

/** A passphrase from a file or from the environment; never from the command line, where others could see it. */
export async function readPassphrase(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return process.env['HANDFAST_PASSPHRASE'];
  const text = await readFile(file, 'utf8');
  return text.replace(/\r?\n$/, '');
}

/** A credential from a certificate that was just issued. */
export function loadIssued(crypto: CryptoProvider, issued: IssuedCertificate): Credential {
  const key = crypto.importPrivateKey(issued.key as Uint8Array);
  return { chain: issued.chain, signer: localSigner(key), serverNames: issued.names };
}

/** How long before its end people are told, and the default authority is replaced; in ms. */
const warnBefore = 60 * 86_400_000;
const replaceBefore = 86_400_000;

/** Opens an authority that is there; waits a moment where another process has it open. */
export async function openWaiting(options: Parameters<typeof openAuthority>[0]): Promise<Authority> {
  for (let tries = 0; ; tries++) {
    try {
      return await openAuthority(options);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_TLS_CA_LOCKED' || tries >= 20) throw error;
      await sleep(250);
    }
  }
}

/** Another process has the authority open, or has just put it aside, or made it. */
const othersAtIt: readonly string[] = ['ERR_TLS_CA_LOCKED', 'ENOENT', 'ERR_TLS_CA_MISSING', 'ERR_TLS_CA_EXISTS'];

/**
 * Opens the authority; waits a moment where another process has it open. Where it has ended, and its root's key was
 * discarded, it is put aside and a new one made: without that, nothing would be served any more.
 */
export async function openLocalAuthority(folder: string): Promise<Authority> {
  for (let tries = 0; ; tries++) {
    try {
      await replaceEnded(folder);
      return await openOrCreateAuthority({ folder });
    } catch (error) {
      if (!othersAtIt.includes((error as { code?: string }).code ?? '') || tries >= 20) throw error;
      await sleep(250);
    }
  }
}

async function replaceEnded(folder: string): Promise<void> {
  const ended = ({ renewable, notAfter }: AuthorityEnd) => !renewable && notAfter < Date.now() + replaceBefore;
  const end = await authorityEnd(folder);
  if (end === undefined || !ended(end)) return;
  const aside = await putAsideAuthority(folder, ended);
  if (aside === undefined) return;
  process.stderr.write(
    `The local authority has ended: it is now in ${shellPath(aside)}, and a new one is made. Trust that: ${trustCommand(folder)}\n`,
  );
}

/** Says when the local authority will end soon, and what to do. */
export async function warnOfEnd(folder: string, warn: (text: string) => void): Promise<void> {
  const end = await authorityEnd(folder).catch(() => undefined);
  if (end === undefined || end.notAfter > Date.now() + warnBefore) return;
  const where = folderWords(folder);
  const what = end.renewable
    ? `handfast ca renew-intermediate${where}`
    : `handfast ca init --replace${where} && ${trustCommand(folder)}`;
  warn(`the local authority ends on ${new Date(end.notAfter).toISOString().slice(0, 10)}: ${what}`);
}

function trustCommand(folder: string): string {
  return `handfast ca trust${folderWords(folder)}`;
}

/** The option that names the authority's folder, where it is not the default one. */
export function folderWords(folder: string): string {
  return folder === statePaths().authority ? '' : ` --folder ${shellPath(folder)}`;
}

const day = 86_400_000;

export interface LocalCredential extends LoadedCredential {
  /** Whether the authority, and the certificate, were made just now. */
  readonly madeAuthority: boolean;
  readonly madeCertificate: boolean;
}

/**
 * A certificate of the local authority for these names: the one that is there while it is valid for a month more and
 * has all the names, else a new one. The authority is made where there is none.
 */
export async function localCredential(
  crypto: CryptoProvider,
  paths: ReturnType<typeof statePaths>,
  names: readonly string[],
  now: number = Date.now(),
): Promise<LocalCredential> {
  const stem = fileStem(names[0] ?? 'localhost');
  const certificateFile = join(paths.certificates, `${stem}.pem`);
  const keyFile = join(paths.certificates, `${stem}.key`);
  const identity = `local ${stem}`;
  const madeAuthority = !existsSync(join(paths.authority, 'authority.json'));
  if (!madeAuthority && existsSync(certificateFile) && existsSync(keyFile)) {
    const there = await loadCredential(crypto, certificateFile, keyFile, { identity }).catch(() => undefined);
    if (there !== undefined && (await stillGood(crypto, there, paths.root, names, now).catch(() => false))) {
      return { ...there, madeAuthority: false, madeCertificate: false };
    }
  }
  const authority = await openLocalAuthority(paths.authority);
  try {
    const issued = await authority.issue({ names, requester: 'handfast serve' });
    await mkdir(paths.certificates, { recursive: true, mode: 0o700 });
    await replace(keyFile, issued.keyPem as string, 0o600);
    await replace(certificateFile, issued.chainPem, 0o644);
  } finally {
    await authority.close();
  }
  const made = await loadCredential(crypto, certificateFile, keyFile, { identity });
  return { ...made, madeAuthority, madeCertificate: true };
}

/** Whether the certificate will hold for a while, under the authority that is here now, for all the names. */
async function stillGood(
  crypto: CryptoProvider,
  { credential, leaf }: LoadedCredential,
  rootFile: string,
  names: readonly string[],
  now: number,
): Promise<boolean> {
  const root = await readFile(rootFile, 'latin1');
  const anchors = createTrustAnchors([root], { source: rootFile });
  const soon = now + Math.min(30 * day, (leaf.notAfter - leaf.notBefore) / 3);
  return names.every((name) => {
    const wanted = { name: name.replace(/^\*\./, 'any.'), profile: 'server', chain: credential.chain } as const;
    return verifyChain({ ...wanted, anchors, now: soon, crypto }).ok;
  });
}

/** `*.test` is no good file name everywhere. */
function fileStem(name: string): string {
  return name
    .replace('*', '_')
    .replaceAll(/[^\w.-]/g, '-')
    .toLowerCase();
}

async function replace(path: string, content: string, mode: 0o600 | 0o644): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, content, { mode });
  await rename(draft, path);
}
