import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeCertificate } from '../../src/cli/inspect/certificate.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { createTrustAnchors } from '../../src/pki/index.ts';
import { hasProgram, temporaryFolder } from './run.ts';

test('a certificate that cannot be read is not replaced by the next one of the chain', {
  skip: !hasProgram('openssl') && 'no openssl',
}, () => {
  const folder = temporaryFolder();
  const make = (name: string, organization: string) => {
    writeFileSync(
      join(folder, 'req.cnf'),
      `[req]\ndistinguished_name=d\nprompt=no\n[d]\nCN=${name}\nO=${organization}\n`,
    );
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
    const { status, stderr } = spawnSync(
      'openssl',
      [...words, '-keyout', 'key.pem', '-out', `${name}.pem`, '-config', 'req.cnf'],
      { cwd: folder, encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    const pem = readFileSync(join(folder, `${name}.pem`), 'latin1');
    return new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
  };
  const [evil, good] = [make('evil', '\u001b[2J'), make('good', 'x')];
  const options = {
    endpoint: { address: '127.0.0.1', port: 443 },
    name: 'localhost',
    crypto: createNodeCrypto(),
    anchors: createTrustAnchors([good]),
    timeoutMs: 1000,
    progress: () => {},
  };
  const told = ({ findings }: ReturnType<typeof judgeCertificate>) => findings.map(({ check }) => check);
  assert.deepEqual(told(judgeCertificate(options, [evil, good], undefined)), ['chain']);
  assert.ok(told(judgeCertificate(options, [good], undefined)).includes('expiry'));
});
