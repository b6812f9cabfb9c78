import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import acme from 'acme-client';
import type { Authority } from '../../src/ca/index.ts';
import { clientProgram, type LiveAcme, liveAcme, run } from './helpers/live.ts';

type Challenge = acme.Authorization['challenges'][number];

const timeout = 120_000;

/** Serial numbers of the certificates that were ordered, oldest first. */
const ordered = (ca: Authority): string[] =>
  ca.list().flatMap(({ requester, serial }) => (requester?.startsWith('acme account') ? [serial] : []));

function verifyLeaf(live: LiveAcme, pem: string, name: string): X509Certificate {
  const leaf = new X509Certificate(pem);
  assert.ok(leaf.checkHost(name) ?? leaf.checkIP(name), `${name} in ${leaf.subjectAltName}`);
  const issuer = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN', 10)));
  assert.ok(leaf.verify(issuer.publicKey));
  assert.ok(issuer.verify(new X509Certificate(live.ca.root.der).publicKey));
  return leaf;
}

/** Serves the answers to http-01 challenges. */
function httpAnswers(t: TestContext, port: number): Map<string, string> {
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    const answer = answers.get((request.url ?? '').split('/').pop() as string);
    response.writeHead(answer === undefined ? 404 : 200);
    response.end(answer);
  });
  server.listen(port, '127.0.0.1');
  t.after(() => server.close());
  return answers;
}

describe('the npm client acme-client', { timeout }, () => {
  async function client(live: LiveAcme, more: Partial<acme.ClientOptions> = {}): Promise<acme.Client> {
    acme.axios.defaults.httpsAgent = new Agent({ ca: readFileSync(live.rootFile) });
    acme.axios.defaults.proxy = false;
    const made = new acme.Client({
      directoryUrl: live.directory,
      accountKey: await acme.crypto.createPrivateEcdsaKey(),
      backoffMin: 100,
      ...more,
    });
    await made.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:ann@corp.test'] });
    return made;
  }

  async function enrol(
    made: acme.Client,
    names: string[],
    type: string,
    publish: (keyAuthorization: string, challenge: { token: string }, name: string) => void | Promise<void>,
  ): Promise<string> {
    const [key, csr] = await acme.crypto.createCsr({ altNames: names });
    const pem = await made.auto({
      csr,
      challengePriority: [type],
      skipChallengeVerification: true,
      challengeCreateFn: async (authz, challenge, keyAuthorization) =>
        publish(keyAuthorization, challenge, authz.identifier.value),
      challengeRemoveFn: async () => {},
    });
    assert.ok(new X509Certificate(pem).checkPrivateKey(createPrivateKey(key)));
    return pem;
  }

  test('enrols with http-01, renews and revokes; an address as well', async (t) => {
    const live = await liveAcme(t);
    const answers = httpAnswers(t, live.httpPort);
    const made = await client(live);
    const publish = (keyAuthorization: string, { token }: { token: string }) =>
      void answers.set(token, keyAuthorization);
    const first = await enrol(made, ['a.test', 'b.test'], 'http-01', publish);
    verifyLeaf(live, first, 'b.test');
    verifyLeaf(live, await enrol(made, ['a.test', 'b.test'], 'http-01', publish), 'a.test');
    // Its auto() takes an address for a DNS name: step by step.
    const order = await made.createOrder({ identifiers: [{ type: 'ip', value: '127.0.0.1' }] });
    const [authorization] = await made.getAuthorizations(order);
    const challenge = authorization?.challenges.find(({ type }) => type === 'http-01') as Challenge;
    publish(await made.getChallengeKeyAuthorization(challenge), challenge);
    await made.completeChallenge(challenge);
    await made.waitForValidStatus(challenge);
    const [, csr] = await acme.crypto.createCsr({ altNames: ['127.0.0.1'] });
    const finalized = await made.finalizeOrder(order, csr);
    verifyLeaf(live, await made.getCertificate(finalized), '127.0.0.1');
    await made.revokeCertificate(first, { reason: 4 });
    const [serial] = ordered(live.ca);
    assert.equal(live.ca.find(serial as string)?.revoked?.reason, 'superseded');
  });

  test('enrols a wildcard with dns-01', async (t) => {
    const live = await liveAcme(t);
    const made = await client(live);
    const pem = await enrol(made, ['*.a.test', 'a.test'], 'dns-01', (keyAuthorization, _, name) => {
      const record = `_acme-challenge.${name}`;
      live.txt.set(record, [...(live.txt.get(record) ?? []), keyAuthorization]);
    });
    verifyLeaf(live, pem, 'x.a.test');
  });

  test('enrols with tls-alpn-01', async (t) => {
    const live = await liveAcme(t);
    const made = await client(live);
    let identity = { key: '', cert: '' };
    const server = createTlsServer({
      ALPNProtocols: ['acme-tls/1'],
      SNICallback: async (_, done) => {
        const { createSecureContext } = await import('node:tls');
        done(null, createSecureContext(identity));
      },
    });
    server.listen(live.tlsPort, '127.0.0.1');
    t.after(() => server.close());
    const pem = await enrol(made, ['a.test'], 'tls-alpn-01', async (keyAuthorization, _, name) => {
      const [key, cert] = await acme.crypto.createAlpnCertificate(
        { identifier: { type: 'dns', value: name } } as acme.Authorization,
        keyAuthorization,
      );
      identity = { key: key.toString(), cert: cert.toString() };
    });
    verifyLeaf(live, pem, 'a.test');
  });

  test('binds its account to a key identifier', async (t) => {
    const hmacKey = Buffer.alloc(32, 7);
    const live = await liveAcme(t, {
      externalAccounts: { required: true, key: (kid) => (kid === 'ann' ? hmacKey : undefined) },
    });
    await assert.rejects(client(live), /known holders/);
    await client(live, { externalAccountBinding: { kid: 'ann', hmacKey: hmacKey.toString('base64url') } });
    await assert.rejects(
      client(live, { externalAccountBinding: { kid: 'ann', hmacKey: hmacKey.toString('base64url') } }),
      /already/,
    );
  });

  test('changes its account key and deactivates the account', async (t) => {
    const live = await liveAcme(t);
    const made = await client(live);
    await made.updateAccountKey(await acme.crypto.createPrivateRsaKey());
    await made.updateAccount({ contact: ['mailto:bob@corp.test'] });
    await made.updateAccount({ status: 'deactivated' });
    await assert.rejects(made.createOrder({ identifiers: [{ type: 'dns', value: 'a.test' }] }), /deactivated/);
  });
});

