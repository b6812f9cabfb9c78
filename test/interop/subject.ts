/** The side under test, as the harness sees it: `ours.ts`, or `node-tls.ts` to prove the drivers of the peers. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { IdentityName } from '../helpers/pki.ts';
import type { Group, Suite, Version } from './cases.ts';

/** What is fixed on our side. What is left out is at its default: the peer fixes it. */
export interface SubjectOptions {
  readonly version?: Version;
  readonly suite?: Suite;
  readonly groups?: readonly Group[];
  /** Our certificate: always as a server, for client authentication as a client. */
  readonly identity?: IdentityName;
  /** As a server: ask for a certificate and require it. */
  readonly requireClientCertificate?: boolean;
}

/** What was negotiated. */
export interface Outcome {
  readonly version: Version;
  /** IANA name. */
  readonly suite: string;
  /** `undefined` where our side cannot tell. */
  readonly group?: string;
  readonly peerCertificates: number;
}

/** A connection after its handshake: a stream of application data that ends with the peer's close_notify. */
export interface Channel {
  readonly stream: Duplex;
  readonly outcome: Outcome;
}

export interface Subject {
  readonly name: string;
  readonly version: string;
  /** Why this side cannot take part in a handshake with these. */
  readonly lacks: (group: Group | undefined, suite: Suite) => string | undefined;
  accept(socket: Socket, options: SubjectOptions): Promise<Channel>;
  connect(socket: Socket, options: SubjectOptions): Promise<Channel>;
}
