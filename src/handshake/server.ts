import { illegalParameter, PeerError } from '../errors.ts';
import type { MissReason, ResumptionKind } from '../session/miss-reason.ts';
import { type ClientHello, decodeClientHello } from '../wire/client-hello.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { type ProtocolVersion, tls13, versionName } from '../wire/versions.ts';
import type { ServerHandshakeConfig } from './config.ts';
import { decide, type HandshakeContext, wipingSecrets } from './context.ts';
import { openClientHello, type ServerEch } from './ech-server.ts';
import { expectMessage, type Flow, request } from './flow.ts';
import type { ClientHelloInfo } from './host.ts';
import { checkRecordSizeLimit, chooseVersion, fallbackScsv, offeredVersions } from './negotiate.ts';
import type { Established } from './result.ts';
import { serverHandshake12 } from './server12.ts';
import { serverHandshake13 } from './server13.ts';

export type ServerContext = HandshakeContext<ServerHandshakeConfig>;

/** A ClientHello, decoded and as it came. */
export interface ReceivedClientHello {
  readonly hello: ClientHello;
  readonly message: HandshakeMessage;
  /** What became of encrypted_client_hello, where the client sent it to a server with keys. */
  readonly ech: ServerEch | undefined;
}

/** The server's side of a handshake: reads the ClientHello and goes on in the version that both speak. */
export function serverHandshake(context: ServerContext): Flow<Established> {
  return wipingSecrets(context, handshake);
}

function* handshake(initial: ServerContext): Flow<Established> {
  const received = openClientHello(initial, yield* receiveClientHello());
  const { hello } = received;
  const selected = yield* request('selectConfig', describe(received));
  const { crypto, output, secrets } = initial;
  const context = selected === undefined ? initial : { config: selected, crypto, output, secrets };

  refuseFallback(hello, context.config);
  const version = chooseVersion(hello, context.config);
  decide(context, 'version', versionName(version), 'the highest that both sides speak');
  context.output.setVersion(version);
  noteOtherVersion(context, hello, version);

  return version === tls13 ? yield* serverHandshake13(context, received) : yield* serverHandshake12(context, received);
}

/** A session of the version that this connection does not have is not looked for. */
function noteOtherVersion(context: ServerContext, { extensions }: ClientHello, version: ProtocolVersion): void {
  const has12 = extensions.sessionTicket !== undefined && extensions.sessionTicket.length > 0;
  const has13 = extensions.preSharedKey !== undefined;
  if (has12 === has13 || has13 === (version === tls13)) return;
  missed(context, has13 ? 'psk' : 'ticket', 'versionMismatch');
}

/** Says why a session that the client offers is not even looked for. */
export function missed(context: ServerContext, kind: ResumptionKind, reason: MissReason): void {
  context.config.resumption.missed(kind, reason);
  decide(context, 'resumption', 'miss', reason);
}

/** Waits for a ClientHello and reads it. */
export function* receiveClientHello(): Flow<ReceivedClientHello> {
  return readClientHello(yield* expectMessage('clientHello'));
}

export function readClientHello(message: HandshakeMessage): ReceivedClientHello {
  const hello = decodeClientHello(message.body);
  // RFC 5246, Section 7.4.1.2: the list "MUST include the null compression method".
  if (!hello.legacyCompressionMethods.includes(0)) {
    throw illegalParameter(
      'ERR_TLS_COMPRESSION',
      'clientHello: the compression methods lack the null method',
      'RFC 5246, Section 7.4.1.2',
    );
  }
  checkRecordSizeLimit(hello.extensions.recordSizeLimit, 'clientHello');
  return { hello, message, ech: undefined };
}

function describe({ hello, message }: ReceivedClientHello): ClientHelloInfo {
  const { extensions } = hello;
  return {
    serverName: extensions.serverName,
    alpnProtocols: extensions.alpn ?? [],
    cipherSuites: hello.cipherSuites,
    groups: extensions.supportedGroups ?? [],
    signatureSchemes: extensions.signatureAlgorithms ?? [],
    supportedVersions: offeredVersions(hello),
    raw: message.raw,
  };
}

/** A client that fell back although this server speaks a higher version was tricked (RFC 7507, Section 3). */
function refuseFallback(hello: ClientHello, config: ServerHandshakeConfig): void {
  if (!hello.cipherSuites.includes(fallbackScsv)) return;
  // Versions that do not exist, GREASE among them, are no offer (RFC 8701, Section 3.2).
  if (offeredVersions(hello).some((version) => version >= config.maxVersion && version <= tls13)) return;
  throw new PeerError(
    'ERR_TLS_INAPPROPRIATE_FALLBACK',
    'inappropriateFallback',
    `clientHello: TLS_FALLBACK_SCSV, but this server speaks ${versionName(config.maxVersion)}: somebody may have ` +
      'made the client fall back',
    { rfc: 'RFC 7507, Section 3' },
  );
}
