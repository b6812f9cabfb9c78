/** Exit codes of every command; README and `handfast help exit-codes` show them. */
export const exitCodes = {
  ok: 0,
  /** The command worked and found something wrong: a fault by `inspect`, a bad log by `ca check`, HTTP 400 and up by `get --fail`. */
  findings: 1,
  /** The command line is wrong. */
  usage: 2,
  /** A file, a folder, a key, a passphrase or a configuration is missing, wrong or may not be read; a port is taken. */
  setup: 3,
  /** The other side can't be reached, or ended the connection. */
  network: 4,
  /** The TLS handshake failed, or the certificate was refused. */
  tls: 5,
  /** A fault of handfast itself. */
  internal: 70,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What each code means, for people. */
export const exitCodeMeanings: Readonly<Record<number, string>> = {
  [exitCodes.ok]: 'success',
  [exitCodes.findings]: 'it worked, and what it looked at has faults',
  [exitCodes.usage]: 'the command line is wrong',
  [exitCodes.setup]: 'a file, key, passphrase, port or configuration is missing or wrong',
  [exitCodes.network]: 'the other side could not be reached, or ended the connection',
  [exitCodes.tls]: 'the TLS handshake failed, or a certificate was refused',
  [exitCodes.internal]: 'a fault of handfast itself',
  [exitCodes.interrupted]: 'ended by Ctrl-C',
};
