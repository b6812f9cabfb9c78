/** Servers of six implementations, each from a small template, with faults that are known because they were put there. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNodeCrypto } from '../../../src/crypto/node.ts';
import { createEchKey } from '../../../src/index.ts';
import { freePort } from '../../helpers/listening.ts';
import { type Running, run, start } from '../../interop/processes.ts';
import { type CertificateName, makeCertificate, type Pair } from './certificates.ts';

export type ServerName = 'nginx' | 'HAProxy' | 'OpenSSL' | 'GnuTLS' | 'Go' | 'Node';

/** One server with one fault, or with none. */
export interface FaultyServer {
  readonly server: ServerName;
  /** In words; `undefined` for a good one. */
  readonly fault: string | undefined;
  readonly certificate: CertificateName;
  /** What is special, in the words of the server's configuration. */
  readonly setup: readonly string[];
  /** More words for `handfast inspect`. */
  readonly inspect?: readonly string[];
  /** The check that must name the fault, and its verdict. */
  readonly expect?: readonly [check: string, verdict: 'bad' | 'weak'];
  /** What is true of every server of this kind, however it is configured, and so no false alarm. */
  readonly inherent?: readonly string[];
  /** Part of the fast half. */
  readonly fast?: true;
}

const zero48 = Buffer.alloc(48).toString('base64');
const same80 = Buffer.alloc(80, 0x41).toString('base64');
const weakKeys = ['weakKeys', 'bad'] as const;
const replay = ['earlyDataReplay', 'bad'] as const;
const oldVersions = ['oldVersions', 'bad'] as const;
const stays = 'ticket key that stays for 8 days';
const rotation = { inspect: ['--history'], expect: ['rotation', 'bad'] } as const;
const cross = { inspect: ['--other', 'other.test'], expect: ['otherPolicy', 'bad'] } as const;

function each(server: ServerName, ...rows: Omit<FaultyServer, 'server'>[]): FaultyServer[] {
  return rows.map((row) => ({ server, ...row }));
}

