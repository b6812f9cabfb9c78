import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkLog, createAuthority, openAuthority } from '../../src/ca/index.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { parseCertificateList } from '../../src/pki/crl.ts';
import { execArgv, moduleFile } from '../helpers/process.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

const load = moduleFile('test/ca/helpers/crash-load.ts');

/** A longer run: `HANDFAST_CRASH_SECONDS=300 node scripts/test.mjs test/ca/crash.test.ts`. */
const seconds = Number(process.env['HANDFAST_CRASH_SECONDS'] ?? 8);

/** What a process under load acknowledged before it was killed at a random moment. */
async function killedUnderLoad(folder: string): Promise<string[]> {
  const child = spawn(process.execPath, [...execArgv, load, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), Math.random() * 800));
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  assert.equal(signal, 'SIGKILL');
  // A line that was cut off by the kill was not acknowledged.
  return said.slice(0, said.lastIndexOf('\n')).split('\n').slice(1);
}

test('killed at random moments under load, it loses no certificate and no revocation', {
  timeout: 60_000 + seconds * 2000,
}, async (t) => {
  const folder = temporaryFolder(t);
  await (await createAuthority({ folder, name: 'Test' })).close();
  const issued = new Set<string>();
  const revoked = new Set<string>();
  const started = Date.now();
  let kills = 0;
  const lists = new Map<number, string>();
  do {
    for (const line of await killedUnderLoad(folder)) {
      const [what, serial] = line.split(' ') as [string, string];
      (what === 'issued' ? issued : revoked).add(serial);
    }
    kills++;
    await checkLog(folder);
    const ca = await openAuthority({ folder });
    for (const serial of issued) {
      const { certificate } = ca.certificate(serial);
      assert.equal(Buffer.from(parseCertificate(certificate).serialNumber).toString('hex'), serial);
    }
    for (const serial of revoked) assert.ok(ca.find(serial)?.revoked, serial);
    assert.equal(ca.list().filter(({ status }) => status === 'pending').length, 0);
    // What is published is the list of the log, whole; numbers rise, and no two lists have the same one.
    const crl = await ca.crl();
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'issuing-1.crl'))), crl.der);
    const text = Buffer.from(crl.der).toString('base64');
    assert.equal(lists.get(crl.number) ?? text, text);
    assert.ok([...lists.keys()].every((number) => number <= crl.number));
    lists.set(crl.number, text);
    const list = parseCertificateList(crl.der);
    for (const serial of revoked) assert.equal(list.find(Buffer.from(serial, 'hex'))?.reason, 'keyCompromise', serial);
    // Neither is one forgotten that became durable and was never acknowledged.
    for (const record of ca.list().filter((one) => one.revoked !== undefined))
      assert.ok(list.find(Buffer.from(record.serial, 'hex')), record.serial);
    await ca.close();
    // On a machine that is busy with other things it may take longer until there is something to lose.
  } while (Date.now() - started < seconds * 1000 || revoked.size === 0);
  t.diagnostic(`${kills} kills, ${issued.size} certificates, ${revoked.size} revocations, none lost`);
});
