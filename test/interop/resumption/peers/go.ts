import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { go as base, program } from '../../peers/go.ts';
import { serverThatPrintsItsPort } from '../../peers/program-server.ts';
import { start } from '../../processes.ts';
import { type Kind, line, type ResumptionPeer, says, versionOf } from '../kinds.ts';

const { chainFile, keyFile } = testIdentity('ecdsa-p256');
const common = (kind: Kind) => [
  ...['-connections', '2', '-root', rootFile, '-version', versionOf(kind) === '1.3' ? '0x0304' : '0x0303'],
];

/** Go's crypto/tls. */
export const go: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'echo',
  version: base.version,
  prepare: async () => await base.prepare?.(),
  lacks: (role, kind) =>
    kind === 'sessionId'
      ? 'crypto/tls resumes TLS 1.2 by ticket alone'
      : kind === 'earlyData'
        ? 'crypto/tls has early data for QUIC alone'
        : kind === 'pskStateful' && role === 'server'
          ? 'its TLS 1.3 tickets are always sealed, never handles'
          : undefined,

  async runClient(kind, port) {
    const running = start(program, [...common(kind), '-role', 'client', '-port', String(port)], { stdout: 'collect' });
    running.stdin.end(line);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the Go client ended with ${code}: ${running.said()}`);
    return { resumed: running.said().includes('resumed false\nresumed true\n') };
  },

  async runServer(kind) {
    const running = start(program, [...common(kind), '-role', 'server', '-cert', chainFile, '-key', keyFile]);
    const server = await serverThatPrintsItsPort(running);
    return {
      ...server,
      said: () => `${server.said()} ${server.output()}`,
      word: async () => ({ resumed: await says(server.output, 'resumed false\nresumed true\n') }),
    };
  },
};