export const faultyServers: readonly FaultyServer[] = [
  ...each(
    'nginx',
    { fault: undefined, certificate: 'good', setup: [], fast: true },
    { fault: 'ticket key: 48 zero bytes', certificate: 'good', setup: [`ticket-key ${zero48}`], expect: weakKeys },
    {
      ...{ fault: 'ticket key: 80 equal bytes', certificate: 'good', setup: [`ticket-key ${same80}`] },
      ...{ expect: weakKeys, fast: true },
    },
    {
      ...{
        fault: stays,
        certificate: 'good',
        setup: [`ticket-key ${randomBytes(80).toString('base64')}`],
        ...rotation,
      },
      fast: true,
    },
    {
      ...{ fault: 'sessions cross to another host', certificate: 'good', setup: ['another-host'], ...cross },
      fast: true,
    },
    {
      ...{ fault: '0-RTT can be replayed', certificate: 'good', setup: ['ssl_early_data on;'] },
      ...{ expect: replay, fast: true },
    },
    {
      ...{ fault: 'ticket lifetime of 30 days', certificate: 'good', setup: ['ssl_session_timeout 30d;'] },
      expect: ['lifetime', 'bad'],
    },
    {
      ...{ fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'], fast: true },
    },
    { fault: 'incomplete chain', certificate: 'incomplete', setup: [], expect: ['chain', 'bad'], fast: true },
    { fault: 'chain out of order', certificate: 'disordered', setup: [], expect: ['chainOrder', 'weak'] },
    { fault: 'certificate for another name', certificate: 'otherName', setup: [], expect: ['name', 'bad'] },
    { fault: 'self-signed certificate', certificate: 'selfSigned', setup: [], expect: ['chain', 'bad'] },
    {
      ...{ fault: 'certificate signed with SHA-1', certificate: 'sha1', expect: ['weakSignature', 'bad'], fast: true },
      setup: ['ssl_ciphers DEFAULT@SECLEVEL=0:!kRSA:!SHA1:!SHA256:!SHA384;'],
    },
    {
      ...{ fault: 'RSA key of 1024 bits', certificate: 'rsa1024', expect: ['weakKey', 'bad'] },
      setup: ['ssl_ciphers DEFAULT@SECLEVEL=0:!kRSA:!SHA1:!SHA256:!SHA384;'],
    },
    {
      ...{ fault: 'TLS 1.0 and 1.1', certificate: 'good', expect: oldVersions, fast: true },
      setup: ['ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;', 'ssl_ciphers DEFAULT@SECLEVEL=0;'],
    },
    {
      ...{ fault: 'static RSA and CBC only', certificate: 'rsa', expect: ['staticRsa', 'bad'] },
      setup: ['ssl_protocols TLSv1.2;', 'ssl_ciphers AES128-SHA:AES256-SHA256;'],
    },
  ),
  ...each(
    'HAProxy',
    { fault: undefined, certificate: 'good', setup: [], fast: true },
    { fault: 'ticket key: 48 zero bytes', certificate: 'good', setup: [`ticket-key ${zero48}`], expect: weakKeys },
    { fault: 'ticket key: 80 equal bytes', certificate: 'good', setup: [`ticket-key ${same80}`], expect: weakKeys },
    {
      ...{
        fault: stays,
        certificate: 'good',
        setup: [`ticket-key ${randomBytes(80).toString('base64')}`],
        ...rotation,
      },
      fast: true,
    },
    { fault: 'sessions cross to another host', certificate: 'good', setup: ['another-host'], ...cross },
    { fault: '0-RTT can be replayed', certificate: 'good', setup: ['allow-0rtt'], expect: replay, fast: true },
    {
      ...{ fault: 'ticket lifetime of 30 days', certificate: 'good', setup: ['lifetime 2592000'] },
      expect: ['lifetime', 'bad'],
    },
    { fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'] },
    { fault: 'incomplete chain', certificate: 'incomplete', setup: [], expect: ['chain', 'bad'] },
    {
      ...{ fault: 'TLS 1.0 and 1.1', certificate: 'good', expect: oldVersions },
      setup: ['ssl-min-ver TLSv1.0', 'ciphers DEFAULT@SECLEVEL=0'],
    },
    {
      ...{ fault: 'static RSA and CBC only', certificate: 'rsa', expect: ['staticRsa', 'bad'] },
      setup: ['ssl-max-ver TLSv1.2', 'ciphers AES128-SHA:AES256-SHA256'],
    },
  ),
  ...each(
    'OpenSSL',
    { fault: undefined, certificate: 'good', setup: [], fast: true },
    { fault: '(0-RTT once: no fault)', certificate: 'good', setup: ['-early_data'], fast: true },
    { fault: '(P-521 alone: no fault)', certificate: 'good', setup: ['-groups', 'P-521'], fast: true },
    {
      ...{ fault: '0-RTT can be replayed', certificate: 'good', setup: ['-early_data', '-no_anti_replay'] },
      ...{ expect: replay, fast: true },
    },
    { fault: stays, certificate: 'good', setup: [], ...rotation },
    { fault: 'sessions cross to another host', certificate: 'good', setup: ['another-host'], ...cross },
    { fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'] },
    { fault: 'incomplete chain', certificate: 'incomplete', setup: [], expect: ['chain', 'bad'] },
    {
      ...{ fault: 'suites without encryption', certificate: 'rsa', expect: ['noEncryption', 'bad'], fast: true },
      setup: ['-cipher', 'eNULL:ECDHE@SECLEVEL=0'],
    },
    {
      ...{ fault: 'suites without a certificate', certificate: 'good', expect: ['anonymous', 'bad'] },
      setup: ['-cipher', 'aNULL:ECDHE+AESGCM@SECLEVEL=0'],
    },
    {
      ...{ fault: 'Diffie-Hellman of 1024 bits', certificate: 'rsa', expect: ['smallPrime', 'bad'], fast: true },
      setup: ['-cipher', 'DHE+AESGCM@SECLEVEL=0', '-tls1_2', 'small-prime'],
    },
    {
      ...{ fault: 'TLS 1.0 alone', certificate: 'rsa', expect: oldVersions, fast: true },
      setup: ['-cipher', 'ALL:@SECLEVEL=0', '-tls1'],
    },
    {
      ...{ fault: 'SHA-1 signs the key exchange', certificate: 'rsa', expect: ['sha1Signature', 'weak'] },
      setup: ['-cipher', 'ECDHE+AESGCM@SECLEVEL=0', '-sigalgs', 'RSA+SHA256:RSA-PSS+SHA256:RSA+SHA1'],
    },
  ),
  ...each(
    'GnuTLS',
    { fault: undefined, certificate: 'good', setup: [], fast: true },
    { fault: '(0-RTT once: no fault)', certificate: 'good', setup: ['--earlydata', '--maxearlydata', '4096'] },
    { fault: 'sessions cross to another host', certificate: 'good', setup: ['another-host'], ...cross, fast: true },
    { fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'] },
    { fault: 'incomplete chain', certificate: 'incomplete', setup: [], expect: ['chain', 'bad'] },
    {
      ...{ fault: 'TLS 1.0 and 1.1', certificate: 'good', setup: ['priority +VERS-TLS1.0:+VERS-TLS1.1'] },
      ...{ expect: oldVersions, fast: true },
    },
    {
      ...{ fault: '3DES and RC4', certificate: 'rsa', setup: ['priority +3DES-CBC:+ARCFOUR-128:+SHA1:+RSA'] },
      expect: ['brokenCipher', 'bad'],
    },
  ),
  ...each(
    'Go',
    { fault: undefined, certificate: 'good', setup: [], fast: true },
    { fault: '(Encrypted Client Hello: no fault)', certificate: 'good', setup: ['ech localhost'], fast: true },
    {
      ...{ fault: 'public name of ECH without a certificate', certificate: 'good', setup: ['ech nobody.test'] },
      ...{ expect: ['ech', 'bad'], fast: true },
    },
    {
      ...{
        fault: 'ECH key that is not the one of its config',
        certificate: 'good',
        setup: ['ech localhost', 'wrong-key'],
      },
      ...{ expect: ['ech', 'bad'], fast: true },
    },
    { fault: 'ticket key: zero', certificate: 'good', setup: ['-zero-ticket-key'], expect: weakKeys, fast: true },
    { fault: 'sessions cross to another host', certificate: 'good', setup: ['-another-host'], ...cross, fast: true },
    { fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'] },
    {
      ...{ fault: 'TLS 1.0 and 1.1', certificate: 'good', expect: oldVersions, fast: true },
      // Older versions have no suite but with CBC.
      setup: ['-min', '769', '-suite', String(0xc009), '-suite', String(0xc02b)],
    },
    {
      ...{ fault: 'static RSA and 3DES', certificate: 'rsa', expect: ['brokenCipher', 'bad'] },
      setup: ['-suite', '10', '-suite', '47', '-max', '771'],
    },
  ),
  ...each(
    'Node',
    // A resumption over TLS 1.3 gives no new ticket; `openssl s_client -sess_in` shows the same.
    { fault: undefined, certificate: 'good', setup: [], inherent: ['linkability weak'], fast: true },
    {
      ...{ fault: 'ticket key: 48 zero bytes', certificate: 'good', expect: weakKeys, fast: true },
      setup: ['ticketKeys: Buffer.alloc(48)'],
    },
    { fault: stays, certificate: 'good', setup: [], ...rotation },
    { fault: 'sessions cross to another host', certificate: 'good', setup: ['anotherHost: true'], ...cross },
    { fault: 'expired certificate', certificate: 'expired', setup: [], expect: ['expiry', 'bad'] },
    {
      ...{ fault: 'TLS 1.0 and 1.1', certificate: 'good', expect: oldVersions },
      setup: ["minVersion: 'TLSv1'", "ciphers: 'DEFAULT@SECLEVEL=0'"],
    },
  ),
];

const aead = 'ECDHE+AESGCM:ECDHE+CHACHA20';

/** Starts one; ready when its port answers. */
export async function startFaulty(of: FaultyServer, folder: string): Promise<{ port: number; running: Running }> {
  const port = await freePort();
  const pair = makeCertificate(folder, of.certificate);
  const running = await launch[of.server](of.setup, port, pair, folder);
  let over = false;
  void running.exited.then(() => {
    over = true;
  });
  for (let tries = 0; !(await answers(port)); tries++) {
    if (over || tries > 200) throw new Error(`${of.server} (${of.fault ?? 'good'}) does not run: ${running.said()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
  return { port, running };
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => done(true)).on('error', () => done(false));
    socket.on('connect', () => socket.destroy());
  });
}

type Launch = (setup: readonly string[], port: number, pair: Pair, folder: string) => Running | Promise<Running>;
const collect = { stdout: 'collect' } as const;

/** What remains of the set-up without the words with this beginning, and what stood behind it. */
function take(setup: readonly string[], word: string): [rest: string[], value: string | undefined] {
  const found = setup.find((each) => each.startsWith(word));
  return [setup.filter((each) => each !== found), found?.slice(word.length).trim()];
}

const launch: Readonly<Record<ServerName, Launch>> = {
  nginx(setup, port, { cert, key }, folder) {
    const [some, ticketKey] = take(setup, 'ticket-key');
    const [lines, another] = take(some, 'another-host');
    if (ticketKey !== undefined) writeFileSync(join(folder, 'ticket.key'), Buffer.from(ticketKey, 'base64'));
    const names = new Set(lines.map((line) => line.split(' ')[0]));
    const standard = ['ssl_protocols TLSv1.2 TLSv1.3;', `ssl_ciphers ${aead};`, 'ssl_session_timeout 1d;'];
    const common = `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_session_cache shared:all:1m;
      ${standard.filter((line) => !names.has(line.split(' ')[0])).join(' ')} ${lines.join('\n')}
      ${ticketKey === undefined ? '' : `ssl_session_ticket_key ${folder}/ticket.key;`}`;
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const other = `server { listen 127.0.0.1:${port} ssl; server_name other.test; location / { return 204; } }`;
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events { worker_connections 64; }
      http { access_log off; ${temporary.join(' ')} ${common}
        server { listen 127.0.0.1:${port} ssl; server_name localhost; location / { return 204; } }
        ${another === undefined ? '' : other} }`,
    );
    return start('nginx', ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], collect);
  },

  HAProxy(setup, port, { cert, key }, folder) {
    const pem = join(folder, 'both.pem');
    writeFileSync(pem, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
    const [some, ticketKey] = take(setup, 'ticket-key');
    const [most, lifetime] = take(some, 'lifetime');
    const [words, another] = take(most, 'another-host');
    // Both names have lines of their own, as hosts with different rules would.
    if (another !== undefined)
      writeFileSync(join(folder, 'crt.list'), `${pem} localhost\n${pem} [alpn http/1.1] other.test\n`);
    // The last but one of the keys encrypts.
    if (ticketKey !== undefined) writeFileSync(join(folder, 'ticket.keys'), `${ticketKey}\n`.repeat(3));
    const standard = words.some((word) => word.startsWith('ciphers')) ? '' : `ciphers ${aead}`;
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      `global
  tune.ssl.lifetime ${lifetime ?? 86_400}
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend here
  bind 127.0.0.1:${port} ssl ${another === undefined ? `crt ${pem}` : `crt-list ${folder}/crt.list`} alpn http/1.1 ${standard} ${words.join(' ')} ${
    ticketKey === undefined ? '' : `tls-ticket-keys ${folder}/ticket.keys`
  }
  http-request return status 200
`,
    );
    return start('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], collect);
  },

  OpenSSL(setup, port, { cert, key }, folder) {
    const [some, another] = take(setup, 'another-host');
    const [words, prime] = take(some, 'small-prime');
    if (prime !== undefined) writeFileSync(join(folder, 'dh.pem'), oakley2);
    const other = ['-servername', 'other.test', '-cert2', cert, '-key2', key];
    const [, ...issuers] = readFileSync(cert, 'utf8').split(/(?=-----BEGIN CERTIFICATE-----)/);
    if (issuers.length > 0) writeFileSync(join(folder, 'issuers.pem'), issuers.join(''));
    const chain = issuers.length > 0 ? ['-cert_chain', join(folder, 'issuers.pem')] : [];
    const args = ['-accept', `127.0.0.1:${port}`, '-cert', cert, '-key', key, ...chain, '-www'];
    return start(
      'openssl',
      [
        ...['s_server', ...args.filter((word) => !words.includes('-early_data') || word !== '-www'), ...words],
        ...(words.includes('-cipher') ? [] : ['-cipher', aead]),
        ...(words.includes('-early_data') ? ['-quiet'] : []),
        ...(another === undefined ? [] : other),
        ...(prime === undefined ? [] : ['-dhparam', join(folder, 'dh.pem')]),
      ],
      collect,
    );
  },

  GnuTLS(setup, port, { cert, key }) {
    const [some, more] = take(setup, 'priority');
    const [words, another] = take(some, 'another-host');
    const priority = `NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2${more === undefined ? ':-RSA:-AES-128-CBC:-AES-256-CBC:-SHA1' : `:${more}`}:-SIGN-ECDSA-SHA1:-SIGN-RSA-SHA1`;
    const args = ['--http', '--port', String(port), '--x509certfile', cert, '--x509keyfile', key];
    if (another !== undefined) args.push('--x509certfile', cert, '--x509keyfile', key);
    return start('gnutls-serv', [...args, '--disable-client-cert', '--priority', priority, ...words], collect);
  },

  async Go(words, port, { cert, key }) {
    const [some, publicName] = take(words, 'ech');
    const [setup, wrong] = take(some, 'wrong-key');
    const keys = [1, 2].map(() => createEchKey(createNodeCrypto(), { publicName: publicName ?? 'localhost' }));
    const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64');
    const privateKey = keys[wrong === undefined ? 0 : 1]?.privateKey;
    const ech = ['-ech-config', base64(keys[0]?.config), '-ech-key', base64(privateKey)];
    // By default it takes CBC suites too. These are AES-128-GCM, AES-256-GCM and ChaCha20 with ECDHE and ECDSA.
    const suites = setup.includes('-suite') ? [] : [0xc02b, 0xc02c, 0xcca9].flatMap((code) => ['-suite', String(code)]);
    const args = ['-port', String(port), '-cert', cert, '-key', key, ...(publicName === undefined ? [] : ech)];
    return start(await goServer(), [...args, ...suites, ...setup], collect);
  },

  Node(setup, port, { cert, key }, folder) {
    const [settings, another] = take(setup, 'anotherHost');
    const file = join(folder, 'server.cjs');
    writeFileSync(
      file,
      `const { createServer } = require('node:https'); const { readFileSync } = require('node:fs');
const pair = { cert: readFileSync(${JSON.stringify(cert)}), key: readFileSync(${JSON.stringify(key)}) };
const server = createServer({ ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:${aead}', ...pair, ${settings.join(', ')} }, (_, response) => response.end());
${another === undefined ? '' : "server.addContext('other.test', pair);"}
server.listen(${port}, '127.0.0.1');`,
    );
    return start(process.execPath, [file], collect);
  },
};

let built: Promise<string> | undefined;
function goServer(): Promise<string> {
  built ??= (async () => {
    const { temporaryFolder } = await import('../../interop/processes.ts');
    const file = join(temporaryFolder(), 'server');
    const source = join(dirname(fileURLToPath(import.meta.url)), 'go', 'main.go');
    await run('go', ['build', '-o', file, source], { timeout: 120_000 });
    return file;
  })();
  return built;
}

/** The Second Oakley Group (RFC 2409): 1024 bits. */
const oakley2 = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
`;
