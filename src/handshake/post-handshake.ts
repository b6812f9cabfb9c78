import { noBytes } from '../bytes/bytes.ts';
import { PeerError, TlsError } from '../errors.ts';
import type { HandshakeMessage } from '../wire/handshake-type.ts';
import { frameMessage } from '../wire/handshake-type.ts';
import { decodeKeyUpdate, encodeKeyUpdate } from '../wire/key-update.ts';
import type { HandshakeContext } from './context.ts';
import type { ApplicationSecrets } from './key-schedule.ts';
import { applicationKeys } from './keys13.ts';
import type { Agreement } from './result.ts';

/** KeyUpdate, both ways, with at most one request that is not yet answered (RFC 9846, Section 4.6.3). */
export class KeyUpdates {
  readonly #context: HandshakeContext;
  readonly #agreement: Agreement;
  readonly #secrets: ApplicationSecrets;
  readonly #own: 'client' | 'server';
  #requested = false;

  constructor(context: HandshakeContext, agreement: Agreement, secrets: ApplicationSecrets, own: 'client' | 'server') {
    this.#context = context;
    this.#agreement = agreement;
    this.#secrets = secrets;
    this.#own = own;
  }

  /** Sends a KeyUpdate, then writes under the next keys. Asks the peer for its own only while no request is open. */
  send(requestPeer: boolean): void {
    const { output } = this.#context;
    const request = requestPeer && !this.#requested;
    this.#requested ||= request;
    output.sendMessage('keyUpdate', frameMessage('keyUpdate', encodeKeyUpdate(request)));
    this.#secrets.nextTrafficSecret(this.#own);
    output.setWriteKeys(applicationKeys(this.#agreement.suite, this.#own, this.#secrets));
  }

  /** Reads under the peer's next keys, and answers a request. */
  receive(message: HandshakeMessage): void {
    const updateRequested = decodeKeyUpdate(message.body);
    const peer = this.#own === 'client' ? 'server' : 'client';
    this.#secrets.nextTrafficSecret(peer);
    this.#context.output.setReadKeys(applicationKeys(this.#agreement.suite, peer, this.#secrets));
    if (!updateRequested) {
      this.#requested = false;
      return;
    }
    this.#context.output.answerKeyUpdate(() => this.send(false));
  }
}

/** A message that may not come once the handshake is done. */
export function unexpectedAfterHandshake(message: HandshakeMessage): PeerError {
  return new PeerError(
    'ERR_TLS_UNEXPECTED_MESSAGE',
    'unexpectedMessage',
    `${message.type}: this message may not come after the handshake`,
    { phase: 'connected', rfc: 'RFC 9846, Section 4.6' },
  );
}

/** Renegotiation is refused, always (RFC 5746 makes it safe, TLS 1.3 has none). */
export function noRenegotiation(): PeerError {
  return new PeerError(
    'ERR_TLS_RENEGOTIATION',
    'noRenegotiation',
    'the peer asked for a new handshake on this connection (renegotiation), which is refused',
    { phase: 'connected', rfc: 'RFC 5246, Section 7.2.2' },
  );
}

/** For a call that the version of the connection has no message for. */
export function notInThisVersion(call: string): TlsError {
  return new TlsError('ERR_TLS_STATE', 'internalError', `${call} needs a TLS 1.3 connection`);
}

/** The exporter of TLS 1.3 makes no difference between no context and an empty one (RFC 9846, Section 7.5). */
export function exportKeyingMaterial13(
  secrets: ApplicationSecrets,
  length: number,
  label: string,
  context: Uint8Array | undefined,
): Uint8Array {
  return secrets.exportKeyingMaterial(length, label, context ?? noBytes);
}
