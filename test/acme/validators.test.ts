import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { AcmeProblem } from '../../src/acme/problem.ts';
import type { Identifier } from '../../src/acme/state.ts';
import { networkValidators, sniOf, type ValidatorOptions } from '../../src/acme/validators.ts';
import { encodePem } from '../../src/bytes/pem.ts';
import { generateKey } from '../../src/ca/storage/keys.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { buildCertificate, type ExtensionInput, extension } from '../../src/pki/build.ts';
import { hostGeneralName } from '../../src/pki/general-name.ts';
import { encodeName } from '../../src/pki/name.ts';

const token = 'dG9rZW4tdG9rZW4tdG9r';
const keyAuthorization = `${token}.thumbprint`;
const digest = createHash('sha256').update(keyAuthorization).digest();
const dns = (value: string): Identifier => ({ type: 'dns', value });

const resolver = {
  addresses: async (host: string) => (host === 'nowhere.test' ? [] : ['127.0.0.1']),
  txt: async (): Promise<string[]> => [],
};
const validate = (type: 'http-01' | 'dns-01' | 'tls-alpn-01', identifier: Identifier, options: ValidatorOptions) =>
  networkValidators({ resolver, timeout: 2000, ...options })[type]({ identifier, token, keyAuthorization });

/** Asserts a problem of this type whose detail says this. */
const refused = (promise: Promise<void>, type: string, detail: RegExp) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof AcmeProblem, String(error));
    assert.equal(error.type, type, error.message);
    assert.match(error.message, detail);
    return true;
  });

describe('http-01', () => {
  async function site(t: TestContext, listener: RequestListener): Promise<number> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return (server.address() as AddressInfo).port;
  }

  test('takes the key authorization, with white space behind it, for a name and for an address', async (t) => {
    const seen: string[] = [];
    const httpPort = await site(t, (request, response) => {
      seen.push(`${request.headers.host} ${request.url}`);
      response.end(`${keyAuthorization} \r\n`);
    });
    await validate('http-01', dns('a.test'), { httpPort });
    await validate('http-01', { type: 'ip', value: '127.0.0.1' }, { httpPort });
    const path = `/.well-known/acme-challenge/${token}`;
    assert.deepEqual(seen, [`a.test:${httpPort} ${path}`, `127.0.0.1:${httpPort} ${path}`]);
  });

  test('refuses other answers, statuses, large bodies, silence', async (t) => {
    const answers: RequestListener[] = [
      (_, response) => response.end(`x${keyAuthorization}`),
      (_, response) => response.writeHead(404).end(keyAuthorization),
      (_, response) => response.end(keyAuthorization.padEnd(5000)),
      () => {},
    ];
    const httpPort = await site(t, (request, response) => answers[0]?.(request, response));
    await refused(
      validate('http-01', dns('a.test'), { httpPort }),
      'incorrectResponse',
      /is not the key authorization/,
    );
    answers.shift();
    await refused(validate('http-01', dns('a.test'), { httpPort }), 'unauthorized', /status 404/);
    answers.shift();
    await refused(validate('http-01', dns('a.test'), { httpPort }), 'connection', /more than 4096 bytes/);
    answers.shift();
    await refused(validate('http-01', dns('a.test'), { httpPort, timeout: 200 }), 'connection', /timeout|aborted/);
    await refused(validate('http-01', dns('nowhere.test'), { httpPort }), 'dns', /no address/);
    await refused(validate('http-01', dns('a.test'), { httpPort: 1 }), 'connection', /ECONNREFUSED/);
    const mayConnect = (address: string) => !address.startsWith('127.');
    await refused(validate('http-01', dns('a.test'), { httpPort, mayConnect }), 'rejectedIdentifier', /may connect/);
  });

  test('is not kept waiting by what is no HTTP answer', async (t) => {
    const answers = [
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx',
      '',
    ];
    let ends = false;
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => (ends ? socket.end(answers[0] ?? '') : socket.write(answers[0] ?? '')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port: httpPort } = server.address() as AddressInfo;
    for (; answers.length > 0; answers.shift()) {
      for (ends of [true, false]) {
        const silent = !ends && answers[0]?.startsWith('HTTP/1.1 101') === false;
        const what = silent ? /abort|timeout/ : answers[0]?.includes(' 101 ') ? /status 101/ : /ended|abort|hang up/;
        await refused(validate('http-01', dns('a.test'), { httpPort, timeout: 300 }), 'connection', what);
      }
    }
  });

  test('follows redirects, but not around the world', async (t) => {
    let where = '/elsewhere';
    const httpPort = await site(t, (request, response) => {
      if (request.url === '/elsewhere') response.end(keyAuthorization);
      else response.writeHead(302, { location: where }).end('It is elsewhere. '.repeat(1000));
    });
    await validate('http-01', dns('a.test'), { httpPort });
    where = '/around';
    await refused(validate('http-01', dns('a.test'), { httpPort }), 'connection', /more than 10 redirects/);
    for (const place of ['ftp://a.test/', 'http://a.test:22/', 'file:///etc/passwd', 'http://[']) {
      where = place;
      await refused(validate('http-01', dns('a.test'), { httpPort }), 'connection', /not followed/);
    }
    where = `http://nowhere.test:${httpPort}/`;
    await refused(validate('http-01', dns('a.test'), { httpPort }), 'dns', /no address/);
  });
});

