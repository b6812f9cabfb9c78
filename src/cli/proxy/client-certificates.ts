import { readFile } from 'node:fs/promises';
import type { CryptoProvider, VerifyPeer } from '../../index.ts';
import {
  type CertificateList,
  decodePem,
  parseCertificateList,
  type TrustAnchors,
  trustAnchorsDigest,
  verifyChainOrThrow,
} from '../../pki/index.ts';
import { CliError } from '../errors.ts';

/**
 * Reads revocation lists, PEM or DER.
 *
 * @param files none: nothing is asked about revocation, and the answer is `undefined`.
 */
export async function readCrls(
  files: readonly string[] | undefined,
  anchors: TrustAnchors,
  warn: (text: string) => void,
): Promise<readonly CertificateList[] | undefined> {
  if (files === undefined) return undefined;
  const lists: CertificateList[] = [];
  for (const file of files) {
    const bytes = await readFile(file);
    try {
      const ders = bytes[0] === 0x30 ? [new Uint8Array(bytes)] : listsOf(bytes.toString('latin1'));
      lists.push(...ders.map(parseCertificateList));
    } catch (error) {
      throw new CliError(`${file} has no revocation list that can be read: ${(error as Error).message}`, {
        hint: 'One of this authority is made by: handfast ca crl',
      });
    }
  }
  const now = Date.now();
  for (const { issuerKey, nextUpdate } of lists)
    if (
      nextUpdate !== undefined &&
      nextUpdate < now &&
      !lists.some((list) => list.issuerKey === issuerKey && (list.nextUpdate ?? 0) >= now)
    )
      warn('warning: a list of --client-crl is out of date: no client of its authority gets in');
  const issuers = new Set(lists.map(({ issuerKey }) => issuerKey));
  for (const { certificate } of anchors.list)
    if (!issuers.has(certificate.subjectKey)) warn(`warning: --client-crl has no list of ${certificate}`);
  return lists;
}

function listsOf(text: string): Uint8Array[] {
  const blocks = decodePem(text).filter(({ label }) => label === 'X509 CRL');
  if (blocks.length === 0) throw new Error('it has no block "X509 CRL"');
  return blocks.map(({ bytes }) => bytes);
}

/** What sessions of clients with certificates are bound to: with another list, each shows its certificate again. */
export function trustDigest(
  crypto: CryptoProvider,
  anchors: TrustAnchors,
  crls: readonly CertificateList[] | undefined,
): Uint8Array {
  const digest = trustAnchorsDigest(anchors, crypto);
  if (crls === undefined) return digest;
  return crypto.hash('sha256', Buffer.concat([digest, ...crls.map(({ der }) => crypto.hash('sha256', der))]));
}

/** Verifies certificates of clients; with lists, one that can be used is asked for every authority of a chain. */
export function clientVerifier(
  crypto: CryptoProvider,
  anchors: TrustAnchors,
  crls: readonly CertificateList[] | undefined,
): VerifyPeer {
  return ({ chain }) => {
    const now = Date.now();
    const { path } = verifyChainOrThrow({
      chain,
      anchors,
      crypto,
      now,
      profile: 'client',
      ...(crls === undefined ? {} : { crls }),
    });
    // Nor does a session outlive the list that said nothing against it.
    const ends = crls?.flatMap(({ nextUpdate = 0 }) => (nextUpdate > now ? nextUpdate : [])) ?? [];
    return { notAfter: Math.min(...path.map((certificate) => certificate.notAfter), ...ends) };
  };
}
