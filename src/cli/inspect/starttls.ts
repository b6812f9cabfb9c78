import { connect, createServer, type Server, type Socket } from 'node:net';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { printable } from '../ui/terminal.ts';

/** Whether something was heard: a regular expression, or a look at bytes (latin1). */
interface Heard {
  test(heard: string): boolean;
}

/** A line that is sent, after the answer that must come first. */
interface Step {
  readonly expect?: Heard;
  readonly send?: string | Uint8Array;
}

/** What is said before TLS begins. */
interface Talk {
  readonly port: number;
  /** What a server says that does not want to. */
  readonly refuses: Heard;
  readonly steps: (host: string) => readonly Step[];
}

/** LDAP: an ExtendedRequest with the OID of StartTLS (RFC 4511, Section 4.14). */
const ldapStartTls = Buffer.from('301d02010177188016312e332e362e312e342e312e313436362e3230303337', 'hex');
/** PostgreSQL: SSLRequest. */
const postgresSslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/**
 * MySQL: SSLRequest, the first half of a HandshakeResponse41: 32 bytes, the second packet; CLIENT_PROTOCOL_41, CLIENT_SSL
 * and CLIENT_SECURE_CONNECTION; packets up to 16 MiB; utf8mb4.
 */
const mysqlSslRequest = Buffer.concat([Buffer.from('20000001008a0000000000012d', 'hex'), Buffer.alloc(23)]);

const ready = /^220 [^\n]*\n$/m;
const fails = /^[45]\d\d[ -]/m;

/** SMTP (RFC 3207), and LMTP with its own greeting (RFC 2033). */
function mail(hello: string): Talk['steps'] {
  return () => [
    { expect: ready, send: `${hello} handfast.invalid\r\n` },
    { expect: /^250 [^\n]*\n$/m, send: 'STARTTLS\r\n' },
    { expect: ready },
  ];
}

/** XMPP (RFC 6120, Section 5.4): of a client, or of another server. */
function xmpp(kind: 'client' | 'server'): Talk['steps'] {
  return (host) => [
    {
      send: `<?xml version='1.0'?><stream:stream xmlns='jabber:${kind}' xmlns:stream='http://etherx.jabber.org/streams' to='${host}' version='1.0'>`,
    },
    {
      expect: /<starttls[\s\S]*<\/(\w+:)?features>/,
      send: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    },
    { expect: /<proceed/ },
  ];
}

/** An error, the end of the stream, or features without TLS among them. */
const noXmpp: Heard = {
  test: (heard) =>
    /<failure|<(\w+:)?error|<\/(\w+:)?stream>/.test(heard) ||
    (/<\/(\w+:)?features>|<(\w+:)?features\s*\/>/.test(heard) && !heard.includes('<starttls')),
};

const talks = {
  smtp: { port: 25, refuses: fails, steps: mail('EHLO') },
  lmtp: { port: 24, refuses: fails, steps: mail('LHLO') },
  imap: {
    port: 143,
    refuses: /^(a (NO|BAD)|\* BYE)/m,
    steps: () => [{ expect: /^\* OK[^\n]*\n$/m, send: 'a STARTTLS\r\n' }, { expect: /^a OK[^\n]*\n$/m }],
  },
  pop3: {
    port: 110,
    refuses: /^-ERR/m,
    steps: () => [{ expect: /^\+OK[^\n]*\n$/m, send: 'STLS\r\n' }, { expect: /^\+OK[^\n]*\n$/m }],
  },
  // RFC 5804: capabilities, then OK.
  sieve: {
    port: 4190,
    refuses: /^(NO|BYE)\b/im,
    steps: () => [{ expect: /^OK\b[^\n]*\n$/im, send: 'STARTTLS\r\n' }, { expect: /^OK\b[^\n]*\n/im }],
  },
  ftp: {
    port: 21,
    refuses: fails,
    steps: () => [{ expect: ready, send: 'AUTH TLS\r\n' }, { expect: /^234 [^\n]*\n$/m }],
  },
  nntp: {
    port: 119,
    refuses: fails,
    steps: () => [{ expect: /^20[01] [^\n]*\n$/m, send: 'STARTTLS\r\n' }, { expect: /^382 [^\n]*\n$/m }],
  },
  xmpp: { port: 5222, refuses: noXmpp, steps: xmpp('client') },
  'xmpp-server': { port: 5269, refuses: noXmpp, steps: xmpp('server') },
  postgres: {
    port: 5432,
    refuses: /^[NE]/,
    steps: () => [{ send: postgresSslRequest }, { expect: /^S$/ }],
  },
  mysql: {
    port: 3306,
    refuses: { test: (heard) => mysqlGreeting(heard) === 'plain' },
    steps: () => [{ expect: { test: (heard) => mysqlGreeting(heard) === 'tls' }, send: mysqlSslRequest }],
  },
  ldap: {
    port: 389,
    refuses: { test: (heard) => (ldapResult(heard) ?? 0) !== 0 },
    steps: () => [{ send: ldapStartTls }, { expect: { test: (heard) => ldapResult(heard) === 0 } }],
  },
} satisfies Record<string, Talk>;

/** resultCode of an ExtendedResponse (RFC 4511, Section 4.12): an ENUMERATED of one byte; 0 is success. */
function ldapResult(heard: string): number | undefined {
  const at = heard.indexOf(String.fromCharCode(10, 1));
  return at < 0 || heard.length < at + 3 ? undefined : heard.charCodeAt(at + 2);
}

/** Whether the first packet of a MySQL server offers TLS; `undefined` where not enough of it is there. */
function mysqlGreeting(heard: string): 'tls' | 'plain' | undefined {
  // Four bytes of header; the protocol is 10 (an error packet begins with 255); then the version and a zero.
  if (heard.length < 5) return undefined;
  if (heard.charCodeAt(4) !== 10) return 'plain';
  const end = heard.indexOf(String.fromCharCode(0), 5);
  // A number of four bytes, eight of a salt and a filler stand before the capabilities; CLIENT_SSL is 0x0800.
  if (end < 0 || heard.length < end + 16) return undefined;
  return (heard.charCodeAt(end + 15) & 8) === 0 ? 'plain' : 'tls';
}

export type StartTls = keyof typeof talks;
export const startTlsProtocols = Object.keys(talks) as StartTls[];

/** Where the servers of a protocol listen that begin in the clear. */
export function startTlsPort(protocol: StartTls): number {
  return talks[protocol].port;
}

/**
 * Says to a server what its protocol wants before TLS. Rejects with `CliError` where it doesn't agree.
 *
 * @param host the name of the service, for protocols whose clients say it in the clear (XMPP).
 */
export function startTls(socket: Socket, protocol: StartTls, host: string, timeoutMs = 5000): Promise<void> {
  return new Promise((resolve, reject) => {
    const talk: Talk = talks[protocol];
    const steps = talk.steps(host);
    let at = 0;
    let heard = '';
    const timer = setTimeout(() => fail('it did not answer'), timeoutMs);
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
        new CliError(
          `the server does not begin TLS over ${protocol}: ${why}${words === '' ? '' : ` ("${printable(words)}")`}`,
          {
            hint: 'Is it another protocol, or a port that speaks TLS at once? Then leave out --starttls.',
            exitCode: exitCodes.network,
          },
        ),
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
          if (talk.refuses.test(heard)) return fail('it refused');
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
  options: { readonly serverName: string; readonly timeoutMs: number },
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
      startTls(upstream, protocol, options.serverName, options.timeoutMs).then(() => {
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
