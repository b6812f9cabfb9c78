/**
 * Errors as Node's own modules throw them: the codes, names and messages that existing programs test for. The error
 * of the stack, with the alert and the rule, is their `cause`.
 */
import { constants as osConstants } from 'node:os';
import { inspect } from 'node:util';
import { AlertReceivedError, EchRejectedError, TlsError } from '../../errors.ts';

/** An error with one of Node's codes. */
export interface CodedError extends Error {
  code: string;
}

type ErrorClass = new (message: string, options?: ErrorOptions) => Error;

/** Makes an error with a code, in Node's form: `TypeError [CODE]: message` in its stack. */
export function nodeError(code: string, message: string, Base: ErrorClass = Error, cause?: unknown): CodedError {
  const error = new Base(message, cause === undefined ? undefined : { cause }) as CodedError;
  const { name } = error;
  // As Node does: the stack is made while the name holds the code, the name itself stays.
  Object.defineProperty(error, 'name', {
    value: `${name} [${code}]`,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  Error.captureStackTrace(error, nodeError);
  void error.stack;
  delete (error as { name?: string }).name;
  error.code = code;
  return error;
}

function received(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === 'function') return ` Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = value.constructor?.name;
    return name ? ` Received an instance of ${name}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  let shown = inspect(value, { colors: false });
  if (shown.length > 28) shown = `${shown.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${shown})`;
}

function listed(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')}, or ${words.at(-1)}`;
}

const primitives = new Set([
  'string',
  'function',
  'number',
  'object',
  'boolean',
  'bigint',
  'symbol',
  'Function',
  'Object',
]);

/** `ERR_INVALID_ARG_TYPE` with Node's words. */
export function invalidArgType(name: string, expected: string | readonly string[], value: unknown): CodedError {
  const wanted = typeof expected === 'string' ? [expected] : expected;
  const types = wanted.filter((word) => primitives.has(word)).map((word) => word.toLowerCase());
  const instances = wanted.filter((word) => /^[A-Z]/.test(word) && !primitives.has(word));
  const other = wanted.filter((word) => !primitives.has(word) && !/^[A-Z]/.test(word));
  // Beside classes, an object is named like one.
  const object = types.indexOf('object');
  if (object >= 0 && instances.length > 0) {
    types.splice(object, 1);
    instances.push('Object');
  }
  const parts: string[] = [];
  if (types.length > 0) parts.push(`${types.length > 1 ? 'one of type' : 'of type'} ${listed(types)}`);
  if (instances.length > 0) parts.push(`an instance of ${listed(instances)}`);
  if (other.length > 0) parts.push(other.length > 1 ? `one of ${listed(other)}` : other[0]!);
  const what = name.endsWith(' argument') ? name : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`;
  return nodeError('ERR_INVALID_ARG_TYPE', `The ${what} must be ${parts.join(' or ')}.${received(value)}`, TypeError);
}

/** `ERR_INVALID_ARG_VALUE` with Node's words. */
export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): CodedError {
  let shown = inspect(value);
  if (shown.length > 128) shown = `${shown.slice(0, 128)}...`;
  const type = name.includes('.') ? 'property' : 'argument';
  return nodeError('ERR_INVALID_ARG_VALUE', `The ${type} '${name}' ${reason}. Received ${shown}`, TypeError);
}

/** `ERR_OUT_OF_RANGE` with Node's words. */
export function outOfRange(name: string, range: string, value: unknown): CodedError {
  return nodeError(
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`,
    RangeError,
  );
}

export function validateString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value);
}

export function validateFunction(value: unknown, name: string): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw invalidArgType(name, 'Function', value);
}

export function validateBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'boolean', value);
}

export function validateObject(value: unknown, name: string): asserts value is object {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidArgType(name, 'Object', value);
}

export function validateBuffer(value: unknown, name = 'buffer'): asserts value is NodeJS.ArrayBufferView {
  if (!ArrayBuffer.isView(value)) throw invalidArgType(name, ['Buffer', 'TypedArray', 'DataView'], value);
}

export function validateNumber(value: unknown, name: string, min?: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  if (min !== undefined && !(value >= min)) throw outOfRange(name, `>= ${min}`, value);
}

/** A whole number in a range; Node's messages for what is not. */
export function validateInteger(value: unknown, name: string, min: number, max: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

/** The option exists in Node, and Handfast cannot honour it: said at once, never ignored. */
export function unsupportedOption(name: string, advice: string): CodedError {
  return nodeError(
    'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    `Handfast does not support the option ${name}: ${advice}`,
    TypeError,
  );
}

/** `ECONNRESET` for a connection that ended before its handshake. */
export function connectionReset(message: string, cause?: unknown): CodedError {
  return nodeError('ECONNRESET', message, Error, cause);
}

/** OpenSSL 3.2 has another word for what came with SSL 3.0; programs look for the codes of the Node that they run on. */
const old = openssl32() ? 'ssl/tls' : 'sslv3';

function openssl32(): boolean {
  const [major = 0, minor = 0] = (process.versions.openssl ?? '').split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 2);
}

