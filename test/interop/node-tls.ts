/** `node:tls` in the place of Handfast: with `HANDFAST_INTEROP_SUBJECT=node` the drivers prove themselves. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { rootPem, testIdentity } from '../helpers/pki.ts';
import { groupList } from './peers/openssl.ts';
import type { Channel, Subject, SubjectOptions } from './subject.ts';

/** Node's version and OpenSSL's. */
export const nodeTlsVersion = `${process.versions.node} (OpenSSL ${process.versions['openssl']})`;

function contextOptions(options: SubjectOptions): SecureContextOptions {
  const version = options.version && (`TLSv${options.version}` as const);
  const identity = options.identity && testIdentity(options.identity);
  return {
    ca: rootPem,
    ...(identity && { cert: identity.chainPem, key: identity.keyPem }),
    ...(version && { minVersion: version, maxVersion: version }),
    ...(options.suite && { ciphers: options.suite.openssl }),
    ...(options.groups && { ecdhCurve: groupList(options.groups) }),
  };
}

function channel(socket: TLSSocket): Channel {
  const ephemeral = socket.getEphemeralKeyInfo() as { name?: string } | null;
  const group = ephemeral?.name && ({ X25519: 'x25519', prime256v1: 'secp256r1' }[ephemeral.name] ?? ephemeral.name);
  return {
    stream: socket,
    outcome: {
      version: socket.getProtocol() === 'TLSv1.3' ? '1.3' : '1.2',
      suite: socket.getCipher().standardName,
      ...(group && { group }),
      peerCertificates: Object.keys(socket.getPeerCertificate()).length > 0 ? 1 : 0,
    },
  };
}

/** The subject that is known to work. */
export const nodeTls: Subject = {
  name: 'node:tls',
  version: nodeTlsVersion,
  lacks(group) {
    if (group !== 'X25519MLKEM768') return undefined;
    try {
      createSecureContext({ ecdhCurve: group });
      return undefined;
    } catch {
      return `this Node has no ${group}`;
    }
  },

  async accept(socket: Socket, options: SubjectOptions): Promise<Channel> {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext(contextOptions(options)),
      requestCert: options.requireClientCertificate ?? false,
      rejectUnauthorized: false,
    });
    await secure(secured, socket);
    return channel(secured);
  },

  async connect(socket: Socket, options: SubjectOptions): Promise<Channel> {
    const secured = connectTls({ socket, servername: 'localhost', ...contextOptions(options) });
    await secure(secured, socket);
    return channel(secured);
  },
};

/** Resolves when the handshake is done; rejects when it fails or the transport closes. */
async function secure(secured: TLSSocket, socket: Socket): Promise<void> {
  let failure: unknown;
  secured.on('error', (error) => {
    failure = error;
  });
  const closed = new AbortController();
  const onClose = () => closed.abort();
  socket.on('close', onClose);
  try {
    await once(secured, 'secure', { signal: closed.signal });
  } catch (error) {
    throw failure ?? error;
  } finally {
    socket.off('close', onClose);
  }
}
