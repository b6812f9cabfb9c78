import { connect, createServer, type Server, type Socket } from 'node:net';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** What is said before TLS begins: lines that are sent, each after the answer that must come first. */
type Talk = readonly {
  readonly expect?: { test(heard: string): boolean };
  readonly send?: string | Uint8Array;
}[];

/** LDAP: an ExtendedRequest with the OID of StartTLS (RFC 4511, Section 4.14). */
const ldapStartTls = Buffer.from('301d02010177188016312e332e362e312e342e312e313436362e3230303337', 'hex');
/** LDAP: resultCode success (ENUMERATED 0) in the answer. */
const ldapSuccess = String.fromCharCode(10, 1, 0);
/** PostgreSQL: SSLRequest. */
const postgresSslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

const talks = {
  smtp: [
    { expect: /^220 [^\n]*\n$/m, send: 'EHLO handfast.invalid\r\n' },
    { expect: /^250 [^\n]*\n$/m, send: 'STARTTLS\r\n' },
    { expect: /^220 [^\n]*\n$/m },
  ],
  imap: [{ expect: /^\* OK[^\n]*\n$/m, send: 'a STARTTLS\r\n' }, { expect: /^a OK[^\n]*\n$/m }],
  pop3: [{ expect: /^\+OK[^\n]*\n$/m, send: 'STLS\r\n' }, { expect: /^\+OK[^\n]*\n$/m }],
  ftp: [{ expect: /^220 [^\n]*\n$/m, send: 'AUTH TLS\r\n' }, { expect: /^234 [^\n]*\n$/m }],
  nntp: [{ expect: /^20[01] [^\n]*\n$/m, send: 'STARTTLS\r\n' }, { expect: /^382 [^\n]*\n$/m }],
  postgres: [{ send: postgresSslRequest }, { expect: /^S$/ }],
  ldap: [{ send: ldapStartTls }, { expect: { test: (heard: string) => heard.includes(ldapSuccess) } }],
} as const satisfies Record<string, Talk>;

export type StartTls = keyof typeof talks;
export const startTlsProtocols = Object.keys(talks) as StartTls[];

export const startTlsPorts: Readonly<Record<StartTls, number>> = {
  smtp: 25,
  imap: 143,
  pop3: 110,
  ftp: 21,
  nntp: 119,
  postgres: 5432,
  ldap: 389,
};

const patience = 5000;

/** Says to a server what its protocol wants before TLS. Rejects with `CliError` where it doesn't agree. */
export function startTls(socket: Socket, protocol: StartTls): Promise<void> {
  return new Promise((resolve, reject) => {
    const steps: Talk = talks[protocol];
    let at = 0;
    let heard = '';
    const timer = setTimeout(() => fail('it did not answer'), patience);
    const end = () => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.pause();
    };
    const fail = (why: string) => {
      end();
      const words = heard.trim().slice(0, 200);
      reject(
        new CliError(`the server does not begin TLS over ${protocol}: ${why}${words === '' ? '' : ` ("${words}")`}`, {
          hint: 'Is it another protocol, or a port that speaks TLS at once? Then leave out --starttls.',
          exitCode: exitCodes.network,
        }),
      );
    };
    const proceed = () => {
      for (;;) {
        const step = steps[at];
        if (step === undefined) {
          end();
          resolve();
          return;
        }
        if (step.expect !== undefined) {
          if (!step.expect.test(heard)) return;
          heard = '';
        }
        if (step.send !== undefined) socket.write(step.send);
        at++;
      }
    };
    const onData = (bytes: Buffer) => {
      heard += bytes.toString('latin1');
      if (heard.length > 65_536) return fail('it sends without end');
      proceed();
      if (at < steps.length && /^([45]\d\d |a (NO|BAD)|-ERR|N$|E)/m.test(heard)) fail('it refused');
    };
    const onClose = () => fail('it hung up');
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.resume();
    proceed();
  });
}

/** A port of this machine behind which every connection has the talk before TLS done: any TLS client can use it. */
export async function startTlsBridge(
  host: string,
  port: number,
  protocol: StartTls,
): Promise<{ port: number; server: Server; failed: () => Error | undefined }> {
  let failure: Error | undefined;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    const upstream = connect({ host, port, noDelay: true });
    const end = (error?: Error) => {
      failure ??= error;
      client.destroy();
      upstream.destroy();
    };
    client.on('error', () => end());
    upstream.on('error', end);
    upstream.once('connect', () => {
      startTls(upstream, protocol).then(() => {
        client.pipe(upstream);
        upstream.pipe(client);
        client.resume();
      }, end);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { port: (server.address() as { port: number }).port, server, failed: () => failure };
}
