import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { loadTrustStore, type NativeAccess } from '../../src/node/context/trust-store.ts';
import { encodePem, verifyChain } from '../../src/pki/index.ts';
import { dns, now, testCertificate, testKey } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'handfast-trust-'));
after(() => rmSync(folder, { recursive: true }));
const put = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const authorities = await Promise.all(
  ['One', 'Two', 'Three'].map(async (name) => {
    const authority = { name, key: testKey() };
    return { ...authority, der: await testCertificate({ ...authority, issuer: authority, ca: true }) };
  }),
);
const [one, two, three] = authorities as [(typeof authorities)[0], (typeof authorities)[0], (typeof authorities)[0]];
const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der);
const bundle = put('bundle.pem', `# comment\n${pem(one.der)}\n${pem(two.der)}`);

describe('loadTrustStore', () => {
  it('gives the roots of Node by default, and those of NODE_EXTRA_CA_CERTS', async () => {
    const plain = await loadTrustStore({ env: {} });
    assert.equal(plain.list.length, new Set(rootCertificates).size);
    assert.equal(plain.list[0]?.vetted, true);
    assert.match(plain.sources.join(), /bundled with Node/);
    const more = await loadTrustStore({ env: { NODE_EXTRA_CA_CERTS: bundle } });
    assert.equal(more.list.length, plain.list.length + 2);
    assert.equal(more.list.at(-1)?.source, bundle);
    assert.equal(more.list.at(-1)?.vetted, false);
  });

  it('finds the bundle of the system', async () => {
    const store = await loadTrustStore({
      roots: ['system'],
      env: {},
      platform: 'linux',
      systemFiles: [join(folder, 'missing'), bundle],
    });
    assert.deepEqual(store.sources, [bundle]);
    assert.equal(store.list.length, 2);
    await assert.rejects(
      loadTrustStore({ roots: ['system'], env: {}, platform: 'linux', systemFiles: [join(folder, 'missing')] }),
      {
        code: 'ERR_TLS_TRUST_STORE',
        message: /SSL_CERT_FILE/,
      },
    );
  });

  it('takes SSL_CERT_FILE and SSL_CERT_DIR in place of the system', async () => {
    mkdirSync(join(folder, 'certs'));
    writeFileSync(join(folder, 'certs', 'three.der'), three.der);
    writeFileSync(join(folder, 'certs', 'readme.txt'), 'nothing here');
    const env = { SSL_CERT_FILE: bundle, SSL_CERT_DIR: join(folder, 'certs') };
    const store = await loadTrustStore({ roots: ['system'], env, platform: 'linux', systemFiles: [] });
    assert.equal(store.list.length, 3);
    await assert.rejects(loadTrustStore({ roots: ['system'], env: { SSL_CERT_FILE: join(folder, 'none') } }), {
      code: 'ERR_TLS_TRUST_STORE',
    });
    await assert.rejects(
      loadTrustStore({ roots: ['system'], env: { SSL_CERT_DIR: join(folder, 'none') } }),
      /SSL_CERT_DIR/,
    );
  });

  it('skips what does not parse and says so', async () => {
    const broken = put('broken.pem', pem(one.der) + pem(two.der.subarray(0, 50)) + pem(three.der));
    const store = await loadTrustStore({ roots: [], env: { NODE_EXTRA_CA_CERTS: broken } });
    assert.equal(store.list.length, 2);
    assert.deepEqual(
      store.skipped.map(({ source }) => source),
      [broken],
    );
  });

  it('reads the stores of macOS and Windows by Node, or by the packages for them', async () => {
    const load = async (name: string): Promise<unknown> => {
      if (name === 'mac-ca') return { get: () => [pem(one.der)] };
      if (name === 'win-ca/api') {
        const api = ({ ondata }: { ondata: (pem: string) => void }) => ondata(pem(two.der));
        return Object.assign(api, { der2: { pem: 1 } });
      }
      throw new Error('not there');
    };
    const store = (platform: NodeJS.Platform, native: NativeAccess) =>
      loadTrustStore({ roots: ['system'], env: {}, platform, native });
    const byPackage = { fromNode: () => undefined, load };
    assert.deepEqual((await store('darwin', byPackage)).list[0]?.certificate.der, one.der);
    assert.deepEqual((await store('win32', byPackage)).list[0]?.certificate.der, two.der);
    const byNode = await store('win32', { fromNode: () => [pem(three.der)], load });
    assert.deepEqual(byNode.list[0]?.certificate.der, three.der);
    assert.deepEqual(byNode.sources, ['the Windows certificate store']);
    const missing = { fromNode: () => undefined, load: () => Promise.reject(new Error('not there')) };
    await assert.rejects(store('darwin', missing), { code: 'ERR_TLS_TRUST_STORE', message: /mac-ca/ });
  });

  it('refuses a file that holds nothing', async () => {
    const empty = put('empty.pem', 'nothing');
    await assert.rejects(loadTrustStore({ env: { NODE_EXTRA_CA_CERTS: empty } }), {
      code: 'ERR_TLS_TRUST_STORE',
      message: /holds no certificate/,
    });
  });

  it('shows in the error where one looked', async () => {
    const store = await loadTrustStore({ roots: ['system'], env: { SSL_CERT_FILE: bundle } });
    const stranger = { name: 'Stranger', key: testKey() };
    const der = await testCertificate({ name: 'x', key: testKey(), issuer: stranger, names: dns('example.com') });
    const verdict = verifyChain({ chain: [der], anchors: store, now, profile: 'server', crypto: createNodeCrypto() });
    assert.equal(verdict.ok, false);
    assert.match(verdict.error.message, new RegExp(`from ${bundle.replaceAll('\\', '\\\\')}`));
  });
});
