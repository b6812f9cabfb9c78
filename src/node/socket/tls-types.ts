/** Types that the parts of the TLS shell share. */
import type { Server } from 'node:net';
import type { ConnectionOptions, TLSSocketOptions as NodeSocketOptions } from 'node:tls';
import type { ClientEchGiven } from '../context/ech-options.ts';
import type { ContextState, HandfastContextOptions, SecureContextObject } from '../context/secure-context.ts';
import type { RevocationMode } from '../trust/verify.ts';
import type { PskCallback } from './psk.ts';
import type { TLSSocket } from './tls-socket.ts';

/** What a socket is made with: Node's options for `TLSSocket`, and those that a server or `connect` add. */
export interface TlsSocketOptions extends HandfastContextOptions, ClientEchGiven {
  secureContext?: SecureContextObject | undefined;
  credentials?: SecureContextObject | undefined;
  isServer?: boolean | undefined;
  server?: InternalServer | undefined;
  requestCert?: boolean | undefined;
  rejectUnauthorized?: boolean | undefined;
  ALPNProtocols?: readonly string[] | NodeJS.ArrayBufferView | undefined;
  ALPNCallback?: ((offer: { servername: string; protocols: string[] }) => string | undefined) | undefined;
  SNICallback?: SniCallback | undefined;
  session?: Buffer | undefined;
  requestOCSP?: boolean | undefined;
  /** Client: whether the server has to prove by a stapled OCSP response that its certificate is not revoked. */
  revocation?: RevocationMode | undefined;
  enableTrace?: boolean | undefined;
  handshakeTimeout?: number | undefined;
  allowHalfOpen?: boolean | undefined;
  highWaterMark?: number | undefined;
  pauseOnConnect?: boolean | undefined;
  pskCallback?: PskCallback | undefined;
  pskIdentityHint?: string | undefined;
  signal?: AbortSignal | undefined;
  onread?: { buffer: Uint8Array | (() => Uint8Array); callback(size: number, buffer: Uint8Array): boolean } | undefined;
  pipe?: boolean | undefined;
  /**
   * Client: what is sent with the first flight where the session allows it (0-RTT), and after the handshake otherwise. It
   * can be replayed by who records it: only for what may be done twice. `true`, which `handfast/https` sets: what has
   * been written when the handshake starts.
   */
  earlyData?: Uint8Array | string | true | undefined;
  /** `tls.connect`: what is wrong with the name in a chain of the server's. */
  _identityProblem?: ((socket: TLSSocket, chain: readonly Uint8Array[]) => Error | undefined) | undefined;
}

export type SniCallback = (
  this: TLSSocket,
  servername: string,
  callback: (error: Error | null, context?: SecureContextObject | ContextState) => void,
) => void;

/** What a socket knows of its server. */
export interface InternalServer extends Server {
  _contexts: [RegExp, ContextState][];
  _sharedCreds: SecureContextObject;
  requestCert: boolean;
  rejectUnauthorized: boolean;
  ALPNProtocols?: Buffer | undefined;
  ALPNCallback?: TlsSocketOptions['ALPNCallback'];
  sessionTimeout?: number | undefined;
  sessionIdContext?: string | undefined;
}

export type { ConnectionOptions, NodeSocketOptions };
