/**
 * Why a connection did not resume, in words that are the same in metrics, in traces and in the console. Every
 * miss means a full handshake (or, for {@link EarlyDataRefusal}, a handshake without early data): no alert, no
 * weaker authentication.
 */
export const missReasons = {
  disabled: 'resumption of this kind is switched off here',
  notFound: 'the store holds no such session: it was never stored, has expired there, was evicted, or was used up',
  unknownKey: 'the ticket was sealed under a key that this node does not hold (any more)',
  malformed: 'the ticket or the stored value does not open or does not parse',
  expired: 'the lifetime that counts from the first full authentication is over',
  notYet: 'the session is said to be made minutes from now: clocks differ, or one was set back',
  versionMismatch: 'the session was made under another protocol version',
  cipherMismatch: 'the cipher suite (TLS 1.2) or its hash (TLS 1.3) is not the one of the session',
  modeMismatch: 'the client takes no PSK key exchange mode that this server takes (RFC 9846, Section 4.2.9)',
  emsMismatch: 'the session has no extended master secret, the new handshake has (RFC 7627, Section 5.3)',
  emsMissing: 'the session has an extended master secret, the new handshake has none: it must be aborted (RFC 7627)',
  emsAbsent: 'neither the session nor the new handshake has an extended master secret (RFC 7627, Section 5.3)',
  policyMismatch: 'server name, credential, client authentication or tenant differ from the session',
  clientCertificateExpired: 'the client certificate of the session has expired',
  clientCertificateRevoked: 'the client certificate of the session is no longer accepted',
  pskRevoked: 'the external PSK that the session was made by is no longer known here, or has another key now',
  replay: 'a single-use ticket was used before',
  storeTimeout: 'the store did not answer within the deadline',
  storeError: 'the store answered with an error, or the connection to it failed',
  storeUnavailable: 'the circuit breaker is open: the store was not asked',
} as const;

/** The name of a reason not to resume. */
export type MissReason = keyof typeof missReasons;

/** Why early data was refused although the PSK was (or could be) accepted. */
export const earlyDataRefusals = {
  disabled: 'early data is switched off, or the ticket does not allow it',
  contextMismatch: 'ALPN protocol, cipher suite or server name differ from the session (RFC 9846, Section 4.2.10)',
  stale: 'the age that the client claims is outside the freshness window (RFC 9846, Section 8.3)',
  replay: 'this ticket was used for early data before',
  recordNotShared:
    'other processes have the key of this ticket, and the record of used tickets is of this process alone: a replay ' +
    'to another one would not be seen',
  doubtful:
    'the record of used tickets has not been whole for one freshness window (a start, a failover), its clock is another ' +
    'than ours, or another process has it now',
  storeTimeout: missReasons.storeTimeout,
  storeError: missReasons.storeError,
  storeUnavailable: missReasons.storeUnavailable,
} as const;

/** The name of a reason to refuse early data. */
export type EarlyDataRefusal = keyof typeof earlyDataRefusals;

/** How a connection resumes: by session ID or by ticket (TLS 1.2), by PSK (TLS 1.3). */
export type ResumptionKind = 'sessionId' | 'ticket' | 'psk';
