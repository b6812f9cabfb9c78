import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type StartTls, startTls } from '../../src/cli/inspect/starttls.ts';

/** A server's lines, each after what a client must have said before it; `''`: at once. */
type Lines = readonly (readonly [after: string, say: string])[];

/** What the client said last. */
let said = '';

/** Speaks with a server that says these things; each is cut in two, as a network may. */
async function spoken(protocol: StartTls, lines: Lines): Promise<string> {
  const server = createServer((socket) => {
    let at = 0;
    let heard = '';
    socket.on('error', () => {});
    const proceed = () => {
      const [after, say] = lines[at] ?? [];
      if (after === undefined || say === undefined || !heard.includes(after)) return;
      heard = '';
      at++;
      socket.write(say.slice(0, say.length / 2), 'latin1');
      setTimeout(() => {
        socket.write(say.slice(say.length / 2), 'latin1');
        proceed();
      }, 20);
    };
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      said = bytes.toString('latin1');
      proceed();
    });
    proceed();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  try {
    await startTls(socket, protocol, 'mail.test', 1000);
    return 'TLS';
  } catch (error) {
    return (error as Error).message;
  } finally {
    socket.destroy();
    await once(server.close(), 'close');
  }
}

const features = (inner: string) =>
  `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>${inner}</stream:features>`;
/** A greeting of MySQL with these two bytes of capabilities. */
const mysql = (capabilities: string) =>
  `\x4a\0\0\0\n8.0.36\0\x08\0\0\0saltsalt\0${capabilities}\xff\x02\0\xff\xcf\x15${'\0'.repeat(10)}saltsaltsalt\0caching_sha2_password\0`;
const ldap = (result: string) => `0\x0c\x02\x01\x01\x78\x07\n\x01${result}\x04\0\x04\0`;

describe('before TLS begins', () => {
  const willing: Partial<Record<StartTls, Lines>> = {
    smtp: [
      ['', '220-hello\r\n220 ready\r\n'],
      ['EHLO', '250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n'],
      ['STARTTLS', '220 go\r\n'],
    ],
    lmtp: [
      ['', '220 ready\r\n'],
      ['LHLO', '250-x\r\n250 STARTTLS\r\n'],
      ['STARTTLS', '220 go\r\n'],
    ],
    imap: [
      ['', '* OK [CAPABILITY STARTTLS] ready\r\n'],
      ['a STARTTLS', 'a OK go\r\n'],
    ],
    pop3: [
      ['', '+OK ready\r\n'],
      ['STLS', '+OK go\r\n'],
    ],
    sieve: [
      ['', '"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "ready"\r\n'],
      ['STARTTLS', 'OK "go"\r\n'],
    ],
    // A line that says Enjoy once ended the talk.
    ftp: [
      ['', '220-Welcome\r\nEnjoy your stay\r\nNo spam\r\n220 ready\r\n'],
      ['AUTH TLS', '234 go\r\n'],
    ],
    nntp: [
      ['', '200 ready\r\n'],
      ['STARTTLS', '382 go\r\n'],
    ],
    xmpp: [
      ["to='mail.test'", features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>")],
      ['<starttls', "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    ],
    'xmpp-server': [
      ['jabber:server', features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")],
      ['<starttls', "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    ],
    postgres: [['\x04\xd2\x16\x2f', 'S']],
    mysql: [['', mysql('\xff\xff')]],
    ldap: [['1.3.6.1.4.1.1466.20037', ldap('\0')]],
  };
  for (const [protocol, lines] of Object.entries(willing))
    test(`${protocol}: a server that is willing`, async () => {
      assert.equal(await spoken(protocol as StartTls, lines), 'TLS');
    });

  test('mysql: the request names CLIENT_SSL', async () => {
    // Bit 11 of the capabilities; MariaDB answers another packet with an error.
    assert.equal(await spoken('mysql', [['', mysql('\xff\xff')]]), 'TLS');
    assert.ok(said.startsWith('\x20\0\0\x01\0\x8a\0\0'), said);
  });

  const unwilling: readonly [StartTls, Lines][] = [
    [
      'smtp',
      [
        ['', '220 x\r\n'],
        ['EHLO', '250 x\r\n'],
        ['STARTTLS', '502 no\r\n'],
      ],
    ],
    [
      'sieve',
      [
        ['', 'OK\r\n'],
        ['STARTTLS', 'NO "no"\r\n'],
      ],
    ],
    ['xmpp', [['<stream', features('<mechanisms/>')]]],
    ['postgres', [['\x04\xd2\x16\x2f', 'N']]],
    ['mysql', [['', mysql('\xff\xf7')]]],
    ['mysql', [['', '\x10\0\0\0\xff\x6a\x04Host is blocked']]],
    ['ldap', [['1466', ldap('\x02')]]],
  ];
  for (const [protocol, lines] of unwilling)
    test(`${protocol}: a refusal is told at once`, async () => {
      assert.match(await spoken(protocol, lines), /it refused/);
    });

  test('what a server says can not write on the terminal', async () => {
    const told = await spoken('smtp', [['', '500 \x1b[2J no\r\n']]);
    assert.match(told, /it refused \("500 \\x1b\[/);
  });
});