/** What OpenSSL calls the alerts that a peer sent; Node makes its codes from these words. */
const alertReasons: Readonly<Record<number, string>> = {
  10: `${old} alert unexpected message`,
  20: `${old} alert bad record mac`,
  21: 'tlsv1 alert decryption failed',
  22: 'tlsv1 alert record overflow',
  30: `${old} alert decompression failure`,
  40: `${old} alert handshake failure`,
  41: `${old} alert no certificate`,
  42: `${old} alert bad certificate`,
  43: `${old} alert unsupported certificate`,
  44: `${old} alert certificate revoked`,
  45: `${old} alert certificate expired`,
  46: `${old} alert certificate unknown`,
  47: `${old} alert illegal parameter`,
  48: 'tlsv1 alert unknown ca',
  49: 'tlsv1 alert access denied',
  50: 'tlsv1 alert decode error',
  51: 'tlsv1 alert decrypt error',
  60: 'tlsv1 alert export restriction',
  70: 'tlsv1 alert protocol version',
  71: 'tlsv1 alert insufficient security',
  80: 'tlsv1 alert internal error',
  86: 'tlsv1 alert inappropriate fallback',
  90: 'tlsv1 alert user cancelled',
  100: 'tlsv1 alert no renegotiation',
  109: 'tlsv13 alert missing extension',
  110: 'tlsv1 unsupported extension',
  112: 'tlsv1 unrecognized name',
  113: 'tlsv1 bad certificate status response',
  115: 'tlsv1 alert unknown psk identity',
  116: 'tlsv13 alert certificate required',
  120: 'tlsv1 alert no application protocol',
  121: 'tlsv13 alert ech required',
};

/** OpenSSL's words for what this stack found wrong itself, as node:tls makes its codes of them. */
const ownReasons: Readonly<Record<string, string>> = {
  ERR_TLS_NO_SHARED_CIPHER: 'no shared cipher',
  ERR_TLS_NO_COMMON_CIPHER_SUITE: 'no shared cipher',
  ERR_TLS_CIPHER_SUITE: 'no shared cipher',
  ERR_TLS_NO_CIPHER_SUITE: 'no shared cipher',
  ERR_TLS_NO_CREDENTIAL: 'no suitable signature algorithm',
  ERR_TLS_NO_SHARED_GROUP: 'no suitable key share',
  ERR_TLS_VERSION: 'unsupported protocol',
  ERR_TLS_PROTOCOL_VERSION: 'unsupported protocol',
  ERR_TLS_VERSION_UNSUPPORTED: 'unsupported protocol',
  ERR_TLS_RECORD_TYPE: 'wrong version number',
  ERR_TLS_RECORD_VERSION: 'wrong version number',
  ERR_TLS_NOT_TLS: 'wrong version number',
  // Whoever connects to a port without TLS looks for this one.
  ERR_TLS_HTTP_RESPONSE: 'wrong version number',
  ERR_TLS_HTTP_PROXY_REQUEST: 'https proxy request',
  ERR_TLS_SSLV2: 'unknown protocol',
  ERR_TLS_DECODE: 'length mismatch',
  ERR_TLS_RECORD_OVERFLOW: 'packet length too long',
  ERR_TLS_NO_CIPHERS: 'no ciphers available',
  ERR_TLS_BAD_RECORD_MAC: 'decryption failed or bad record mac',
  ERR_TLS_CLIENT_CERTIFICATE_REQUIRED: 'peer did not return a certificate',
  ERR_TLS_CERTIFICATE_REQUIRED: 'peer did not return a certificate',
  ERR_TLS_NO_COMMON_SIGNATURE_SCHEME: 'no shared signature algorithms',
  ERR_TLS_NO_SIGNATURE_SCHEME: 'no shared signature algorithms',
  ERR_TLS_SIGNATURE_SCHEME: 'no shared signature algorithms',
  ERR_TLS_SNI_CONTEXT: openssl32() ? 'no suitable signature algorithm' : 'passed a null parameter',
  ERR_TLS_UNEXPECTED_MESSAGE: 'unexpected message',
  ERR_TLS_UNEXPECTED_RECORD: 'unexpected message',
  ERR_TLS_HANDSHAKE_TOO_LARGE: 'excessive message size',
  ERR_TLS_CERTIFICATE_COMPRESSION_TOO_LARGE: 'excessive message size',
  ERR_TLS_TRUNCATED: 'unexpected eof while reading',
  ERR_TLS_PSK_BINDER: 'binder does not verify',
  ERR_TLS_PSK_UNKNOWN_IDENTITY: 'psk identity not found',
  ERR_TLS_PSK_NOT_FOUND: 'psk identity not found',
  ERR_TLS_PSK_IDENTITY: 'data length too long',
  ERR_TLS_PSK_IDENTITY_HINT: 'data length too long',
  ERR_TLS_NO_SECURE_RENEGOTIATION: 'unsafe legacy renegotiation disabled',
  ERR_TLS_ECH_REJECTED: 'ech required',
};

