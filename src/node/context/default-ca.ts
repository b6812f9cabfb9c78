/**
 * The authorities that are trusted where a program names none: Node's bundle, the store of the system
 * (`--use-system-ca`, `NODE_USE_SYSTEM_CA=1`) or OpenSSL's (`--use-openssl-ca`), `NODE_EXTRA_CA_CERTS`, or what
 * `tls.setDefaultCACertificates` gave. `getCACertificates` came with Node 22; here both are on every version.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as nodeTls from 'node:tls';
import { decodePem, encodePem } from '../../bytes/pem.ts';
import { invalidArgType, invalidArgValue, nodeError, validateString } from '../base/node-errors.ts';
import { lastFlag } from './settings.ts';
import { openSslRoots } from './trust-store.ts';

/** Sources of `getCACertificates`. */
export type CaType = 'default' | 'bundled' | 'system' | 'extra';

// Node's own, taken before `handfast/register` puts ours in its place.
const { rootCertificates, getCACertificates: fromNode } = nodeTls as typeof nodeTls & {
  getCACertificates?: (type: CaType) => readonly string[];
};

let system: readonly string[] | undefined;
let extra: readonly Uint8Array[] | undefined;
let byDefault: Uint8Array[] | undefined;
let replaced = false;
/** What `getCACertificates` has answered; the same list again, as in Node. */
const answers = new Map<CaType, string[]>();

/** DER of the default authorities. The same array until they are replaced. */
export function defaultCa(): Uint8Array[] {
  if (byDefault !== undefined) return byDefault;
  return (byDefault = [...startingRoots().flatMap(der), ...extraCa()]);
}

/** PEM, as it comes. */
function startingRoots(): readonly string[] {
  if (lastFlag('--use-openssl-ca', '--use-bundled-ca') === '--use-openssl-ca') return openSslCa().map(toPem);
  return usesSystemCa() ? [...rootCertificates, ...systemCa()] : rootCertificates;
}

function usesSystemCa(): boolean {
  const flag = lastFlag('--use-system-ca', '--no-use-system-ca');
  return flag === undefined ? process.env['NODE_USE_SYSTEM_CA'] === '1' : flag === '--use-system-ca';
}

function der(pem: string): Uint8Array[] {
  return decodePem(pem)
    .filter(({ label }) => label.endsWith('CERTIFICATE'))
    .map(({ bytes }) => bytes);
}

function toPem(certificate: Uint8Array): string {
  return encodePem('CERTIFICATE', certificate).trimEnd();
}

function unique(certificates: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(certificates.map((bytes) => [Buffer.from(bytes).toString('latin1'), bytes])).values()];
}

/** PEM of the system's store. By Node itself, which also reads keychains; where it can't, as OpenSSL finds it. */
function systemCa(): readonly string[] {
  if (system !== undefined) return system;
  if (fromNode !== undefined) return (system = fromNode('system'));
  if (process.platform === 'darwin' || process.platform === 'win32') {
    throw nodeError(
      'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
      'this version of Node cannot read the trust store of the system',
    );
  }
  return (system = unique(openSslCa()).map(toPem));
}

function openSslCa(): Uint8Array[] {
  return openSslRoots().flatMap(({ certificate }) =>
    typeof certificate === 'string' ? der(certificate) : [certificate],
  );
}

/** DER of NODE_EXTRA_CA_CERTS; a file that can't be read is a warning, as in Node. */
function extraCa(): readonly Uint8Array[] {
  if (extra !== undefined) return extra;
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  if (!file) return (extra = []);
  try {
    extra = der(readFileSync(file, 'latin1'));
  } catch (error) {
    process.emitWarning(`Ignoring extra certs from \`${file}\`, load failed: ${(error as Error).message}`);
    extra = [];
  }
  return extra;
}

/** `tls.getCACertificates`: the certificates (PEM) that are trusted by default, or those of one source. */
export function getCACertificates(type: CaType = 'default'): string[] {
  validateString(type, 'type');
  let answer = answers.get(type);
  if (answer === undefined) answers.set(type, (answer = Object.freeze(listOf(type)) as string[]));
  return answer;
}

function listOf(type: CaType): string[] {
  switch (type) {
    case 'default':
      return replaced ? defaultCa().map(toPem) : [...startingRoots(), ...extraCa().map(toPem)];
    case 'bundled':
      return rootCertificates as string[];
    case 'extra':
      return extraCa().map(toPem);
    case 'system':
      return [...systemCa()];
    default:
      throw invalidArgValue('type', type);
  }
}

/** `tls.setDefaultCACertificates`: replaces what is trusted by default, by PEM texts or their bytes. */
export function setDefaultCACertificates(certificates: readonly (string | NodeJS.ArrayBufferView)[]): void {
  if (!Array.isArray(certificates)) throw invalidArgType('certs', 'Array', certificates);
  const texts = certificates.map((certificate: unknown, index) => {
    if (typeof certificate === 'string') return certificate;
    if (!ArrayBuffer.isView(certificate)) {
      throw invalidArgType(`certs[${index}]`, ['string', 'ArrayBufferView'], certificate);
    }
    return Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength).toString('latin1');
  });
  const found = texts.flatMap(readOne);
  if (found.length === 0 && certificates.length > 0) {
    throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'No valid certificates found in the provided array');
  }
  byDefault = unique(found);
  replaced = true;
  answers.delete('default');
}

/** All of a text, or nothing: a certificate that can't be read must not go missing without a word. */
function readOne(text: string): Uint8Array[] {
  try {
    const found = der(text);
    for (const bytes of found) new X509Certificate(bytes);
    return found;
  } catch (cause) {
    throw nodeError('ERR_OSSL_PEM_ASN1_LIB', `error:0488000D:PEM routines::ASN1 lib: ${(cause as Error).message}`);
  }
}
