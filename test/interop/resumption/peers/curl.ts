import { rootFile } from '../../../helpers/pki.ts';
import { curl as base } from '../../peers/curl.ts';
import { start } from '../../processes.ts';
import { type ResumptionPeer, versionOf } from '../kinds.ts';

/** `curl`, as a client: two transfers of one run, each with a connection of its own. */
export const curl: ResumptionPeer = {
  name: base.name,
  quick: true,
  speaks: () => 'http',
  version: base.version,
  lacks: (role, kind) =>
    role === 'server'
      ? 'it is a client alone'
      : kind === 'ticket'
        ? 'curl built with OpenSSL offers no TLS 1.2 tickets (it sets SSL_OP_NO_TICKET)'
        : kind === 'earlyData'
          ? 'curl has no early data before 8.11'
          : undefined,

  async runClient(kind, port) {
    const url = `https://localhost:${port}/`;
    const program = start(
      'curl',
      [
        ...['--silent', '--show-error', '--verbose', '--fail', '--max-time', '25', '--noproxy', '*', '--http1.1'],
        ...['--cacert', rootFile, '--resolve', `localhost:${port}:127.0.0.1`],
        ...(versionOf(kind) === '1.3' ? ['--tlsv1.3'] : ['--tlsv1.2', '--tls-max', '1.2']),
        ...[url, url],
      ],
      { stdout: 'collect' },
    );
    const code = await program.exited;
    if (code !== 0) throw new Error(`curl ended with ${code}: ${program.said()}`);
    // It tells that it offers a session, not that the server took it.
    if (!/re-?using session/i.test(program.said())) throw new Error(`curl offered no session: ${program.said()}`);
    return {};
  },
};
