/** Sessions as the opaque buffers that `getSession()`, `setSession()` and the `session` event exchange. */
import { type ClientSession, decodeClientSession, encodeClientSession } from '../../session/index.ts';

/** The buffer of a session; `undefined` for one that is too large to keep. */
export function encodeSession(session: ClientSession): Buffer | undefined {
  const bytes = encodeClientSession(session);
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The session of a buffer; `undefined` for one that is none of ours: then the handshake is a full one. */
export function decodeSession(bytes: Uint8Array): ClientSession | undefined {
  // A copy, and no Buffer: the engine zeroizes its secrets.
  return decodeClientSession(new Uint8Array(bytes));
}
