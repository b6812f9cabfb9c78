/**
 * A program as one writes it against the types of node:tls and node:https, with nothing changed but its imports. It is
 * not run: `npm run check:types` compiles it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import https, {
  Agent,
  createServer as createHttpsServer,
  globalAgent,
  type RequestOptions,
} from '../../src/node/https.ts';
import * as everything from '../../src/node/tls.ts';
import tls, {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type DetailedPeerCertificate,
  type PeerCertificate,
  rootCertificates,
  type SecureContextOptions,
  Server,
  TLSSocket,
  type TlsOptions,
} from '../../src/node/tls.ts';

const serverOptions: TlsOptions = {
  key: 'key',
  cert: ['cert'],
  ALPNProtocols: ['h2'],
  requestCert: true,
  SNICallback: (servername, callback) => callback(null, createSecureContext({ key: servername })),
  ticketKeys: Buffer.alloc(48),
  minVersion: 'TLSv1.2',
  sessionTimeout: 300,
  handshakeTimeout: 1000,
  pskCallback: (socket, identity) => (socket.encrypted && identity === 'a' ? Buffer.alloc(32) : null),
};

export function serve(): InstanceType<typeof Server> {
  const server = createServer(serverOptions, (socket) => {
    const { authorized, alpnProtocol, servername } = socket;
    const certificate: PeerCertificate = socket.getPeerCertificate();
    const detailed: DetailedPeerCertificate = socket.getPeerCertificate(true);
    socket.write(
      `${authorized} ${alpnProtocol} ${servername} ${certificate.subject.CN} ${detailed.issuerCertificate.subject.CN}`,
    );
    socket.setEncoding('utf8');
    socket.exportKeyingMaterial(128, 'client finished', Buffer.alloc(1));
  });
  server.on('tlsClientError', (error, socket) => socket.destroy(error));
  server.on('newSession', (id, data, callback) => id.length < data.length && callback());
  server.on('resumeSession', (_id, callback) => callback(null, Buffer.alloc(1)));
  server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, Buffer.alloc(1)));
  server.on('keylog', (line, socket) => socket.write(line));
  server.addContext('*.example.test', { key: 'k' });
  server.setSecureContext({ key: 'k' });
  server.setTicketKeys(server.getTicketKeys());
  server.listen(443, () => server.close());
  return server;
}

export function join(transport: Duplex): tls.TLSSocket {
  const options: ConnectionOptions = {
    host: 'example.test',
    port: 443,
    servername: 'example.test',
    checkServerIdentity: (host, certificate) => checkServerIdentity(host, certificate),
    session: Buffer.alloc(1),
    ALPNProtocols: ['http/1.1'],
    requestOCSP: true,
  };
  const socket = connect(options, () => socket.end());
  const byPort: TLSSocket = connect(443, 'example.test', { rejectUnauthorized: false }, () => {});
  const over = tls.connect({ socket: transport });
  const wrapped = new TLSSocket(transport, { isServer: true, secureContext: createSecureContext() });
  for (const each of [socket, byPort, over, wrapped]) {
    each.on('secureConnect', () => each.getCipher().standardName);
    each.on('session', (session) => session.length);
    each.on('OCSPResponse', (response) => response.length);
    each.renegotiate({}, (error) => error?.message);
    each.setNoDelay(true).setTimeout(1000);
  }
  return socket;
}

const contextOptions: SecureContextOptions = {
  ca: [...rootCertificates],
  ciphers: tls.DEFAULT_CIPHERS,
  ecdhCurve: 'auto',
};
export const context = tls.createSecureContext(contextOptions);
tls.DEFAULT_MIN_VERSION = 'TLSv1.3';

export const handler = (request: IncomingMessage, response: ServerResponse): void => {
  const socket = request.socket as tls.TLSSocket;
  response.end(String(socket.authorized));
};
export const web: https.Server = createHttpsServer({ key: 'k', cert: 'c', keepAliveTimeout: 5 }, handler);
export const agent: https.Agent = new Agent({ keepAlive: true, maxCachedSessions: 10, ca: 'ca' });

export function ask(url: URL): void {
  const options: RequestOptions = { method: 'POST', agent, servername: 'example.test' };
  https.request(url, options, (response) => response.resume()).end('body');
  https.get('https://example.test/', (response) => response.statusCode);
  https.get({ host: 'example.test', agent: globalAgent }, (response) => response.resume());
  web.on('request', handler).on('upgrade', (_request, socket) => socket.destroy());
  web.closeAllConnections();
}

export const names: string[] = everything.getCiphers();
export const instance = (value: object): boolean => value instanceof Server || value instanceof everything.TLSSocket;

// ---- what node:tls lacks ----

const echKey = tls.createEchKey({ publicName: 'public.example' });
const more: TlsOptions = {
  sign: async (_scheme, data) => data,
  signInThreadPool: true,
  maxEarlyData: 16_384,
  replayRecord: 'complete',
  echKeys: [echKey],
  groups: ['x25519'],
  certificateCompression: ['brotli'],
  identity: 'www',
  allowPartialTrustChain: true,
  rawPublicKeys: { pins: [], only: true },
  acceptDelegatedCredentials: true,
};
const asked: ConnectionOptions = {
  earlyData: 'GET / HTTP/1.0\r\n\r\n',
  echConfigList: echKey.configList,
  echRequired: false,
  echGrease: true,
  revocation: 'stapled',
  rawPublicKeys: { pins: [Buffer.alloc(32)] },
};

export function further(): (boolean | string | undefined)[] {
  const server = tls.createServer(more, (socket) => {
    const { echAccepted, earlyDataAccepted, pskIdentity } = socket;
    socket.exportEarlyKeyingMaterial(32, 'label');
    socket.end(`${echAccepted} ${earlyDataAccepted} ${pskIdentity} ${socket.getClientHello()?.ja4}`);
  });
  server.on('earlyData', (socket) => socket.end(String(socket.getPeerRawPublicKey()?.asymmetricKeyType)));
  server.on('secureConnection', (socket: TLSSocket) => socket.end(String(socket.echAccepted)));
  server.addContext('a.example', { requestCert: true, rejectUnauthorized: false });
  server.setSecureContext({ echKeys: [echKey] });
  const node: tls.TLSSocket = connect(443, 'a.example', { echGrease: true });
  return [connect(asked).echAccepted, connect({ port: 1, ...asked }).pskIdentity, node.echAccepted];
}

export function early(): void {
  createHttpsServer({ maxEarlyData: 16_384 }, (request, response) => response.end(request.headers['early-data']));
  https.createServer({ echKeys: [echKey] }, (_request, response) => response.end());
  const options: RequestOptions = { earlyData: true, echConfigList: echKey.configList };
  https.get('https://a.example/', options, (response) => response.resume());
  https.request({ host: 'a.example', earlyData: true }, (response) => response.resume());
  new Agent({ earlyData: true, proxyEnv: process.env, keepAlive: true });
}
