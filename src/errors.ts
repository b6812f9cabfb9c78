/**
 * The one error type of the stack, and the table of TLS alerts.
 *
 * Code anywhere below the engine throws a {@link TlsError} that carries the alert it calls for; only the engine
 * turns that alert into bytes (RFC 9846, Section 6).
 */

/** Alert descriptions (RFC 9846, Section 6; RFC 5246, Section 7.2), by the RFC's name in camelCase. */
export const alertCodes = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  /** TLS 1.2 only; nothing here sends it by itself. */
  decompressionFailure: 30,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateRevoked: 44,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  accessDenied: 49,
  decodeError: 50,
  decryptError: 51,
  tooManyCidsRequested: 52,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
  inappropriateFallback: 86,
  userCanceled: 90,
  noRenegotiation: 100,
  missingExtension: 109,
  unsupportedExtension: 110,
  unrecognizedName: 112,
  badCertificateStatusResponse: 113,
  unknownPskIdentity: 115,
  certificateRequired: 116,
  generalError: 117,
  noApplicationProtocol: 120,
  echRequired: 121,
} as const;

/** The name of an alert, as the RFC spells it, in camelCase. */
export type AlertName = keyof typeof alertCodes;

const alertNames = new Map<number, AlertName>(
  Object.entries(alertCodes).map(([name, code]) => [code, name as AlertName]),
);

/** The name of an alert code, or `undefined` for a code that no RFC assigns. */
export function alertName(code: number): AlertName | undefined {
  return alertNames.get(code);
}

/** Error codes are stable and greppable: `ERR_TLS_` and what went wrong. */
export type ErrorCode = `ERR_TLS_${string}`;

export interface TlsErrorDetails {
  /** Where in the connection's life it happened, e.g. `clientHello`, `record`, `certificate`. */
  phase?: string;
  /** The rule that was broken, e.g. `RFC 9846, Section 4.2.11`. */
  rfc?: string;
  cause?: unknown;
}

/** Something failed on a TLS connection; `alert` is what the peer is told. */
export class TlsError extends Error {
  override name = 'TlsError';
  readonly code: ErrorCode;
  readonly alert: AlertName;
  readonly rfc: string | undefined;
  phase: string | undefined;

  constructor(code: ErrorCode, alert: AlertName, message: string, details: TlsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.alert = alert;
    this.rfc = details.rfc;
    this.phase = details.phase;
  }
}

/** The peer broke the protocol. */
export class PeerError extends TlsError {
  override name = 'PeerError';
}

/** A certificate (or its chain, or its revocation state) was refused. */
export class CertificateError extends TlsError {
  override name = 'CertificateError';
}

/** The program asked for something that cannot be: thrown before any byte is sent. */
export class ConfigError extends TlsError {
  override name = 'ConfigError';
  constructor(message: string, details: TlsErrorDetails & { code?: ErrorCode } = {}) {
    super(details.code ?? 'ERR_TLS_CONFIG', 'internalError', message, details);
  }
}

/** The peer sent a fatal alert. `alert` is the alert that was received; nothing is sent back. */
export class AlertReceivedError extends TlsError {
  override name = 'AlertReceivedError';
  readonly alertCode: number;
  constructor(alertCode: number, phase?: string) {
    const name = alertName(alertCode);
    super(
      'ERR_TLS_ALERT_RECEIVED',
      name ?? 'internalError',
      `the peer ended the connection with the alert ${name ?? 'number'} (${alertCode})`,
      phase === undefined ? {} : { phase },
    );
    this.alertCode = alertCode;
  }
}

/**
 * The server could not decrypt the ClientHello (RFC 9849, Section 6.1.6), and proved to be the public name. Nothing was
 * said to it but that: connect again with `retryConfigs`, or without Encrypted Client Hello where there are none.
 */
export class EchRejectedError extends TlsError {
  override name = 'EchRejectedError';
  /** The name that the server proved. */
  readonly publicName: string;
  /**
   * An ECHConfigList to use in its stead; absent where the server has switched Encrypted Client Hello off, or names no
   * config of a version that is known here.
   */
  readonly retryConfigs: Uint8Array | undefined;
  constructor(publicName: string, retryConfigs: Uint8Array | undefined) {
    super(
      'ERR_TLS_ECH_REJECTED',
      'echRequired',
      `the server ${publicName} cannot decrypt the clientHello; ` +
        (retryConfigs === undefined ? 'it has no Encrypted Client Hello any more' : 'it names newer keys: try them'),
      { phase: 'handshake', rfc: 'RFC 9849, Section 6.1.6' },
    );
    this.publicName = publicName;
    this.retryConfigs = retryConfigs;
  }
}

/** A message or structure that does not parse: alert `decode_error`. */
export function decodeError(message: string, rfc?: string): PeerError {
  return new PeerError('ERR_TLS_DECODE', 'decodeError', message, rfc === undefined ? {} : { rfc });
}

/** A field that parses but may not have this value: alert `illegal_parameter`. */
export function illegalParameter(code: ErrorCode, message: string, rfc?: string): PeerError {
  return new PeerError(code, 'illegalParameter', message, rfc === undefined ? {} : { rfc });
}