describe('dns-01', () => {
  const wanted = digest.toString('base64url');
  const withTxt = (txt: (name: string) => Promise<string[]>) => ({ resolver: { ...resolver, txt } });

  test('takes the digest among other records, at the right name', async () => {
    const names: string[] = [];
    const options = withTxt(async (name) => {
      names.push(name);
      return ['v=spf1 -all', wanted];
    });
    await validate('dns-01', dns('a.test'), options);
    assert.deepEqual(names, ['_acme-challenge.a.test']);
  });

  test('refuses other records, none, and addresses', async () => {
    await refused(
      validate(
        'dns-01',
        dns('a.test'),
        withTxt(async () => [`${wanted}x`]),
      ),
      'incorrectResponse',
      /is expected/,
    );
    await refused(
      validate(
        'dns-01',
        dns('a.test'),
        withTxt(async () => []),
      ),
      'incorrectResponse',
      /no TXT records/,
    );
    const failing = withTxt(async () => Promise.reject(new Error('ENOTFOUND')));
    await refused(validate('dns-01', dns('a.test'), failing), 'dns', /ENOTFOUND/);
    await refused(
      validate(
        'dns-01',
        { type: 'ip', value: '10.0.0.1' },
        withTxt(async () => [wanted]),
      ),
      'malformed',
      /DNS names/,
    );
  });
});

describe('tls-alpn-01', () => {
  async function certificate(
    names: readonly string[],
    extensions: readonly ExtensionInput[],
  ): Promise<{ cert: string; key: string }> {
    const crypto = createNodeCrypto();
    const { pkcs8, spki } = generateKey('p256');
    const key = crypto.importPrivateKey(pkcs8);
    const algorithm = { kind: 'ecdsa', hash: 'sha256' } as const;
    const subject = encodeName([['CN', 'challenge']]);
    const now = Date.now();
    const der = await buildCertificate(
      {
        serialNumber: Uint8Array.of(1),
        issuer: subject,
        subject,
        notBefore: now - 1000,
        notAfter: now + 86_400_000,
        spki,
        extensions: [extension.subjectAltName(names.map(hostGeneralName)), ...extensions],
      },
      { algorithm, sign: (data) => key.sign(algorithm, data) },
    );
    return { cert: encodePem('CERTIFICATE', der), key: encodePem('PRIVATE KEY', pkcs8) };
  }

  async function server(
    t: TestContext,
    identity: { cert: string; key: string },
    ALPNProtocols = ['acme-tls/1'],
  ): Promise<{ port: number; names: string[] }> {
    const names: string[] = [];
    const made = createTlsServer({
      ...identity,
      ALPNProtocols,
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    made.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    t.after(() => made.close());
    return { port: (made.address() as AddressInfo).port, names };
  }

  const good = extension.acmeIdentifier(digest);

  test('takes the certificate of RFC 8737, for a name and for an address', async (t) => {
    const { port, names } = await server(t, await certificate(['a.test'], [good]));
    await validate('tls-alpn-01', dns('a.test'), { tlsPort: port });
    assert.deepEqual(names, ['a.test']);
    const forAddress = await server(t, await certificate(['127.0.0.1'], [good]));
    await validate('tls-alpn-01', { type: 'ip', value: '127.0.0.1' }, { tlsPort: forAddress.port });
    assert.deepEqual(forAddress.names, ['1.0.0.127.in-addr.arpa']);
    const reversed = sniOf({ type: 'ip', value: '2001:db8::567:89ab' });
    assert.equal(reversed, 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
  });

  test('refuses every other certificate, and a server without acme-tls/1', async (t) => {
    const against = async (
      names: string[],
      extensions: ExtensionInput[],
      type: string,
      detail: RegExp,
      protocols?: string[],
    ) => {
      const { port } = await server(t, await certificate(names, extensions), protocols);
      await refused(validate('tls-alpn-01', dns('a.test'), { tlsPort: port }), type, detail);
    };
    await against(['a.test', 'b.test'], [good], 'unauthorized', /alone/);
    await against(['b.test'], [good], 'unauthorized', /alone/);
    await against(['127.0.0.1'], [good], 'unauthorized', /alone/);
    await against(['a.test'], [], 'unauthorized', /no critical acmeIdentifier/);
    await against(['a.test'], [{ ...good, critical: false }], 'unauthorized', /no critical acmeIdentifier/);
    await against(['a.test'], [extension.acmeIdentifier(new Uint8Array(32))], 'incorrectResponse', /another digest/);
    await against(['a.test'], [good], 'tls', /127|alert|a\.test/i, ['h2']);
    await refused(validate('tls-alpn-01', dns('a.test'), { tlsPort: 1 }), 'tls', /ECONNREFUSED/);
  });
});
