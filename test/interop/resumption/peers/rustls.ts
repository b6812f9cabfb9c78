import { rootFile, testIdentity } from '../../../helpers/pki.ts';
import { serverThatPrintsItsPort } from '../../peers/program-server.ts';
import { rustls as base, program } from '../../peers/rustls.ts';
import { start } from '../../processes.ts';
import { earlyLine, type Kind, line, type ResumptionPeer, says, versionOf } from '../kinds.ts';

const { chainFile, keyFile } = testIdentity('ecdsa-p256');
const common = (kind: Kind) => ['connections', '2', 'root', rootFile, 'version', versionOf(kind), 'kind', kind];

/** rustls over AWS-LC. */
export const rustls: ResumptionPeer = {
  name: base.name,
  quick: false,
  speaks: () => 'echo',
  version: base.version,
  prepare: async () => await base.prepare?.(),
  lacks: () => undefined,

  async runClient(kind, port) {
    const early = kind === 'earlyData' ? ['early', earlyLine] : [];
    const running = start(program, [...common(kind), 'role', 'client', 'port', String(port), ...early], {
      stdout: 'collect',
    });
    running.stdin.end(line);
    const code = await running.exited;
    if (code !== 0) throw new Error(`the rustls client ended with ${code}: ${running.said()}`);
    return {
      resumed: running.said().includes('resumed false\nresumed true\n'),
      ...(kind === 'earlyData' && { early: running.said().includes('early true\n') }),
    };
  },

  async runServer(kind) {
    const running = start(program, [...common(kind), 'role', 'server', 'cert', chainFile, 'key', keyFile]);
    const server = await serverThatPrintsItsPort(running);
    return {
      ...server,
      said: () => `${server.said()} ${server.output()}`,
      word: async () => ({
        resumed: await says(server.output, 'resumed false\nresumed true\n'),
        ...(kind === 'earlyData' && { early: await says(server.output, `early ${earlyLine}`) }),
      }),
    };
  },
};
