// The engine without I/O: a client and a server of TLS 1.3 that talk over a MessageChannel, as they would over a socket, a
// WebSocket or a serial line. The second connection resumes. Run it after `npm install`: node examples/engine.mjs
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { ClientConnection, clientHost, drive, localSigner, ServerConnection, serverHost } from 'handfast';
import { createAuthority } from 'handfast/ca';
import { createTrustAnchors, verifyChainOrThrow } from 'handfast/pki';
import { createNodeCrypto } from 'handfast/pki/node';
import { ServerSessions, TicketKeyring } from 'handfast/session';

const crypto = createNodeCrypto();
const clock = { now: Date.now };
const timers = { set: (callback, ms) => setTimeout(callback, ms).unref(), clear: clearTimeout };

const folder = await mkdtemp(join(tmpdir(), 'handfast-example-'));
const authority = await createAuthority({ folder: join(folder, 'ca') });
const { chain, key } = await authority.issue({ names: ['engine.test'] });
const anchors = createTrustAnchors([authority.rootPem]);
await authority.close();

// One object serves every connection of the server: what it means is worked out once.
const keyring = new TicketKeyring({ crypto, clock, timers });
const serverOptions = {
  crypto,
  credentials: [{ chain, signer: localSigner(crypto.importPrivateKey(key)) }],
  sessions: new ServerSessions({ crypto, keyring }),
};

const clientOptions = {
  crypto,
  serverName: 'engine.test',
  // There is no default that trusts.
  verifyPeer({ chain, serverName }) {
    verifyChainOrThrow({ chain, anchors, now: Date.now(), profile: 'server', name: serverName, crypto });
  },
};

/**
 * Moves bytes between a connection and a port. Call what it returns whenever the program has done something with the
 * connection: it does what can be done now, and sends what is to be sent.
 */
function attach(connection, host, port, { onConnected = () => {}, onData }) {
  let connected = false;
  function turn() {
    const { state } = drive(connection, host, turn);
    for (const bytes of connection.takeOutgoing()) port.postMessage(bytes.slice());
    for (const data of connection.takeApplicationData()) onData(data);
    if (connection.connected && !connected) {
      connected = true;
      onConnected();
    }
    if (state === 'closed') port.close();
  }
  port.on('message', (bytes) => {
    connection.receive(bytes);
    turn();
  });
  return turn;
}

/** One question, its answer, and the sessions that the server gave. */
function ask(question, sessions, trace) {
  const { port1, port2 } = new MessageChannel();
  const server = new ServerConnection(serverOptions);
  const serverTurn = attach(server, serverHost(serverOptions), port1, {
    onData(data) {
      server.write(data.map((letter) => letter ^ 0x20));
      serverTurn();
    },
  });
  serverTurn();

  const options = { ...clientOptions, sessions, trace };
  const client = new ClientConnection(options);
  return new Promise((resolve, reject) => {
    const turn = attach(client, clientHost(options), port2, {
      onConnected() {
        client.write(new TextEncoder().encode(question));
        turn();
      },
      onData(data) {
        const { cipherSuiteName, group, resumption } = client.info;
        const answer = new TextDecoder().decode(data);
        resolve({ answer, cipherSuiteName, group, resumption, sessions: client.takeSessions() });
        client.close();
        turn();
      },
    });
    port2.on('close', () => reject(client.error ?? new Error('the connection ended without an answer')));
    turn();
  });
}

const messages = [];
const first = await ask('hello', [], (event) => {
  if (event.kind === 'message') messages.push(`${event.direction === 'sent' ? '>' : '<'} ${event.type}`);
});
console.log(`${first.answer}: a full handshake, ${first.cipherSuiteName}, ${first.group}`);
console.log(messages.join('  '));
const second = await ask('again', first.sessions);
console.log(`${second.answer}: resumed by ${second.resumption}`);
keyring.close();
