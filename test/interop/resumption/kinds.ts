/** The ways to resume, and what a peer of the table of resumptions must do. */
import type { Role, Version } from '../cases.ts';

/** How a connection resumes. */
export const kinds = ['sessionId', 'ticket', 'psk', 'pskStateful', 'earlyData'] as const;
export type Kind = (typeof kinds)[number];

/** For people. */
export const kindNames: Readonly<Record<Kind, string>> = {
  sessionId: 'TLS 1.2 session ID',
  ticket: 'TLS 1.2 ticket',
  psk: 'TLS 1.3 PSK',
  pskStateful: 'TLS 1.3 PSK, stateful',
  earlyData: '0-RTT',
};

/** The version of a kind. */
export function versionOf(kind: Kind): Version {
  return kind === 'sessionId' || kind === 'ticket' ? '1.2' : '1.3';
}

/** What our side must report of a connection that resumed so. */
export function resumptionOf(kind: Kind): 'sessionId' | 'ticket' | 'psk' {
  return kind === 'sessionId' || kind === 'ticket' ? kind : 'psk';
}

/** The line that goes as early data; it begins like no command of `openssl s_server`. */
export const earlyLine = 'ping early\n';
export const line = 'ping late\n';

/** What a peer itself says of its second connection; `undefined` where it has no way to tell. */
export interface Word {
  readonly resumed?: boolean | undefined;
  /** Whether it sent (client) or took (server) early data. */
  readonly early?: boolean | undefined;
}

/** A server of a peer, for two connections of ours. */
export interface ResumptionServer {
  readonly port: number;
  alive(): boolean;
  /** What it said, for the report of a failure. */
  said(): string;
  /** What it says of the second connection; `answer` is what our client got there. */
  word(answer: string): Word | Promise<Word>;
  stop(): Promise<void>;
}

export interface ResumptionPeer {
  readonly name: string;
  /** Part of the quick half, which runs in CI. */
  readonly quick: boolean;
  /** A line that comes back, or HTTP/1.1, in each role. */
  readonly speaks: (role: Role, kind: Kind) => 'echo' | 'http';
  version(): Promise<string | undefined>;
  prepare?(): Promise<void>;
  /** Why the peer has no such resumption in that role; `undefined` where it has it. */
  lacks(role: Role, kind: Kind): string | undefined;
  /** Two connections to 127.0.0.1:port, the second with the session of the first. */
  runClient?(kind: Kind, port: number): Promise<Word>;
  runServer?(kind: Kind): Promise<ResumptionServer>;
}

/** Whether a program says something within a few seconds: it may be late, or still have it in a buffer. */
export async function says(said: () => string, words: string): Promise<boolean> {
  for (const end = Date.now() + 5_000; !said().includes(words); ) {
    if (Date.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
