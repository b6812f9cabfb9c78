// HTTPS in a browser tab: the TLS connection ends here, in the page. What carries it, a WebSocket that a bridge turns into
// TCP, sees and can change ciphertext alone; a page may so speak with servers that speak no WebSocket, under its own trust.
import { ClientConnection, clientHost, drive } from 'handfast';
import { createTrustAnchors, verifyChainOrThrow } from 'handfast/pki';
import { createPortableCrypto } from 'handfast/portable';
import { ClientSessionCache } from 'handfast/session';

const crypto = createPortableCrypto();

/**
 * A client for one server. The answer of `get(path)` has the text of the response, and what the handshake agreed on.
 *
 * @param bridge URL of the WebSocket that leads to the server.
 * @param serverName the name that the server's certificate must have.
 * @param roots PEM of the authorities that are trusted; a page has no access to those of the browser.
 */
export function createHttpsClient({ bridge, serverName, roots }) {
  const anchors = createTrustAnchors([roots]);
  // What the server gives for resumption. It holds secrets, and is kept in memory alone.
  const cache = new ClientSessionCache();
  const cacheKey = new TextEncoder().encode(serverName);

  function verifyPeer({ chain }) {
    verifyChainOrThrow({ chain, anchors, now: Date.now(), profile: 'server', name: serverName, crypto });
    return undefined;
  }

  async function get(path) {
    const started = performance.now();
    const session = cache.take(cacheKey, Date.now());
    const sessions = session === undefined ? [] : [session];
    const connection = new ClientConnection({ crypto, serverName, verifyPeer, sessions, alpnProtocols: ['http/1.1'] });
    const stream = openStream(connection, bridge);
    await stream.connected;
    const handshakeMs = performance.now() - started;
    stream.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: ${serverName}\r\nConnection: close\r\n\r\n`));
    const response = parseResponse(await stream.everything);
    for (const fresh of connection.takeSessions()) cache.add(fresh, cacheKey);
    const { cipherSuiteName, group, resumed } = connection.info;
    return { ...response, cipherSuiteName, group, resumed, handshakeMs };
  }

  return { get };
}

/** Moves bytes between a connection of the engine, which does no I/O by itself, and a WebSocket. */
function openStream(connection, bridge) {
  const host = clientHost(connection.options);
  const socket = new WebSocket(bridge);
  socket.binaryType = 'arraybuffer';
  const connected = Promise.withResolvers();
  const everything = Promise.withResolvers();
  const received = [];

  function turn() {
    const progress = drive(connection, host, turn);
    for (const bytes of connection.takeOutgoing()) socket.send(bytes);
    received.push(...connection.takeApplicationData());
    if (connection.connected) connected.resolve();
    // close_notify has come: nobody cut the response short.
    if (connection.peerClosed) {
      everything.resolve(joined(received));
      socket.close();
    }
    if (progress.state === 'closed' && progress.error !== undefined) fail(progress.error);
  }

  function fail(error) {
    connected.reject(error);
    everything.reject(error);
    socket.close();
  }

  socket.onopen = turn;
  socket.onmessage = ({ data }) => {
    connection.receive(new Uint8Array(data));
    turn();
  };
  socket.onclose = () => {
    connection.receiveEnd();
    if (!connection.peerClosed) fail(connection.error ?? new Error('the connection was cut off'));
  };
  // Whoever waits hears of it; a failed handshake rejects both, and only one is waited for.
  everything.promise.catch(() => {});

  return {
    connected: connected.promise,
    everything: everything.promise,
    write(bytes) {
      connection.write(bytes);
      turn();
    },
  };
}

/** A response after which the server closes the connection (RFC 9112, Section 6.3). */
function parseResponse(bytes) {
  // Latin-1: a character a byte.
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const bodyAt = text.indexOf('\r\n\r\n') + 4;
  const head = text.slice(0, bodyAt);
  let body = bytes.subarray(bodyAt);
  if (/^transfer-encoding: *chunked/im.test(head)) body = joinChunks(text, bytes, bodyAt);
  return { statusLine: head.slice(0, head.indexOf('\r\n')), body: new TextDecoder().decode(body) };
}

/** The chunked coding (RFC 9112, Section 7.1). */
function joinChunks(text, bytes, start) {
  const chunks = [];
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(size > 0)) return joined(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
