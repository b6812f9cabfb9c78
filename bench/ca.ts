/** What the authority issues and revokes in a second: `node --import tsx bench/ca.ts`. Every figure includes its flushes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, openAuthority } from '../src/ca/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'handfast-bench-'));
try {
  const ca = await createAuthority({ folder });
  const { publicKey } = ca.issuer.signer;
  const issue = (n: number) => ca.issue({ names: [`h${n}.test`], publicKey });
  await issue(0);

  const one = await rate(200, async (n) => {
    for (let i = 0; i < n; i++) await issue(i);
  });
  const many = await rate(1000, async (n) => {
    for (let i = 0; i < n; i += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => issue(i + k)));
  });
  console.log(`issue, one after the other: ${one.toFixed(0)}/s; 100 at once: ${many.toFixed(0)}/s`);
  const serials = ca.list().map(({ serial }) => serial);
  const revoke = await rate(100, async (n) => {
    for (let i = 0; i < n; i++) await ca.revoke(serials[i] as string);
  });
  const ocsp = await rate(1000, async (n) => {
    for (let i = 0; i < n; i++) await ca.ocspFor(serials[i] as string);
  });
  console.log(`revoke, each with its new CRL: ${revoke.toFixed(0)}/s; OCSP answers signed: ${ocsp.toFixed(0)}/s`);
  await ca.close();
  const began = performance.now();
  const again = await openAuthority({ folder });
  console.log(`open with ${again.list().length} certificates: ${(performance.now() - began).toFixed(0)} ms`);
  await again.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function rate(n: number, run: (n: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  await run(n);
  return (n * 1000) / (performance.now() - began);
}
