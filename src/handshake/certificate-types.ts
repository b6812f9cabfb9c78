/** Which kind of certificate each side shows: X.509, or a raw public key (RFC 7250; RFC 9846, Section 4.4.2). */
import { PeerError } from '../errors.ts';
import { isAnonymous, type SessionState } from '../session/state.ts';
import { type CertificateType, certificateTypes } from '../wire/certificate-type.ts';
import type { ClientHello } from '../wire/client-hello.ts';
import type { ClientHandshakeConfig, Credential, ServerHandshakeConfig } from './config.ts';

/** What holds where nothing is said. */
export const onlyX509: readonly CertificateType[] = ['x509'];

export function certificateTypeOf({ rawPublicKey }: Credential): CertificateType {
  return rawPublicKey === undefined ? 'x509' : 'rawPublicKey';
}

/** Types as a ClientHello lists them; `undefined` where the extension is left out: X.509 alone goes without saying. */
export function offeredTypes(types: readonly CertificateType[]): Uint8Array | undefined {
  if (types.every((type) => type === 'x509')) return undefined;
  return Uint8Array.from(types, (type) => certificateTypes[type]);
}

/** What a client can show: as configured, else what its credentials are, in their order. */
export function ownClientTypes({
  clientCertificateTypes,
  credentials,
}: ClientHandshakeConfig): readonly CertificateType[] {
  if (clientCertificateTypes !== undefined) return clientCertificateTypes;
  return credentials.length === 0 ? onlyX509 : [...new Set(credentials.map(certificateTypeOf))];
}

/** Client: the type of the certificate that the server will show. */
export function serverTypeOf(config: ClientHandshakeConfig, answer: number | undefined): CertificateType {
  const type = typeOf(answer);
  if (type !== undefined && config.serverCertificateTypes.includes(type)) return type;
  throw unsupported(
    answer === undefined
      ? 'the server will show an X.509 certificate, and this client takes raw public keys only'
      : `the server chose certificate type ${answer} for itself, which this client does not take`,
  );
}

/** Client: the type of the certificate that it is to show, should the server ask for one. */
export function clientTypeOf({ extensions }: ClientHello, answer: number | undefined): CertificateType {
  if (answer === undefined) return 'x509';
  const type = typeOf(answer);
  if (type !== undefined && extensions.clientCertificateType?.includes(answer)) return type;
  throw unsupported(`the server asks for a client certificate of type ${answer}, which this client did not offer`);
}

/** Client: whether the server may still show what it showed when the session was made. */
export function takesSession({ serverCertificateTypes }: ClientHandshakeConfig, state: SessionState): boolean {
  return (
    isAnonymous(state) ||
    state.psk !== undefined ||
    serverCertificateTypes.includes(state.peerRawPublicKey ? 'rawPublicKey' : 'x509')
  );
}

/** Server: the types that the client takes from it. */
export function typesForServer({ extensions }: ClientHello): readonly CertificateType[] {
  const list = extensions.serverCertificateType;
  if (list === undefined) return onlyX509;
  return [...list].map(typeOf).filter((type) => type !== undefined);
}

/**
 * Server: the type of client certificate that it asks for, its own first of those that the client has.
 *
 * @param asks whether it asks in this handshake: then a client without a common type is refused. Else it may ask later,
 *   where the client offers that (RFC 9846, Section 4.6.2).
 */
export function typeForClient(
  { clientCertificateTypes }: ServerHandshakeConfig,
  { extensions }: ClientHello,
  asks: boolean,
): CertificateType | undefined {
  const offered = extensions.clientCertificateType;
  for (const type of clientCertificateTypes) {
    if (offered === undefined ? type === 'x509' : offered.includes(certificateTypes[type])) return type;
  }
  if (!asks) return undefined;
  throw unsupported('the client has no certificate of a type that this server takes');
}

/** Server: what it answers in client_certificate_type: nothing where the client did not speak of it, or is not asked. */
export function answeredClientType(
  { extensions }: ClientHello,
  type: CertificateType | undefined,
  asks: boolean,
): number | undefined {
  if (type === undefined || extensions.clientCertificateType === undefined) return undefined;
  return asks || extensions.postHandshakeAuth === true ? certificateTypes[type] : undefined;
}

/** Server: what it answers in server_certificate_type, where the client spoke of it and a certificate is or was shown. */
export function answeredServerType({ extensions }: ClientHello, type: CertificateType | undefined): number | undefined {
  return type === undefined || extensions.serverCertificateType === undefined ? undefined : certificateTypes[type];
}

/** Server: what it showed when the session was made. */
export function sessionTypeOf(state: SessionState | undefined): CertificateType | undefined {
  if (state?.psk !== undefined) return undefined;
  return state && (state.ownRawPublicKey ? 'rawPublicKey' : 'x509');
}

/** Server: whether the client still takes what this server showed when the session was made. */
export function clientTakesSession(hello: ClientHello, state: SessionState): boolean {
  return state.psk !== undefined || typesForServer(hello).includes(state.ownRawPublicKey ? 'rawPublicKey' : 'x509');
}

/** Server: no credential is of a type that the client takes. Where there are none at all, that is another refusal. */
export function refuseTypes(hello: ClientHello, credentials: readonly Credential[]): void {
  if (credentials.length === 0) return;
  const types = typesForServer(hello);
  if (credentials.some((credential) => types.includes(certificateTypeOf(credential)))) return;
  throw unsupported('this server has no certificate of a type that the client takes');
}

function typeOf(code: number | undefined): CertificateType | undefined {
  if (code === undefined || code === certificateTypes.x509) return 'x509';
  return code === certificateTypes.rawPublicKey ? 'rawPublicKey' : undefined;
}

/** "… terminates the session with a fatal alert of type "unsupported_certificate"" (RFC 7250, Section 4.2). */
function unsupported(message: string): PeerError {
  return new PeerError('ERR_TLS_CERTIFICATE_TYPE', 'unsupportedCertificate', message, {
    rfc: 'RFC 7250, Section 4.2',
  });
}
