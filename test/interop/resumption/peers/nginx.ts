import { freePort } from '../../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { post } from '../../http-echo.ts';
import { nginx as base, isAlive, startNginx } from '../../peers/nginx.ts';
import { connectWhenReady } from '../../processes.ts';
import { type Kind, type ResumptionPeer, versionOf, type Word } from '../kinds.ts';

const payload = Buffer.from('ping\n');

const serverLines: Readonly<Record<Kind, string>> = {
  sessionId: 'ssl_session_tickets off; ssl_session_cache shared:one:1m;',
  ticket: 'ssl_session_tickets on; ssl_session_cache none;',
  psk: 'ssl_session_tickets on; ssl_session_cache none;',
  pskStateful: 'ssl_session_tickets off; ssl_session_cache shared:one:1m;',
  earlyData: 'ssl_early_data on; ssl_session_cache shared:one:1m;',
};

/** nginx: as a client it is a proxy to us. */
export const nginx: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'http',
  version: base.version,
  lacks: (role, kind) => (role === 'client' && kind === 'earlyData' ? 'as a proxy it sends no early data' : undefined),

  async runClient(kind, port): Promise<Word> {
    const plain = await freePort();
    const program = startNginx(
      `listen 127.0.0.1:${plain};
       location / {
         proxy_pass https://127.0.0.1:${port};
         proxy_ssl_protocols TLSv${versionOf(kind)}; proxy_ssl_session_reuse on;
         proxy_ssl_verify on; proxy_ssl_trusted_certificate ${rootFile}; proxy_ssl_verify_depth 3;
         proxy_ssl_name localhost; proxy_ssl_server_name on;
       }`,
      'debug',
    );
    try {
      (await connectWhenReady(plain, isAlive(program))).destroy();
      for (let i = 0; i < 2; i++) await post(payload, { port: plain });
      // Only a build with debugging tells.
      const tells = program.said().includes('SSL reused session');
      return tells ? { resumed: true } : {};
    } catch (error) {
      throw new Error(`${(error as Error).message}; nginx said: ${program.said().slice(-2000)}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(kind) {
    const port = await freePort();
    const { chainFile, keyFile } = testIdentity('ecdsa-p256');
    const program = startNginx(
      `listen 127.0.0.1:${port} ssl;
       ssl_certificate ${chainFile}; ssl_certificate_key ${keyFile}; ssl_protocols TLSv${versionOf(kind)};
       ${serverLines[kind]}
       return 200 "resumed=$ssl_session_reused early=$ssl_early_data\\n";`,
    );
    return {
      port,
      alive: isAlive(program),
      said: program.said,
      word: (answer) => ({
        resumed: answer.includes('resumed=r'),
        // It says so only while the handshake is not done yet: without it, nothing is said.
        ...(kind === 'earlyData' && answer.includes('early=1') && { early: true }),
      }),
      stop: program.stop,
    };
  },
};
