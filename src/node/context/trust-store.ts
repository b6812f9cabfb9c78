/**
 * Where trusted roots come from on this machine: Node's bundle, the system's store, and what the environment names.
 * Every anchor keeps its source, so that an error can say where one looked.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { checkOptions, fields, list, oneOf, type Rules, text } from '../../bytes/check.ts';
import { ConfigError } from '../../errors.ts';
import { anchorInput } from '../../pki/check-arguments.ts';
import { createTrustAnchors, type TrustAnchorInput, type TrustAnchors } from '../../pki/index.ts';

/**
 * - `node`: the roots that come with this Node (Mozilla's), as `node:tls` uses them by default.
 * - `system`: the store of the operating system.
 */
export type RootSource = 'node' | 'system';

export interface TrustStoreOptions {
  /** Which roots; `['node']`. */
  readonly roots?: readonly RootSource[];
  /** Anchors of one's own beside them. */
  readonly extra?: readonly TrustAnchorInput[];
  /** Variables `SSL_CERT_FILE`, `SSL_CERT_DIR` (in place of the system's) and `NODE_EXTRA_CA_CERTS`; `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  /** Files to look for in place of the well-known ones (tests, unusual systems). */
  readonly systemFiles?: readonly string[];
  readonly native?: NativeAccess;
}

const rules: Rules<TrustStoreOptions> = {
  roots: list(oneOf('node', 'system')),
  extra: list(anchorInput),
  env: fields,
  platform: text,
  systemFiles: list(text),
  native: fields,
};

/** Bundles of the systems that have one, most specific first. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Arch, Gentoo, Alpine with ca-certificates
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt', // older RHEL, CentOS
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/var/lib/ca-certificates/ca-bundle.pem', // openSUSE, SLES
  '/etc/ssl/cert.pem', // Alpine, OpenBSD, macOS
  '/usr/local/share/certs/ca-root-nss.crt', // FreeBSD
] as const;

const maxFileBytes = 1 << 24;
const maxFolderFiles = 4096;

/**
 * Collects trust anchors. Single certificates of bundles that don't parse are skipped and listed in `skipped`; a source
 * that was asked for and can't be read at all throws `ConfigError` `ERR_TLS_TRUST_STORE`.
 */
export async function loadTrustStore(options: TrustStoreOptions = {}): Promise<TrustAnchors> {
  checkOptions(options, 'the options of loadTrustStore', rules, [], 'ERR_TLS_TRUST_STORE');
  // Those that one gives oneself have to be read: a bundle may have one that nobody misses.
  if (options.extra !== undefined) createTrustAnchors(options.extra);
  const { roots = ['node'], env = process.env } = options;
  const inputs: TrustAnchorInput[] = [];
  if (roots.includes('node')) inputs.push(...bundledRoots());
  if (roots.includes('system')) inputs.push(...(await systemRoots(options, env)));
  const extra = env['NODE_EXTRA_CA_CERTS'];
  if (extra !== undefined && extra !== '') inputs.push({ ...readBundle(extra, 'NODE_EXTRA_CA_CERTS'), vetted: false });
  inputs.push(...(options.extra ?? []));
  const store = createTrustAnchors(inputs, { invalid: 'skip' });
  for (const { source, reason } of store.skipped) {
    if (source === undefined || store.sources.includes(source)) continue;
    throw new ConfigError(`${source} holds no certificate that can be read: ${reason}`, {
      code: 'ERR_TLS_TRUST_STORE',
    });
  }
  return store;
}

/** Roots that come with this Node. */
export function bundledRoots(): TrustAnchorInput[] {
  const source = `the roots bundled with Node ${process.version}`;
  return tls.rootCertificates.map((certificate) => ({ certificate, source, vetted: true }));
}

