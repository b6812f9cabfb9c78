import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { java as base, classes } from '../../peers/java.ts';
import { serverThatPrintsItsPort } from '../../peers/program-server.ts';
import { type Running, start } from '../../processes.ts';
import { type Kind, line, type ResumptionPeer, says, versionOf } from '../kinds.ts';

const { chainFile, keyFile } = testIdentity('ecdsa-p256');

function startJava(kind: Kind, more: readonly string[]): Running {
  const stateful = kind === 'sessionId' || kind === 'pskStateful';
  return start('java', [
    ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'],
    // As a server JSSE keeps state without this extension: TLS 1.2 by ID, TLS 1.3 by tickets that are handles.
    ...(stateful ? ['-Djdk.tls.server.enableSessionTicketExtension=false'] : []),
    ...['-cp', classes, 'Peer', 'connections', '2', 'root', rootFile, 'version', `TLSv${versionOf(kind)}`],
    ...more,
  ]);
}

/** Java's JSSE. */
export const java: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'echo',
  version: base.version,
  prepare: async () => await base.prepare?.(),
  lacks: (_role, kind) => (kind === 'earlyData' ? 'JSSE has no early data' : undefined),

  async runClient(kind, port) {
    const running = startJava(kind, ['role', 'client', 'port', String(port)]);
    let output = '';
    running.stdout.on('data', (data: Buffer) => {
      output += data;
    });
    running.stdin.end(line);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the Java client ended with ${code}: ${running.said()}`);
    return { resumed: output.includes('resumed false\nresumed true\n') };
  },

  async runServer(kind) {
    const identity = ['cert', chainFile, 'key', keyFile, 'algorithm', 'EC'];
    const server = await serverThatPrintsItsPort(startJava(kind, ['role', 'server', ...identity]));
    return {
      ...server,
      said: () => `${server.said()} ${server.output()}`,
      word: async () => ({ resumed: await says(server.output, 'resumed false\nresumed true\n') }),
    };
  },
};
