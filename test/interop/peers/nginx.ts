import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../helpers/pki.ts';
import { type Case, clientIdentity, everything, groupsOf } from '../cases.ts';
import { echoServer, post } from '../http-echo.ts';
import { checkEcho, type Peer, type PeerServer } from '../peer.ts';
import { connectWhenReady, programVersion, type Running, start, temporaryFolder } from '../processes.ts';
import { groupList } from './openssl.ts';

/** Lines of an nginx configuration that fix the version, the suite and (by `conf_command`) the TLS 1.3 suite. */
function fixed(run: Case, prefix: 'ssl' | 'proxy_ssl'): string {
  return run.version === '1.3'
    ? `${prefix}_protocols TLSv1.3; ${prefix}_conf_command Ciphersuites ${run.suite.openssl};`
    : `${prefix}_protocols TLSv1.2; ${prefix}_ciphers ${run.suite.openssl};`;
}

/** Starts nginx with the lines of one server; `level` is that of its log, which goes to stderr. */
export function startNginx(server: string, level = 'error'): Running {
  const folder = temporaryFolder();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr ${level};
     events { worker_connections 64; }
     http { access_log off; client_max_body_size 4m; ${temporary.join(' ')} server { ${server} } }`,
  );
  return start('nginx', ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], { stdout: 'collect' });
}

/** Tells whether a program still runs. */
export function isAlive(program: Running): () => boolean {
  let over = false;
  void program.exited.then(() => {
    over = true;
  });
  return () => !over;
}

/** nginx: as a server it ends TLS before a plain echo server, as a client it is a proxy to us. */
export const nginx: Peer = {
  name: 'nginx',
  quick: false,
  speaks: 'http',
  version: () => programVersion('nginx', ['-v'], /nginx\/(\S+)/),
  can: () => everything,
  fixes: () => ['version', 'suite', 'groups'],

  async runClient(run, port, payload) {
    const plain = await freePort();
    const identity = clientIdentity(run);
    const { chainFile, keyFile } = testIdentity(identity ?? 'client-ecdsa-p256');
    const program = startNginx(
      `listen 127.0.0.1:${plain};
       location / {
         proxy_pass https://127.0.0.1:${port};
         ${fixed(run, 'proxy_ssl')} proxy_ssl_conf_command Groups ${groupList(groupsOf(run, run.role))};
         proxy_ssl_verify on; proxy_ssl_trusted_certificate ${rootFile}; proxy_ssl_verify_depth 3;
         proxy_ssl_name localhost; proxy_ssl_server_name on;
         ${identity ? `proxy_ssl_certificate ${chainFile}; proxy_ssl_certificate_key ${keyFile};` : ''}
       }`,
    );
    try {
      (await connectWhenReady(plain, isAlive(program))).destroy();
      checkEcho(await post(payload, { port: plain }), payload);
    } catch (error) {
      throw new Error(`${(error as Error).message}; nginx said: ${program.said()}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(run): Promise<PeerServer> {
    const port = await freePort();
    const backend = echoServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => backend.once('listening', resolve));
    const { chainFile, keyFile } = testIdentity(run.key);
    const program = startNginx(
      `listen 127.0.0.1:${port} ssl;
       ssl_certificate ${chainFile}; ssl_certificate_key ${keyFile};
       ${fixed(run, 'ssl')} ${run.group ? `ssl_ecdh_curve ${groupList(groupsOf(run, run.role))};` : ''}
       ${run.clientKey ? `ssl_client_certificate ${rootFile}; ssl_verify_client on; ssl_verify_depth 3;` : ''}
       location / { proxy_pass http://127.0.0.1:${(backend.address() as AddressInfo).port}; }`,
    );
    return {
      port,
      alive: isAlive(program),
      said: program.said,
      async stop() {
        backend.close();
        await program.stop();
      },
    };
  },
};