async function systemRoots(
  { platform = process.platform, systemFiles, native = thisNode }: TrustStoreOptions,
  env: Environment,
): Promise<TrustAnchorInput[]> {
  const named = namedRoots(env, platform);
  if (named.length > 0) return named;
  if (systemFiles === undefined && (platform === 'darwin' || platform === 'win32'))
    return nativeRoots(platform, native);
  return bundleOf(systemFiles ?? systemBundles);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** One file of certificates: PEM, or DER of one. */
interface Bundle {
  readonly certificate: string | Uint8Array;
  readonly source: string;
  readonly vetted: boolean;
}

/** Roots where OpenSSL looks for them: `SSL_CERT_FILE` and `SSL_CERT_DIR`, or the bundle of the system; else none. */
export function openSslRoots(): Bundle[] {
  const named = namedRoots(process.env, process.platform);
  if (named.length > 0) return named;
  return systemBundles.some((path) => isFile(path)) ? bundleOf(systemBundles) : [];
}

function namedRoots(env: Environment, platform: NodeJS.Platform): Bundle[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = env;
  return [
    ...(file ? [{ ...readBundle(file, 'SSL_CERT_FILE'), vetted: true }] : []),
    ...(folders ? folders.split(platform === 'win32' ? ';' : ':').flatMap((folder) => readFolder(folder)) : []),
  ];
}

function bundleOf(bundles: readonly string[]): Bundle[] {
  const found = bundles.find((path) => isFile(path));
  if (found === undefined) {
    throw new ConfigError(
      `the system has no bundle of trusted certificates (looked for ${bundles.join(', ')}); install "ca-certificates", or set SSL_CERT_FILE`,
      { code: 'ERR_TLS_TRUST_STORE' },
    );
  }
  return [{ ...readBundle(found, 'the system'), vetted: true }];
}

/** The keychain of macOS or the store of Windows: by Node itself where it can (from 22.15 on), else by a package. */
async function nativeRoots(platform: 'darwin' | 'win32', native: NativeAccess): Promise<TrustAnchorInput[]> {
  const source = platform === 'darwin' ? 'the macOS keychain' : 'the Windows certificate store';
  const fromNode = native.fromNode();
  if (fromNode !== undefined) return fromNode.map((certificate) => ({ certificate, source, vetted: true }));
  // `win-ca` itself would put its roots into Node's global agent; its `api` does nothing but answer.
  const name = platform === 'darwin' ? 'mac-ca' : 'win-ca/api';
  let loaded: unknown;
  try {
    loaded = await native.load(name);
  } catch (error) {
    throw new ConfigError(
      `${source} can't be read by Node ${process.version}: use Node 22.15 or newer, install the package "${name.split('/')[0]}", or set SSL_CERT_FILE`,
      { code: 'ERR_TLS_TRUST_STORE', cause: error },
    );
  }
  const pems = platform === 'darwin' ? macRoots(loaded as MacCa) : windowsRoots(loaded as WinCa);
  return pems.map((certificate) => ({ certificate, source, vetted: true }));
}

/** How the store of the system is reached; replaced in tests. */
export interface NativeAccess {
  /** `tls.getCACertificates('system')`, or `undefined` where this Node has none. */
  fromNode(): readonly string[] | undefined;
  /** Loads an optional package. */
  load(name: string): Promise<unknown>;
}

const thisNode: NativeAccess = {
  fromNode: () => (tls as { getCACertificates?: (type: string) => string[] }).getCACertificates?.('system'),
  // Both are CommonJS, and `win-ca/api` is a folder, which `import` doesn't find.
  load: async (name) => createRequire(import.meta.url)(name) as unknown,
};

/** What is used of the package `mac-ca`. */
interface MacCa {
  readonly get: (options: { excludeBundled: boolean }) => string[];
}

function macRoots({ get }: MacCa): string[] {
  return get({ excludeBundled: false });
}

/** What is used of the package `win-ca`: one function, with its formats as properties. */
interface WinCa {
  (options: { format: unknown; ondata: (pem: string) => void }): void;
  readonly der2: { readonly pem: unknown };
}

function windowsRoots(read: WinCa): string[] {
  const pems: string[] = [];
  read({ format: read.der2.pem, ondata: (pem) => pems.push(pem) });
  return pems;
}

function readBundle(path: string, who: string): { certificate: string | Uint8Array; source: string } {
  try {
    if (statSync(path).size > maxFileBytes) throw new Error(`it is larger than ${maxFileBytes} bytes`);
    const bytes = readFileSync(path);
    // DER begins with a SEQUENCE, PEM with text.
    return { certificate: bytes[0] === 0x30 ? new Uint8Array(bytes) : bytes.toString('latin1'), source: path };
  } catch (error) {
    throw new ConfigError(
      `the trusted certificates in ${path} (named by ${who}) can't be read: ${(error as Error).message}`,
      {
        code: 'ERR_TLS_TRUST_STORE',
        cause: error,
      },
    );
  }
}

/** All certificates of a folder. Folders of OpenSSL hold one a file, often as links under hashed names. */
function readFolder(folder: string): Bundle[] {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    throw new ConfigError(`the folder ${folder} (named by SSL_CERT_DIR) can't be read: ${(error as Error).message}`, {
      code: 'ERR_TLS_TRUST_STORE',
      cause: error,
    });
  }
  return names
    .slice(0, maxFolderFiles)
    .map((name) => join(folder, name))
    .filter(isFile)
    .map((path) => readBundle(path, 'SSL_CERT_DIR'))
    .filter(
      ({ certificate }) => certificate instanceof Uint8Array || certificate.includes('-----BEGIN CERTIFICATE-----'),
    )
    .map((bundle) => ({ ...bundle, vetted: true }));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
