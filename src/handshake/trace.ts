import type { AlertName } from '../errors.ts';
import type { Expectation } from './flow.ts';

/** Who sent what a trace event tells of. */
export type Direction = 'sent' | 'received';

/** The keys in use: `none` before the first key change. */
export type Epoch = 'none' | 'earlyData' | 'handshake' | 'application';

/**
 * What happened on a connection. The events alone explain a handshake: the CLI's `--trace`, the console and tests
 * read nothing else. No event holds a secret.
 */
export type TraceEvent =
  | {
      readonly kind: 'message';
      readonly direction: Direction;
      readonly type: Expectation;
      /** The keys that protected it. */
      readonly epoch: Epoch;
      /** With the four-byte header. */
      readonly raw: Uint8Array;
      /** The message, decoded. */
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'keyChange';
      /** `sent`: the keys for what this side writes. */
      readonly direction: Direction;
      readonly epoch: Epoch;
      readonly cipherSuite: string;
      /** Which secret the keys come from, by its RFC name. */
      readonly secret: string;
    }
  | {
      readonly kind: 'alert';
      readonly direction: Direction;
      readonly level: number;
      readonly alert: AlertName | number;
    }
  | {
      readonly kind: 'decision';
      /** What was decided. */
      readonly about: Decision;
      readonly choice: string;
      readonly reason: string;
    }
  | { readonly kind: 'connected' }
  | { readonly kind: 'closed'; readonly error?: string };

export type Decision =
  | 'version'
  | 'encryptedClientHello'
  | 'cipherSuite'
  | 'group'
  | 'helloRetryRequest'
  | 'credential'
  | 'psk'
  | 'signatureScheme'
  | 'alpn'
  | 'resumption'
  | 'earlyData'
  | 'clientCertificate'
  | 'extendedMasterSecret';
