import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkLog } from '../../src/ca/index.ts';
import { temporaryFolder } from '../ca/helpers/temporary-folder.ts';
import { execArgv, moduleFile } from '../helpers/process.ts';
import { bodyOf, clientKey, type Order, request, TestClient } from './helpers/client.ts';
import { acmeService } from './helpers/service.ts';

const load = moduleFile('test/acme/helpers/crash-load.ts');

/** A longer run: `HANDFAST_CRASH_SECONDS=300 node scripts/test.mjs test/acme/crash.test.ts`. */
const seconds = Number(process.env['HANDFAST_CRASH_SECONDS'] ?? 8);

/** What a server under load answered before it was killed at a random moment. */
async function killedUnderLoad(folder: string): Promise<string[]> {
  const child = spawn(process.execPath, [...execArgv, load, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), Math.random() * 1200));
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  assert.equal(signal, 'SIGKILL');
  return said.slice(0, said.lastIndexOf('\n')).split('\n').slice(1);
}

test('an ACME server that is killed at random moments loses nothing that it answered', {
  timeout: 60_000 + seconds * 2000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const key = clientKey();
  writeFileSync(join(folder, 'account.json'), JSON.stringify(key.privateKey.export({ format: 'jwk' })));
  await (await acmeService(t, { folder })).close();
  const answered = {
    ordered: new Set<string>(),
    ready: new Set<string>(),
    issued: new Set<string>(),
    revoked: new Set<string>(),
  };
  const started = Date.now();
  let kills = 0;
  do {
    for (const line of await killedUnderLoad(folder)) {
      const [what, url] = line.split(' ') as [keyof typeof answered, string];
      answered[what].add(url);
    }
    kills++;
    await checkLog(folder);
    const { service, ca, close } = await acmeService(t, { folder });
    const client = new TestClient(service, key);
    client.kid = (await client.post('/new-account', { onlyReturnExisting: true })).headers['location'] as string;
    for (const url of answered.issued) {
      const { status, body } = await client.post(url);
      assert.equal(status, 200, url);
      assert.match(body, /BEGIN CERTIFICATE/);
    }
    for (const url of answered.revoked) assert.ok(ca.find(url.slice(url.lastIndexOf('/') + 1))?.revoked, url);
    for (const url of answered.ordered) {
      const order = bodyOf(await client.post(url)) as Order;
      // What was being issued when the process died is issued now, once: nothing stays "processing".
      assert.ok(
        answered.ready.has(url)
          ? /^(?:ready|valid)$/.test(order.status)
          : /^(?:pending|ready|valid)$/.test(order.status),
        order.status,
      );
    }
    const references = ca
      .list()
      .flatMap(({ status, reference }) => (status === 'issued' && reference !== undefined ? [reference] : []));
    assert.equal(new Set(references).size, references.length, 'no order was issued for twice');
    // And it goes on.
    const { body } = await client.order('after.test');
    await client.prove(body);
    assert.equal((bodyOf(await client.finalize(body, (await request(['after.test'])).csr)) as Order).status, 'valid');
    await close();
    // On a machine that is busy with other things it may take longer until there is something to lose.
  } while (Date.now() - started < seconds * 1000 || answered.issued.size === 0);
  const { issued, revoked } = answered;
  t.diagnostic(`${kills} kills, ${issued.size} certificates, ${revoked.size} revocations, none lost`);
});
