import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../helpers/listening.ts';
import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { openssl as base } from '../../peers/openssl.ts';
import { bounded, start, temporaryFolder } from '../../processes.ts';
import { earlyLine, type Kind, line, type ResumptionPeer, says, versionOf, type Word } from '../kinds.ts';

const versionFlag = (kind: Kind) => (versionOf(kind) === '1.3' ? '-tls1_3' : '-tls1_2');

/** Runs `s_client` once, until it has its echo and has ended. */
async function visit(port: number, kind: Kind, more: readonly string[]): Promise<string> {
  const program = start('openssl', [
    ...['s_client', versionFlag(kind), '-connect', `127.0.0.1:${port}`, '-servername', 'localhost'],
    ...['-CAfile', rootFile, '-verify_return_error', ...more],
  ]);
  let output = '';
  try {
    const echoed = new Promise<void>((resolve, reject) => {
      program.stdout.on('data', (data: Buffer) => {
        output += data;
        if (output.includes(line.trim())) resolve();
      });
      void program.exited.then(() => reject(new Error('s_client ended early')));
    });
    program.stdin.write(line);
    await bounded(echoed, 'the echo');
    program.stdin.end();
    await bounded(program.exited, 'the end of s_client');
    return output;
  } catch (error) {
    throw new Error(`${(error as Error).message}; s_client said: ${program.said()} ${output.slice(-1000)}`);
  } finally {
    await program.stop();
  }
}

/** `openssl s_client` and `openssl s_server`. */
export const openssl: ResumptionPeer = {
  name: base.name,
  quick: true,
  // `s_server -www` tells in its page whether the session was reused; with early data it takes no `-www`.
  speaks: (role, kind) => (role === 'server' && kind !== 'earlyData' ? 'http' : 'echo'),
  version: base.version,
  lacks: () => undefined,

  async runClient(kind, port): Promise<Word> {
    const folder = temporaryFolder();
    const session = join(folder, 'session');
    await visit(port, kind, ['-sess_out', session]);
    if (kind !== 'earlyData') return { resumed: /^Reused, /m.test(await visit(port, kind, ['-sess_in', session])) };
    const data = join(folder, 'early');
    writeFileSync(data, earlyLine);
    const output = await visit(port, kind, ['-sess_in', session, '-early_data', data]);
    return { resumed: /^Reused, /m.test(output), early: /^Early data was accepted/m.test(output) };
  },

  async runServer(kind) {
    const port = await freePort();
    const { leafFile, issuerFile, keyFile } = testIdentity('ecdsa-p256');
    const program = start('openssl', [
      ...['s_server', versionFlag(kind), '-accept', `127.0.0.1:${port}`],
      ...['-cert', leafFile, '-key', keyFile, '-cert_chain', issuerFile],
      ...(kind === 'sessionId' || kind === 'pskStateful' ? ['-no_ticket'] : []),
      ...(kind === 'earlyData' ? ['-early_data', '-max_early_data', '1000'] : ['-www']),
    ]);
    let over = false;
    void program.exited.then(() => {
      over = true;
    });
    let output = '';
    program.stdout.on('data', (data: Buffer) => {
      output += data;
      // It is no echo server: it prints what it gets, and sends what it is told.
      if (kind === 'earlyData' && data.includes(line)) program.stdin.write(line);
    });
    return {
      port,
      alive: () => !over,
      said: () => `${program.said()} ${output}`,
      async word(answer) {
        if (kind !== 'earlyData') return { resumed: /^Reused, /m.test(answer) };
        // What it received goes past the buffer that the words around it stand in.
        const early = (await says(() => output, 'Early data received:')) && (await says(() => output, earlyLine));
        return { resumed: await says(() => output, 'Reused session-id'), early };
      },
      stop: program.stop,
    };
  },
};