const certbot = clientProgram('certbot', 'CERTBOT');
test('certbot enrols, renews and revokes', { timeout, skip: certbot === undefined && 'no certbot here' }, async (t) => {
  const live = await liveAcme(t);
  const at = (name: string) => join(live.folder, 'certbot', name);
  const folders = ['--config-dir', at('etc'), '--work-dir', at('work'), '--logs-dir', at('log')];
  const certbotRun = (...words: string[]) =>
    run(certbot as string, [...words, ...folders, '--server', live.directory, '--non-interactive'], {
      REQUESTS_CA_BUNDLE: live.rootFile,
    });
  const http = ['--standalone', '--http-01-port', String(live.httpPort)];
  await certbotRun('certonly', ...http, '--agree-tos', '-m', 'ann@corp.test', '-d', 'a.test', '-d', 'b.test');
  const pem = () => readFileSync(join(at('etc'), 'live', 'a.test', 'fullchain.pem'), 'utf8');
  const first = verifyLeaf(live, pem(), 'b.test');
  await certbotRun('renew', '--force-renewal', '--no-random-sleep-on-renew');
  assert.notEqual(verifyLeaf(live, pem(), 'a.test').serialNumber, first.serialNumber);
  await certbotRun('revoke', '--cert-name', 'a.test', '--reason', 'keycompromise', '--no-delete-after-revoke');
  const serials = ordered(live.ca);
  assert.equal(serials.length, 2);
  assert.deepEqual(
    serials.map((serial) => live.ca.find(serial)?.revoked?.reason),
    [undefined, 'keyCompromise'],
  );
  if ((await run(certbot as string, ['--help', 'all'])).includes('--required-profile')) {
    await certbotRun('certonly', ...http, '-d', 'c.test', '--required-profile', 'short-lived');
    const serial = ordered(live.ca).at(-1) as string;
    assert.equal(live.ca.find(serial)?.profile, 'short-lived');
    // Renewal information (RFC 9773) says that it is due, as it was revoked. It has no OCSP responder to ask.
    const count = ordered(live.ca).length;
    await live.ca.revoke(serial, 'superseded');
    await certbotRun('renew', '--cert-name', 'c.test', '--no-random-sleep-on-renew');
    assert.equal(ordered(live.ca).length, count + 1);
  }
  await certbotRun('update_account', '-m', 'bob@corp.test');
  await certbotRun('unregister');
});