/** OpenSSL's numbers of its reasons; programs take them out of messages. Those of alerts are 1000 and the alert. */
const reasonNumbers: Readonly<Record<string, number>> = {
  'no suitable key share': 101,
  'bad extension': 110,
  'no suitable signature algorithm': 118,
  'bad signature': 123,
  'digest check failed': 149,
  'excessive message size': 152,
  'https proxy request': 155,
  'http request': 156,
  'length mismatch': 159,
  'no ciphers available': 181,
  'no protocols available': 191,
  'no shared cipher': 193,
  'packet length too long': 198,
  'peer did not return a certificate': 199,
  'unsolicited extension': 217,
  'no application protocol': 235,
  'unexpected message': 244,
  'unknown protocol': 252,
  'binder does not verify': 253,
  'unsupported protocol': 258,
  'wrong version number': 267,
  'decryption failed or bad record mac': 281,
  'unexpected eof while reading': 294,
  'unsafe legacy renegotiation disabled': 338,
  'inappropriate fallback': 373,
  'no shared signature algorithms': 376,
  'ee key too small': 399,
};

/** `0A00010B` of `error:0A00010B:SSL routines::wrong version number`, where the reason has a number. */
function packed(reason: string, alertCode: number | undefined): string {
  const number = alertCode === undefined ? reasonNumbers[reason] : 1000 + alertCode;
  return number === undefined ? '' : `${(0x0a000000 + number).toString(16).padStart(8, '0').toUpperCase()}:`;
}

/** An error in the form of those that node:tls takes from OpenSSL. */
export interface OpensslError extends CodedError {
  library: string;
  reason: string;
}

/** OpenSSL's words for an error of the stack, e.g. `no shared cipher`. */
function opensslReason(error: TlsError): string {
  if (error instanceof AlertReceivedError) return alertReasons[error.alertCode] ?? `unknown alert ${error.alertCode}`;
  return ownReasons[error.code] ?? error.code.slice('ERR_TLS_'.length).toLowerCase().replaceAll('_', ' ');
}

/** Whether what ended the handshake was thrown, or given to a callback, by the program itself. */
export function refusedByProgram({ alert, cause }: TlsError): boolean {
  return alert === 'internalError' && cause instanceof Error && !(cause instanceof TlsError);
}

/** An error of the stack as node:tls would have shown it: `ERR_SSL_…`, with the stack's own error as `cause`. */
export function toNodeError(error: unknown): Error {
  if (!(error instanceof TlsError)) return error instanceof Error ? error : new Error(String(error), { cause: error });
  // What the program's own callbacks threw is shown as it was thrown.
  if (refusedByProgram(error)) return error.cause as Error;
  const shown = opensslError(opensslReason(error), error.message, error);
  if (!(error instanceof EchRejectedError)) return shown;
  const { retryConfigs } = error;
  return Object.assign(shown, { echRetryConfigs: retryConfigs && Buffer.from(retryConfigs) });
}

/** What Node makes of a failed handshake for whoever has written before it was done: the write has failed. */
export function writeFailed(failure: Error): Error {
  const error = nodeError('EPROTO', `write EPROTO ${failure.message}`, Error, failure.cause);
  return Object.assign(error, { errno: -osConstants.errno.EPROTO, code: 'EPROTO', syscall: 'write' });
}

/** What a write hears that waited for a connection which was never made. */
export function closedBeforeConnection(): Error {
  return nodeError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'Socket closed before the connection was established');
}

/** An error with OpenSSL's reason: its code, its number, its library, and what happened in words. */
export function opensslError(reason: string, detail: string, cause?: unknown): OpensslError {
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
  const alertCode = cause instanceof AlertReceivedError ? cause.alertCode : undefined;
  // OpenSSL's own way to name an alert, which programs look for.
  const alert = alertCode === undefined ? '' : `SSL alert number ${alertCode}: `;
  const message = `error:${packed(reason, alertCode)}SSL routines::${reason}: ${alert}${detail}`;
  const error = nodeError(code, message, Error, cause) as OpensslError;
  error.library = 'SSL routines';
  error.reason = reason;
  return error;
}
