import { Reader } from '../bytes/reader.ts';
import { illegalParameter } from '../errors.ts';

/** KeyUpdate (RFC 9846, Section 4.6.3): whether the peer is asked to update its own keys too. */
export function encodeKeyUpdate(updateRequested: boolean): Uint8Array {
  return Uint8Array.of(updateRequested ? 1 : 0);
}

export function decodeKeyUpdate(body: Uint8Array): boolean {
  const reader = new Reader(body, 'keyUpdate');
  const request = reader.u8();
  reader.end();
  if (request > 1) {
    throw illegalParameter(
      'ERR_TLS_KEY_UPDATE_VALUE',
      `keyUpdate: request_update is ${request}, where 0 and 1 are defined`,
      'RFC 9846, Section 4.6.3',
    );
  }
  return request === 1;
}
