import { fromText, noBytes } from '../bytes/bytes.ts';
import { check, bytes as isBytes, object, text, whole } from '../bytes/check.ts';
import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { cryptography } from './check-options.ts';
import { canonicalName } from './policy.ts';
import { decodeSessionState, encodeSessionState, type SessionState, sessionEnd } from './state.ts';

/** What a client keeps to resume: the session, and what names it to the server. */
export interface ClientSession {
  /**
   * As on the server, seen from here: `peerCertificates` is the server's chain, `peerNotAfter` its end,
   * `policyDigest` comes from {@link clientPolicyDigest}, `createdAt` is when this client last verified the chain,
   * `issuedAt` when the ticket came.
   */
  readonly state: SessionState;
  /** TLS 1.2 ticket or TLS 1.3 PSK identity; empty where the server keeps the session by its ID. */
  readonly ticket: Uint8Array;
  /** TLS 1.2 session ID of at most 32 bytes; empty for none. */
  readonly sessionId: Uint8Array;
  /** Seconds from `issuedAt` for which the server said it would open the ticket; 0 in TLS 1.2 says nothing. */
  readonly lifetimeHint: number;
  /** Whether the connection hid its name by Encrypted Client Hello: then it is offered in such a connection only. */
  readonly hidden?: boolean | undefined;
  /**
   * What the server stapled in the full handshake (RFC 6066, Section 8; RFC 6962, Section 3.3), as long as the
   * session stays in memory: not part of its encoding.
   */
  readonly ocspResponse?: Uint8Array | undefined;
  readonly scts?: readonly Uint8Array[] | undefined;
}

/** What a client's session may be used for again. Any difference means another session. */
export interface ClientSessionPolicy {
  /** Where it connects to, as it was asked to: host name or address. */
  readonly host: string;
  readonly port: number;
  /** What it says in SNI and verifies the certificate against. */
  readonly serverName?: string | undefined;
  readonly alpnProtocols?: readonly string[] | undefined;
  /** A digest of the trust anchors and of the rules of verification, `none` where nothing is verified. */
  readonly trust: Uint8Array | 'none';
  /** A digest of the certificate that the client shows, if it has one. */
  readonly clientCertificate?: Uint8Array | undefined;
  /** Keeps contexts apart that must not be linked, e.g. the top-level site or the account (RFC 9846, Appendix C.4). */
  readonly partition?: string | undefined;
}

const port = whole(0, 0xffff);

/** SHA-256 over a canonical encoding of the policy: 32 bytes; the key of the client's session cache. */
export function clientPolicyDigest(crypto: CryptoProvider, policy: ClientSessionPolicy): Uint8Array {
  check(cryptography, crypto, 'clientPolicyDigest: crypto');
  check(object, policy, 'clientPolicyDigest: policy');
  check(text, policy.host, 'clientPolicyDigest: policy.host');
  check(port, policy.port, 'clientPolicyDigest: policy.port');
  if (policy.trust !== 'none') check(isBytes, policy.trust, 'clientPolicyDigest: policy.trust');
  const writer = new Writer(256).bytes(fromText('handfast client policy 1\0'));
  writer.vector16(fromText(canonicalName(policy.host))).u16(policy.port);
  optional(writer, policy.serverName === undefined ? undefined : fromText(canonicalName(policy.serverName)));
  const mark = writer.open(2);
  for (const protocol of policy.alpnProtocols ?? []) writer.vector8(fromText(protocol));
  writer.close(mark, 2);
  optional(writer, policy.trust === 'none' ? undefined : policy.trust);
  optional(writer, policy.clientCertificate);
  optional(writer, policy.partition === undefined ? undefined : fromText(policy.partition));
  return crypto.hash('sha256', writer.finish());
}

/** When a client must stop offering the session, in milliseconds since the epoch. */
export function clientSessionEnd(session: ClientSession): number {
  check(object, session, 'clientSessionEnd: session');
  const end = sessionEnd(session.state);
  if (session.state.version === 0x0303 && session.lifetimeHint === 0) return end;
  return Math.min(end, session.state.issuedAt + 1000 * session.lifetimeHint);
}

const format = 1;
const formatHidden = 2;

/**
 * The session as bytes, secrets in clear: seal them (`createSealingKey`) before they touch a disk.
 * `undefined` where the session is too large.
 */
export function encodeClientSession(session: ClientSession): Uint8Array | undefined {
  check(object, session, 'encodeClientSession: session');
  const state = encodeSessionState(session.state);
  if (state === undefined || session.ticket.length > 0xffff || session.sessionId.length > 32) return undefined;
  return new Writer(state.length + session.ticket.length + 48)
    .u8(session.hidden ? formatHidden : format)
    .vector16(session.ticket)
    .vector8(session.sessionId)
    .u32(session.lifetimeHint)
    .vector16(state)
    .finish();
}

/** The session that {@link encodeClientSession} wrote; `undefined` for anything else. Never throws. */
export function decodeClientSession(bytes: Uint8Array): ClientSession | undefined {
  check(isBytes, bytes, 'decodeClientSession: bytes');
  if (bytes[0] !== format && bytes[0] !== formatHidden) return undefined;
  const hidden = bytes[0] === formatHidden;
  try {
    const reader = new Reader(bytes, 'client session', 1);
    const ticket = reader.vector16().slice();
    const sessionId = reader.vector8(0, 32).slice();
    const lifetimeHint = reader.u32();
    const state = decodeSessionState(reader.vector16());
    reader.end();
    if (state === undefined) return undefined;
    return hidden ? { state, ticket, sessionId, lifetimeHint, hidden } : { state, ticket, sessionId, lifetimeHint };
  } catch {
    return undefined;
  }
}

function optional(writer: Writer, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) writer.u8(0).vector16(noBytes);
  else writer.u8(1).vector16(bytes);
}