const lego = clientProgram('lego', 'LEGO');
test('lego enrols, renews and revokes, by http-01 and by tls-alpn-01', {
  timeout,
  skip: lego === undefined && 'no lego here',
}, async (t) => {
  const live = await liveAcme(t);
  const legoRun = (how: string[], ...words: string[]) =>
    run(
      lego as string,
      [
        '--server',
        live.directory,
        '--accept-tos',
        '--email',
        'ann@corp.test',
        '--path',
        join(live.folder, 'lego'),
        ...how,
        ...words,
      ],
      {
        LEGO_CA_CERTIFICATES: live.rootFile,
      },
    );
  const pem = (name: string) => readFileSync(join(live.folder, 'lego', 'certificates', `${name}.crt`), 'utf8');
  const http = ['--domains', 'a.test', '--http', '--http.port', `127.0.0.1:${live.httpPort}`];
  await legoRun(http, 'run');
  const first = verifyLeaf(live, pem('a.test'), 'a.test');
  await legoRun(http, 'renew', '--days', '1000', '--no-random-sleep').catch(() =>
    legoRun(http, 'renew', '--days', '1000'),
  );
  assert.notEqual(verifyLeaf(live, pem('a.test'), 'a.test').serialNumber, first.serialNumber);
  await legoRun(http, 'revoke');
  await legoRun(['--domains', 'b.test', '--tls', '--tls.port', `127.0.0.1:${live.tlsPort}`], 'run');
  verifyLeaf(live, pem('b.test'), 'b.test');
  const revoked = ordered(live.ca).map((serial) => live.ca.find(serial)?.revoked !== undefined);
  assert.deepEqual(revoked, [false, true, false]);
});

const acmeSh = clientProgram('acme.sh', 'ACME_SH');
// No package registry has acme.sh: where ACME_SH does not name it, its recorded run (docs/conformance.md) stands.
const testAcmeSh = acmeSh === undefined ? () => {} : test;
testAcmeSh('acme.sh enrols, renews and revokes', { timeout }, async (t) => {
  const live = await liveAcme(t);
  const home = join(live.folder, 'acme.sh');
  mkdirSync(home);
  const shRun = (...words: string[]) =>
    run(
      acmeSh as string,
      [
        '--home',
        home,
        '--server',
        live.directory,
        '--ca-bundle',
        live.rootFile,
        '--accountemail',
        'ann@corp.test',
        '-d',
        'a.test',
        ...words,
      ],
      { HOME: live.folder },
    );
  const http = ['--standalone', '--httpport', String(live.httpPort)];
  await shRun('--issue', ...http);
  const pem = () => readFileSync(join(home, 'a.test_ecc', 'fullchain.cer'), 'utf8');
  const first = verifyLeaf(live, pem(), 'a.test');
  await shRun('--renew', '--force', '--ecc');
  assert.notEqual(verifyLeaf(live, pem(), 'a.test').serialNumber, first.serialNumber);
  await shRun('--revoke', '--ecc');
  await shRun('--issue', '--force', '--alpn', '--tlsport', String(live.tlsPort), '-d', 'b.test');
  assert.deepEqual(
    ordered(live.ca).map((serial) => live.ca.find(serial)?.revoked !== undefined),
    [false, true, false],
  );
});

const caddy = clientProgram('caddy', 'CADDY');
test('Caddy enrols and serves; when its certificate is revoked, it gets another', {
  timeout,
  skip: caddy === undefined && 'no caddy here',
}, async (t) => {
  const live = await liveAcme(t);
  const site = live.tlsPort;
  const config = join(live.folder, 'Caddyfile');
  writeFileSync(
    config,
    `{
  admin off
  storage file_system ${join(live.folder, 'caddy')}
  acme_ca ${live.directory}
  acme_ca_root ${live.rootFile}
  email ann@corp.test
  http_port ${live.httpPort}
  https_port ${site}
  skip_install_trust
}
https://a.test {
  bind 127.0.0.1
  respond "hello"
}
`,
  );
  const started = async () => {
    const child = spawn(caddy as string, ['run', '--config', config, '--adapter', 'caddyfile'], {
      env: { ...process.env, HOME: live.folder, no_proxy: '*' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    };
    t.after(stop);
    return { stop, said: () => said };
  };
  const curl = () =>
    run('curl', [
      '-sS',
      '-m',
      '5',
      '--noproxy',
      '*',
      '--cacert',
      live.rootFile,
      '--resolve',
      `a.test:${site}:127.0.0.1`,
      `https://a.test:${site}/`,
    ]);
  const until = async (what: () => Promise<boolean>, said: () => string) => {
    const end = Date.now() + 40_000;
    while (!(await what())) {
      if (Date.now() > end) assert.fail(`Caddy did not get there:\n${said()}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  const first = await started();
  await until(async () => (await curl().catch(() => '')) === 'hello', first.said);
  await first.stop();
  const [serial] = ordered(live.ca);
  await live.ca.revoke(serial as string, 'superseded');
  // Caddy keeps the OCSP answer; a new one is asked for when the old is gone.
  await run('sh', ['-c', `rm -rf '${join(live.folder, 'caddy', 'ocsp')}'`]);
  const second = await started();
  await until(async () => ordered(live.ca).length > 1, second.said);
  await until(async () => (await curl().catch(() => '')) === 'hello', second.said);
  await second.stop();
  assert.ok(readdirSync(join(live.folder, 'caddy', 'certificates')).length > 0);
});
