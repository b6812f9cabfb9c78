import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { gnutls as base } from '../../peers/gnutls.ts';
import { bounded, start, temporaryFolder } from '../../processes.ts';
import { earlyLine, type Kind, line, type ResumptionPeer, says, versionOf } from '../kinds.ts';

const priority = (kind: Kind) => ['--priority', `NORMAL:-VERS-ALL:+VERS-TLS${versionOf(kind)}`];

/** `gnutls-cli` and `gnutls-serv`. */
export const gnutls: ResumptionPeer = {
  name: base.name,
  quick: true,
  speaks: () => 'echo',
  version: base.version,
  lacks: (role, kind) =>
    role === 'server' && kind === 'pskStateful' ? 'its TLS 1.3 tickets are always sealed, never handles' : undefined,

  async runClient(kind, port) {
    const folder = temporaryFolder();
    const [log, early] = [join(folder, 'log'), join(folder, 'early')];
    writeFileSync(log, '');
    writeFileSync(early, earlyLine);
    const program = start('gnutls-cli', [
      ...['--port', String(port), '--x509cafile', rootFile, '--logfile', log, '--verbose', ...priority(kind)],
      ...['--sni-hostname', 'localhost', '--verify-hostname', 'localhost', '--resume'],
      // In TLS 1.3 the ticket comes after the handshake: it is waited for.
      ...(versionOf(kind) === '1.3' ? ['--waitresumption'] : []),
      ...(kind === 'sessionId' ? ['--noticket'] : []),
      ...(kind === 'earlyData' ? ['--earlydata', early] : []),
      '127.0.0.1',
    ]);
    let output = '';
    const said = () => `${output} ${readFileSync(log, 'latin1')} ${program.said()}`;
    try {
      const echoed = new Promise<void>((resolve, reject) => {
        program.stdout.on('data', (data: Buffer) => {
          output += data;
          if (output.includes(line)) resolve();
        });
        void program.exited.then(() => reject(new Error('gnutls-cli ended early')));
      });
      program.stdin.write(line);
      await bounded(echoed, 'the echo');
      program.stdin.end();
      await bounded(program.exited, 'the end of gnutls-cli');
      return { resumed: said().includes('*** This is a resumed session') };
    } catch (error) {
      throw new Error(`${(error as Error).message}; gnutls-cli said: ${said()}`);
    } finally {
      await program.stop();
    }
  },

  async runServer(kind) {
    const port = await freePort();
    const { chainFile, keyFile } = testIdentity('ecdsa-p256');
    const program = start(
      // Without stdbuf it keeps what it says of a connection in a buffer until the next one.
      'stdbuf',
      [
        ...['-o0', 'gnutls-serv'],
        ...['--echo', '--port', String(port), '--x509certfile', chainFile, '--x509keyfile', keyFile],
        ...['--disable-client-cert', ...priority(kind)],
        ...(kind === 'sessionId' ? ['--noticket'] : []),
        ...(kind === 'earlyData' ? ['--earlydata', '--maxearlydata', '1000'] : []),
      ],
      { stdout: 'collect' },
    );
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    return {
      port,
      alive: () => !over,
      said: program.said,
      word: async () => ({
        resumed: await says(program.said, '*** This is a resumed session'),
      }),
      stop: program.stop,
    };
  },
};
