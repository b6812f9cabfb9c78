import type { ConnectionInfo } from '../../index.ts';
import type { Operations } from './counted-crypto.ts';

/** The ways to begin a connection that are compared. */
export const modes = [
  { id: 'full12', title: 'TLS 1.2 full', version: 0x0303, resumes: 'none' },
  { id: 'sessionId', title: 'TLS 1.2 session ID', version: 0x0303, resumes: 'sessionId' },
  { id: 'ticket', title: 'TLS 1.2 session ticket', version: 0x0303, resumes: 'ticket' },
  { id: 'full13', title: 'TLS 1.3 full', version: 0x0304, resumes: 'none' },
  { id: 'psk', title: 'TLS 1.3 PSK', version: 0x0304, resumes: 'psk' },
  { id: 'earlyData', title: 'TLS 1.3 PSK + 0-RTT', version: 0x0304, resumes: 'psk' },
] as const;

export type Mode = (typeof modes)[number];

/** What was measured of one way. Times in milliseconds, sizes in bytes; `undefined`: it can't be seen from here. */
export interface Measured {
  readonly mode: Mode;
  /** Round trips of the handshake before the request can go out. */
  readonly roundTrips: number;
  readonly sent: number;
  readonly received: number;
  readonly client: Operations;
  readonly server: Operations | undefined;
  readonly clientCpu: number | undefined;
  readonly serverCpu: number | undefined;
  /** What the server, and what the client, keeps for the next connection. */
  readonly serverKeeps: number | undefined;
  readonly clientKeeps: number | undefined;
  /** What the server remembers of each connection with early data, so that a replay is seen, and for how long. */
  readonly serverRemembers?: { readonly bytes: number; readonly milliseconds: number } | undefined;
  /** Time from the start of TCP to the first byte of the response, by round-trip time of the network. */
  readonly firstByte: readonly { readonly rtt: number; readonly milliseconds: number }[];
  readonly info: Pick<ConnectionInfo, 'cipherSuiteName' | 'group'>;
}

/** A way that this server doesn't go. */
export interface NotOffered {
  readonly mode: Mode;
  readonly why: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
