import { freePort } from '../../../helpers/listening.ts';
import { rootFile } from '../../../helpers/pki.ts';
import { post } from '../../http-echo.ts';
import { haproxy as base, pemFile, startConfigured } from '../../peers/haproxy.ts';
import { connectWhenReady, temporaryFolder } from '../../processes.ts';
import { type Kind, type ResumptionPeer, versionOf } from '../kinds.ts';

const payload = Buffer.from('ping\n');

/** One thread: each has sessions of its own towards a server. */
const head = `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
`;

const version = (kind: Kind) => `ssl-min-ver TLSv${versionOf(kind)} ssl-max-ver TLSv${versionOf(kind)}`;

/** HAProxy: as a client it is a proxy to us. */
export const haproxy: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'http',
  version: base.version,
  lacks: (role, kind) =>
    role === 'client' && kind === 'earlyData'
      ? 'with allow-0rtt HAProxy 2.6 itself resets a resumed connection to a server (to nginx too) and answers 502'
      : undefined,

  async runClient(kind, port) {
    const plain = await freePort();
    const { program, alive } = startConfigured(
      temporaryFolder(),
      `${head}frontend here
  bind 127.0.0.1:${plain}
  default_backend there
backend there
  http-reuse never
  http-response set-header x-resumed %[ssl_bc_is_resumed]
  server there 127.0.0.1:${port} ssl verify required ca-file ${rootFile} verifyhost localhost sni str(localhost) ${version(kind)}
`,
    );
    try {
      (await connectWhenReady(plain, alive)).destroy();
      await post(payload, { port: plain });
      const response = await fetch(`http://127.0.0.1:${plain}/`, { headers: { connection: 'close' } });
      if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
      return { resumed: response.headers.get('x-resumed') === '1' };
    } catch (error) {
      throw new Error(`${(error as Error).message}; haproxy said: ${program.said()}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(kind) {
    const port = await freePort();
    const folder = temporaryFolder();
    const stateful = kind === 'sessionId' || kind === 'pskStateful';
    const { program, alive } = startConfigured(
      folder,
      `${head}frontend here
  bind 127.0.0.1:${port} ssl crt ${pemFile(folder, 'ecdsa-p256')} ${version(kind)} ${stateful ? 'no-tls-tickets' : ''} ${kind === 'earlyData' ? 'allow-0rtt' : ''}
  http-request return status 200 content-type text/plain lf-string "resumed=%[ssl_fc_is_resumed] early=%[ssl_fc_has_early]"
`,
    );
    return {
      port,
      alive,
      said: program.said,
      word: (answer) => ({
        resumed: answer.includes('resumed=1'),
        // It tells of early data only as long as the handshake is not done.
        ...(answer.includes('early=1') && { early: true }),
      }),
      stop: program.stop,
    };
  },
};
