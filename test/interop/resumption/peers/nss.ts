import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../helpers/listening.ts';
import { nss as base, database } from '../../peers/nss.ts';
import { start, temporaryFolder } from '../../processes.ts';
import { type Kind, type ResumptionPeer, versionOf } from '../kinds.ts';

/** What both programs are told; `-u` stands for session tickets. */
async function common(kind: Kind, identity: 'ecdsa-p256' | 'client-ecdsa-p256'): Promise<string[]> {
  const version = `tls${versionOf(kind)}`;
  return [
    ...['-v', '-V', `${version}:${version}`, '-d', `sql:${await database(identity)}`],
    ...(kind === 'sessionId' ? [] : ['-u']),
    ...(kind === 'earlyData' ? ['-Z'] : []),
  ];
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether a program counts a resumption, by its cache or by a ticket. */
const resumed = (said: string) => /[1-9]\d* (cache hits|stateless resumes)/.test(said);

/** NSS's `tstclnt` and `selfserv`. */
export const nss: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'http',
  version: base.version,
  lacks(role, kind) {
    if (role === 'client') return undefined;
    if (kind === 'pskStateful') return 'its TLS 1.3 tickets are always sealed, never handles';
    return kind === 'earlyData' ? 'selfserv answers early data and ends at once, without close_notify' : undefined;
  },

  async runClient(kind, port) {
    const words = join(temporaryFolder(), 'words');
    writeFileSync(words, 'GET / HTTP/1.0\r\nhost: localhost\r\n\r\n');
    const program = start(
      'tstclnt',
      [
        ...['-h', '127.0.0.1', '-p', String(port), '-a', 'localhost', '-4', '-L', '2', '-A', words],
        ...(await common(kind, 'client-ecdsa-p256')),
        ...(kind === 'earlyData' ? ['-f'] : []),
      ],
      { stdout: 'collect' },
    );
    program.stdin.end();
    const code = await program.exited;
    if (code !== 0) throw new Error(`tstclnt ended with ${code}: ${program.said()}`);
    return { resumed: resumed(program.said()) };
  },

  async runServer(kind) {
    const port = await freePort();
    const program = start('selfserv', ['-p', String(port), '-e', 'own', ...(await common(kind, 'ecdsa-p256'))], {
      stdout: 'collect',
    });
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    return {
      port,
      alive: () => !over,
      said: program.said,
      async word() {
        for (const end = Date.now() + 5_000; !resumed(program.said()) && Date.now() < end; ) await pause(20);
        return { resumed: resumed(program.said()) };
      },
      stop: program.stop,
    };
  },
};
