import { toLatin1 } from '../bytes/bytes.ts';
import { PeerError } from '../errors.ts';

/** Beginnings of HTTP requests, cut to the five bytes of a record header. */
const httpRequests = ['GET ', 'POST ', 'HEAD ', 'PUT ', 'PATCH', 'DELET', 'OPTIO', 'TRACE', 'PRI *'];

/**
 * The error for first bytes that are no TLS record. Port mix-ups are common; each gets a code and a message of its own.
 *
 * @param header the first five bytes of the connection.
 */
export function foreignProtocolError(header: Uint8Array): PeerError {
  const text = toLatin1(header);
  if (httpRequests.some((start) => text.startsWith(start))) {
    return foreign('ERR_TLS_HTTP_REQUEST', 'an HTTP request came in plain text; this port speaks TLS: use https://');
  }
  if (text === 'CONNE') {
    return foreign(
      'ERR_TLS_HTTP_PROXY_REQUEST',
      'an HTTP CONNECT request came in; this port is no proxy, it speaks TLS',
    );
  }
  if (text === 'HTTP/') {
    return foreign(
      'ERR_TLS_HTTP_RESPONSE',
      'the server answered in plain HTTP; this port does not speak TLS: use http://',
    );
  }
  const [b0 = 0, , b2, b3, b4] = header;
  // MSG_CLIENT_HELLO of SSL 2.0, for version 3.x (RFC 5246, Appendix E.2) or 0.2.
  if ((b0 & 0x80) !== 0 && b2 === 1 && (b3 === 3 || (b3 === 0 && b4 === 2))) {
    return foreign('ERR_TLS_SSLV2', 'the client began with an SSL 2.0 ClientHello, which RFC 6176 forbids', 'RFC 6176');
  }
  const shown = /^[\x20-\x7e]{4}/.test(text) ? `; it begins with ${JSON.stringify(text)}` : '';
  return foreign('ERR_TLS_RECORD_VERSION', `the peer does not speak TLS: its first bytes are no record${shown}`);
}

function foreign(code: `ERR_TLS_${string}`, message: string, rfc?: string): PeerError {
  return new PeerError(
    code,
    'protocolVersion',
    message,
    rfc === undefined ? { phase: 'record' } : { phase: 'record', rfc },
  );
}
