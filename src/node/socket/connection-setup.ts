/** From the options of a socket to the options of the engine, and to its connection. */
import { isIP } from 'node:net';
import { ClientConnection } from '../../engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../engine/config.ts';
import type { Connection } from '../../engine/connection.ts';
import { clientHost, serverHost } from '../../engine/host.ts';
import { ServerConnection } from '../../engine/server-connection.ts';
import { allLeniencies, parseCertificate } from '../../pki/certificate.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import { nodeError, opensslError } from '../base/node-errors.ts';
import { alpnList } from '../context/alpn.ts';
import { clientEch } from '../context/ech-options.ts';
import type { ContextState } from '../context/secure-context.ts';
import { askClientCallback, externalPsksOf, identityHintOf } from './psk.ts';
import { resumptionOf } from './server-sessions.ts';
import type { TLSSocket } from './tls-socket.ts';
import { traceTo } from './trace-text.ts';

/** Makes the connection of a socket and binds it to the socket's negotiation. */
export function createConnection(socket: TLSSocket, wake: () => void): Connection {
  const { negotiation } = socket;
  const { tooOld, minVersion, maxVersion } = negotiation.context;
  if (tooOld || minVersion > maxVersion) {
    throw opensslError(
      'no protocols available',
      tooOld
        ? 'Handfast speaks TLS 1.2 and TLS 1.3 only (RFC 8996): allow a maximum of TLSv1.2 or TLSv1.3'
        : 'minVersion is above maxVersion: no version is left',
    );
  }
  if (socket._tlsOptions.isServer) {
    const options = serverOptions(socket, negotiation.context);
    const connection = new ServerConnection(options);
    negotiation.bind(socket, connection, serverHost(options), wake);
    return connection;
  }
  const options = clientOptions(socket);
  const connection = new ClientConnection(options);
  negotiation.bind(socket, connection, clientHost(options), wake);
  return connection;
}

/** What both sides take from a context. */
function commonOptions(context: ContextState) {
  return {
    crypto: nodeCrypto(),
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
    cipherSuites: context.cipherSuites,
    groups: context.groups,
    ...(context.signatureSchemes === undefined ? {} : { signatureSchemes: context.signatureSchemes }),
    ...(context.delegatedSchemes && { delegatedCredentialSchemes: context.delegatedSchemes }),
    ...(context.certificateCompression && { certificateCompression: context.certificateCompression }),
  };
}

const nobody = {};

/** The engine's options for a server's socket: made once for a server, a context and what the server has listeners for. */
export function serverOptions(socket: TLSSocket, context: ContextState): ServerOptions {
  const { server, negotiation, _tlsOptions: options } = socket;
  const { ALPNCallback, pskCallback, pskIdentityHint } = options;
  const keyLogged = socket.listenerCount('keylog') > 0;
  const sessions = server === undefined ? undefined : resumptionOf(server).sessionsFor(context);
  const perServer = derivedFor(context, server ?? nobody);
  const alpn = options.ALPNProtocols as Buffer | undefined;
  const mode = !socket._requestCert ? 'none' : socket._rejectUnauthorized ? 'require' : 'request';
  // What is this connection's own makes its options its own.
  const shared = server !== undefined && !keyLogged && !negotiation.tracing && ALPNCallback === undefined;
  const cacheable = shared && alpn === server.ALPNProtocols;
  const key = pskCallback === undefined ? mode : `${mode}|psk ${pskIdentityHint ?? ''}`;
  const known = cacheable ? perServer.get(key) : undefined;
  if (known !== undefined && known.sessions === sessions) return known;
  const made: ServerOptions = {
    ...commonOptions(context),
    credentials: context.credentials,
    preferServerOrder: context.preferServerOrder,
    echKeys: context.echKeys,
    clientCertificate: mode,
    ...(pskCallback && { psk: { identityHint: identityHintOf(pskIdentityHint), unknownIdentity: 'alert' } }),
    ...(context.rawPublicKeys && {
      clientCertificateTypes: context.rawPublicKeys.types,
      rawPublicKeyPins: context.rawPublicKeys.pins,
    }),
    certificateAuthorities: mode === 'none' ? [] : authorities(context),
    verifyPeer: () => undefined,
    alpnProtocols: alpnList(alpn),
    ...(ALPNCallback === undefined
      ? {}
      : { selectAlpn: (offered, name) => callAlpn(ALPNCallback.bind(socket), offered, name) }),
    ...(sessions === undefined ? {} : { sessions }),
    credentialIdentity: context.identity ?? context.sessionIdContext ?? '',
    clientTrustDigest: clientTrustDigest(context),
    ...(negotiation.tracing ? { trace: traceTo(process.stderr) } : {}),
    ...(keyLogged ? { keyLog: (line: string) => socket.emit('keylog', Buffer.from(`${line}\n`)) } : {}),
  };
  if (cacheable) perServer.set(key, made);
  return made;
}

