/** Which protocol versions the options allow: `minVersion`, `maxVersion`, `secureProtocol`, `secureOptions`. */
import { constants } from 'node:crypto';
import { nodeError, validateInteger } from '../base/node-errors.ts';
import type { ContextState } from './secure-context.ts';
import { settings } from './settings.ts';

export interface VersionOptions {
  readonly secureProtocol?: string | undefined;
  readonly secureOptions?: number | undefined;
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
}

const codes: Readonly<Record<string, number>> = {
  TLSv1: 0x0301,
  'TLSv1.1': 0x0302,
  'TLSv1.2': 0x0303,
  'TLSv1.3': 0x0304,
};

function code(which: 'minimum' | 'maximum', value: string | null | undefined, otherwise: string): number {
  const found = codes[value ?? otherwise];
  if (found === undefined) {
    throw nodeError(
      'ERR_TLS_INVALID_PROTOCOL_VERSION',
      `${JSON.stringify(value ?? otherwise)} is not a valid ${which} TLS protocol version`,
      TypeError,
    );
  }
  return found;
}

/** Sets the versions of a context; throws Node's errors for what is no version, and a clear one for what isn't spoken. */
export function readVersions(context: ContextState, options: VersionOptions): void {
  const { secureProtocol, minVersion, maxVersion } = options;
  if (secureProtocol) {
    for (const version of [minVersion, maxVersion]) {
      if (version === undefined || version === null) continue;
      const words = `TLS protocol version ${JSON.stringify(version)} conflicts with secureProtocol ${JSON.stringify(secureProtocol)}`;
      throw nodeError('ERR_TLS_PROTOCOL_VERSION_CONFLICT', words, TypeError);
    }
  }
  let min = code('minimum', minVersion, settings.exports.DEFAULT_MIN_VERSION);
  let max = code('maximum', maxVersion, settings.exports.DEFAULT_MAX_VERSION);
  if (secureProtocol !== undefined && secureProtocol !== null) [min, max] = methodRange(secureProtocol, min, max);
  const off = readSecureOptions(context, options.secureOptions);
  if (off.has(0x0304)) max = Math.min(max, 0x0303);
  if (off.has(0x0303)) min = Math.max(min, 0x0304);
  // Such a context can be made, as in Node; a connection with it says why it can't be.
  if (max < 0x0303) context.tooOld = true;
  context.minVersion = min <= 0x0303 ? 0x0303 : 0x0304;
  context.maxVersion = max === 0x0303 ? 0x0303 : 0x0304;
  // As in Node, a range that is empty is found out by the first handshake.
}

function methodRange(method: string, min: number, max: number): [number, number] {
  const invalid = (words: string) => nodeError('ERR_TLS_INVALID_PROTOCOL_METHOD', words, TypeError);
  if (typeof method !== 'string') return [min, max];
  const name = method.replace(/_(?:server|client)_method$/, '_method');
  if (name === 'TLS_method') return [min, max];
  if (name === 'SSLv23_method') return [min, Math.min(max, 0x0303)];
  if (name === 'TLSv1_2_method') return [0x0303, 0x0303];
  if (name === 'TLSv1_1_method') return [0x0302, 0x0302];
  if (name === 'TLSv1_method') return [0x0301, 0x0301];
  if (name === 'SSLv2_method' || name === 'SSLv3_method') throw invalid(`${name.slice(0, 5)} methods disabled`);
  throw invalid(`Unknown method: ${method}`);
}

/** Bits that change nothing here: what they switch off this stack does not have, or they only relax what it never checks. */
const harmless =
  constants.SSL_OP_ALL |
  constants.SSL_OP_NO_SSLv2 |
  constants.SSL_OP_NO_SSLv3 |
  constants.SSL_OP_NO_TLSv1 |
  constants.SSL_OP_NO_TLSv1_1 |
  constants.SSL_OP_NO_COMPRESSION |
  constants.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION |
  constants.SSL_OP_CISCO_ANYCONNECT |
  constants.SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS |
  constants.SSL_OP_TLS_ROLLBACK_BUG |
  constants.SSL_OP_NO_QUERY_MTU |
  constants.SSL_OP_COOKIE_EXCHANGE |
  (constants.SSL_OP_NO_RENEGOTIATION ?? 0) |
  (constants.SSL_OP_PRIORITIZE_CHACHA ?? 0) |
  (constants.SSL_OP_NO_ENCRYPT_THEN_MAC ?? 0) |
  (constants.SSL_OP_ALLOW_NO_DHE_KEX ?? 0) |
  (constants.SSL_OP_CRYPTOPRO_TLSEXT_BUG ?? 0) |
  0x0010_0000 | // SSL_OP_SINGLE_DH_USE: keys are always fresh
  0x0008_0000; // SSL_OP_SINGLE_ECDH_USE

function readSecureOptions(context: ContextState, secureOptions: number | undefined): Set<number> {
  const off = new Set<number>();
  if (!secureOptions) return off;
  validateInteger(secureOptions, 'secureOptions', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const bit = (value: number | undefined) => value !== undefined && value !== 0 && (secureOptions & value) === value;
  if (bit(constants.SSL_OP_NO_TLSv1_2)) off.add(0x0303);
  if (bit(constants.SSL_OP_NO_TLSv1_3)) off.add(0x0304);
  if (bit(constants.SSL_OP_NO_TICKET)) context.noTickets = true;
  // As in OpenSSL, a client that would renegotiate with such a server also connects to it. Nobody renegotiates here.
  if (bit(constants.SSL_OP_LEGACY_SERVER_CONNECT) || bit(constants.SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION))
    context.legacyServers = true;
  if (bit(constants.SSL_OP_CIPHER_SERVER_PREFERENCE)) context.preferServerOrder = true;
  const known =
    harmless |
    constants.SSL_OP_NO_TLSv1_2 |
    (constants.SSL_OP_NO_TLSv1_3 ?? 0) |
    constants.SSL_OP_NO_TICKET |
    constants.SSL_OP_LEGACY_SERVER_CONNECT |
    constants.SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
    constants.SSL_OP_CIPHER_SERVER_PREFERENCE;
  const unknown = secureOptions & ~known;
  if (unknown !== 0) {
    throw nodeError(
      'ERR_TLS_CONFIG',
      `secureOptions: the bit(s) 0x${(unknown >>> 0).toString(16)} ask for what Handfast does not do; leave them out`,
      TypeError,
    );
  }
  return off;
}
