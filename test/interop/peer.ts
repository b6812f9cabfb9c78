/** A program (or library) that Handfast must understand. */
import type { Ability, Case, Role } from './cases.ts';

/** A server that the peer runs for one case. It echoes what it receives. */
export interface PeerServer {
  readonly port: number;
  alive(): boolean;
  /** What it said, for the report of a failure. */
  said(): string;
  stop(): Promise<void>;
}

/** What the peer's own configuration fixes. For the rest our side is restricted to what the case wants. */
export type Axis = 'version' | 'suite' | 'groups';

export interface Peer {
  readonly name: string;
  /** Part of the quick half, which runs in CI. */
  readonly quick: boolean;
  /** How data goes: an echo of the stream, or HTTP/1.1 with an echo of the body. */
  readonly speaks: 'echo' | 'http';
  /** Its version, or `undefined` where it is not installed. */
  version(): Promise<string | undefined>;
  /** Once before the first case, e.g. to compile. */
  prepare?(): Promise<void>;
  /** Once after the last case. */
  finish?(): Promise<void>;
  can(role: Role): Ability | undefined;
  fixes(role: Role): readonly Axis[];
  /** As a client of 127.0.0.1:port: sends `payload`, expects it back, closes. Rejects when something is not as it should be. */
  runClient?(run: Case, port: number, payload: Buffer): Promise<void>;
  runServer?(run: Case): Promise<PeerServer>;
}

/** Throws unless `received` is what was sent. */
export function checkEcho(received: Uint8Array, payload: Buffer): void {
  if (payload.equals(received)) return;
  let at = 0;
  while (at < received.length && received[at] === payload[at]) at += 1;
  throw new Error(`the echo differs at byte ${at} (${received.length} of ${payload.length} bytes came back)`);
}