function derivedFor(context: ContextState, server: object): Map<string, ServerOptions> {
  let made = context.derived.get(server) as Map<string, ServerOptions> | undefined;
  if (made === undefined) context.derived.set(server, (made = new Map()));
  return made;
}

/**
 * What client certificates are verified against: other authorities, or a new list of what is revoked, end the sessions of
 * clients that showed one.
 */
function clientTrustDigest({ ca, crls, partialChains }: ContextState): Uint8Array {
  if (ca === undefined && crls.length === 0) return new Uint8Array(0);
  const crypto = nodeCrypto();
  const digests = [...(ca ?? []), ...crls].map((der) => crypto.hash('sha256', der));
  return crypto.hash('sha256', Buffer.concat([Buffer.from(`${ca?.length} ${partialChains} `), ...digests]));
}

/** Names of the authorities whose certificates a client may show. */
function authorities(context: ContextState): Uint8Array[] {
  let names = context.derived.get('authorities') as Uint8Array[] | undefined;
  if (names === undefined) {
    names = (context.ca ?? []).flatMap((der) => subjectOf(der) ?? []);
    context.derived.set('authorities', names);
  }
  return names;
}

function callAlpn(
  callback: (offer: { servername: string; protocols: string[] }) => string | undefined,
  offered: readonly string[],
  serverName: string | undefined,
): string | undefined {
  const chosen = callback({ servername: serverName as string, protocols: [...offered] });
  if (chosen === undefined || offered.includes(chosen)) return chosen;
  // A mistake of the program that a peer can bring about: it ends this connection, and `tlsClientError` tells it.
  throw nodeError(
    'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT',
    `ALPN callback returned a value (${chosen}) that did not match any of the client's offered protocols (${offered.join(', ')})`,
    TypeError,
  );
}

function clientOptions(socket: TLSSocket): ClientOptions {
  const { negotiation, _tlsOptions: options } = socket;
  const { context, offered } = negotiation;
  const { pskCallback } = options;
  const { serverName: name } = negotiation;
  // A URL, or a name with its port, is no option of the engine; programs of node:tls give such, and connect.
  const serverName = name && !isIP(name) && !/[:/]/.test(name) ? name : undefined;
  const alpnProtocols = alpnList(options.ALPNProtocols as Buffer | undefined);
  // A session belongs to the name that it was verified for.
  const fits = offered !== undefined && (offered.state.serverName ?? undefined) === (serverName ?? undefined);
  if (!fits) negotiation.offered = undefined;
  return {
    ...commonOptions(context),
    credentials: context.credentials,
    ...(context.rawPublicKeys && {
      serverCertificateTypes: context.rawPublicKeys.types,
      rawPublicKeyPins: context.rawPublicKeys.pins,
    }),
    serverName,
    verifyName: undefined,
    requireSecureRenegotiation: !context.legacyServers,
    alpnProtocols,
    requestOcsp: options.requestOCSP === true || options.revocation !== undefined,
    verifyPeer: () => undefined,
    sessions: fits ? [offered] : [],
    earlyData: fits && options.earlyData !== undefined && negotiation.trustsEarly(socket, offered),
    ...(pskCallback && {
      externalPsks: context.maxVersion === 0x0304 ? externalPsksOf(pskCallback) : [],
      selectPsk: ({ identityHint }) => askClientCallback(pskCallback, identityHint),
    }),
    ech: clientEch(options),
    ...(negotiation.tracing ? { trace: traceTo(process.stderr) } : {}),
    keyLog: (line: string) => {
      if (socket.listenerCount('keylog') > 0) socket.emit('keylog', Buffer.from(`${line}\n`));
    },
  };
}

/** The subject (DER) of a certificate; `undefined` where it does not parse. */
function subjectOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(der, { leniencies: allLeniencies }).subject;
  } catch {
    return undefined;
  }
}
