import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { CryptoProvider, VerifyPeer } from '../../index.ts';
import { createTrustAnchors, type TrustAnchorInput, type TrustAnchors, verifyChainOrThrow } from '../../pki/index.ts';
import { statePaths } from '../paths.ts';

/** The roots to trust: those of `--cacert` alone, or Node's with NODE_EXTRA_CA_CERTS and this user's local authority. */
export async function trustedRoots(files: readonly string[] | undefined): Promise<TrustAnchors> {
  if (files !== undefined && files.length > 0) {
    const inputs = await Promise.all(
      files.map(async (file) => ({ certificate: await readFile(file, 'latin1'), source: file })),
    );
    return createTrustAnchors(inputs);
  }
  const inputs: TrustAnchorInput[] = rootCertificates.map((certificate) => ({ certificate, source: "Node's roots" }));
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  for (const file of [extra, statePaths().root]) {
    if (file === undefined || file === '') continue;
    try {
      inputs.push({ certificate: readFileSync(file, 'latin1'), source: file });
    } catch {
      // There is no local authority yet, or the file of the environment is gone, which Node ignores too.
    }
  }
  return createTrustAnchors(inputs, { vetted: true, invalid: 'skip' });
}

/** Verifies servers strictly; or, with `insecure`, not at all. */
export function peerVerifier(
  crypto: CryptoProvider,
  anchors: TrustAnchors,
  name: string,
  insecure: boolean,
): VerifyPeer {
  if (insecure) return () => undefined;
  return ({ chain, ocspResponse, echRejected, serverName }) => {
    const { path } = verifyChainOrThrow({
      chain,
      anchors,
      // A server that refuses Encrypted Client Hello proves the public name, and nothing else.
      name: echRejected === true && serverName !== undefined ? serverName : name,
      crypto,
      now: Date.now(),
      profile: 'server',
      ...(ocspResponse === undefined ? {} : { ocspResponse }),
    });
    return { notAfter: Math.min(...path.map((certificate) => certificate.notAfter)) };
  };
}
