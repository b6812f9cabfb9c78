import { noBytes, zeroize } from '../bytes/bytes.ts';
import { hashLength, hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts';
import type { CryptoProvider, TranscriptHash } from '../crypto/provider.ts';

/**
 * The key schedule of TLS 1.3 (RFC 9846, Section 7.1), one object a stage. A stage makes the next one and is then
 * spent: what a later stage may not use isn't reachable from it.
 *
 *     EarlySecrets --(key exchange)--> HandshakeSecrets ----> ApplicationSecrets
 */

interface Schedule {
  readonly crypto: CryptoProvider;
  readonly hash: TranscriptHash;
}

/** The hash of no messages: the context of the "derived" secrets. */
const emptyHashes = new Map<TranscriptHash, Uint8Array>();

function emptyHash({ crypto, hash }: Schedule): Uint8Array {
  let empty = emptyHashes.get(hash);
  if (empty === undefined) {
    empty = crypto.hash(hash, noBytes);
    emptyHashes.set(hash, empty);
  }
  return empty;
}

function derive(schedule: Schedule, secret: Uint8Array, label: string, context: Uint8Array): Uint8Array {
  return hkdfExpandLabel(schedule.crypto, schedule.hash, secret, label, context, hashLength(schedule.hash));
}

/** Finished and PSK binders: an HMAC over the transcript hash (RFC 9846, Section 4.4.4). */
function finishedMac(schedule: Schedule, baseKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const key = derive(schedule, baseKey, 'finished', noBytes);
  const mac = schedule.crypto.hmac(schedule.hash, key, transcriptHash);
  zeroize(key);
  return mac;
}

const binderLabels = { res: 'res binder', ext: 'ext binder', imp: 'imp binder' } as const;

/** From the PSK. A handshake without one has no secret yet: see {@link handshakeSecretsWithoutPsk}. */
export class EarlySecrets {
  readonly #schedule: Schedule;
  readonly #secret: Uint8Array;

  constructor(crypto: CryptoProvider, hash: TranscriptHash, psk: Uint8Array) {
    this.#schedule = { crypto, hash };
    this.#secret = hkdfExtract(crypto, hash, new Uint8Array(hashLength(hash)), psk);
  }

  /** The binder of this PSK over a truncated ClientHello (RFC 9846, Section 4.2.11.2). */
  binder(kind: 'res' | 'ext' | 'imp', transcriptHash: Uint8Array): Uint8Array {
    const key = derive(this.#schedule, this.#secret, binderLabels[kind], emptyHash(this.#schedule));
    const mac = finishedMac(this.#schedule, key, transcriptHash);
    zeroize(key);
    return mac;
  }

  /** @param transcriptHash of the ClientHello. */
  clientEarlyTrafficSecret(transcriptHash: Uint8Array): Uint8Array {
    return derive(this.#schedule, this.#secret, 'c e traffic', transcriptHash);
  }

  /** @param transcriptHash of the ClientHello. */
  earlyExporter(transcriptHash: Uint8Array): EarlyExporter {
    return new EarlyExporter(this.#schedule, derive(this.#schedule, this.#secret, 'e exp master', transcriptHash));
  }

  /**
   * Goes on with the shared secret of the key exchange, or without one for psk_ke; both secrets are zeroized.
   * @param transcriptHash of ClientHello … ServerHello.
   */
  handshakeSecrets(sharedSecret: Uint8Array | undefined, transcriptHash: Uint8Array): HandshakeSecrets {
    const derived = derive(this.#schedule, this.#secret, 'derived', emptyHash(this.#schedule));
    const secrets = handshakeSecrets(this.#schedule, derived, sharedSecret, transcriptHash);
    zeroize(derived);
    this.destroy();
    return secrets;
  }

  destroy(): void {
    zeroize(this.#secret);
  }
}

/** The salt of the handshake secret where there is no PSK: a public constant of each hash. */
const derivedWithoutPsk = new Map<TranscriptHash, Uint8Array>();

/**
 * The stage after the key exchange of a handshake without a PSK; the shared secret is zeroized.
 * @param transcriptHash of ClientHello … ServerHello.
 */
export function handshakeSecretsWithoutPsk(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  sharedSecret: Uint8Array | undefined,
  transcriptHash: Uint8Array,
): HandshakeSecrets {
  const schedule = { crypto, hash };
  let derived = derivedWithoutPsk.get(hash);
  if (derived === undefined) {
    const zeros = new Uint8Array(hashLength(hash));
    derived = derive(schedule, hkdfExtract(crypto, hash, zeros, zeros), 'derived', emptyHash(schedule));
    derivedWithoutPsk.set(hash, derived);
  }
  return handshakeSecrets(schedule, derived, sharedSecret, transcriptHash);
}

function handshakeSecrets(
  schedule: Schedule,
  derived: Uint8Array,
  sharedSecret: Uint8Array | undefined,
  transcriptHash: Uint8Array,
): HandshakeSecrets {
  const { crypto, hash } = schedule;
  const secret = hkdfExtract(crypto, hash, derived, sharedSecret ?? new Uint8Array(hashLength(hash)));
  zeroize(sharedSecret);
  return new HandshakeSecrets(schedule, secret, transcriptHash);
}

/** From the key exchange: the keys of everything between ServerHello and Finished. */
export class HandshakeSecrets {
  readonly #schedule: Schedule;
  readonly #secret: Uint8Array;
  readonly clientHandshakeTrafficSecret: Uint8Array;
  readonly serverHandshakeTrafficSecret: Uint8Array;

  constructor(schedule: Schedule, secret: Uint8Array, transcriptHash: Uint8Array) {
    this.#schedule = schedule;
    this.#secret = secret;
    this.clientHandshakeTrafficSecret = derive(schedule, secret, 'c hs traffic', transcriptHash);
    this.serverHandshakeTrafficSecret = derive(schedule, secret, 's hs traffic', transcriptHash);
  }

  /** The verify_data of the client's Finished. */
  clientFinished(transcriptHash: Uint8Array): Uint8Array {
    return finishedMac(this.#schedule, this.clientHandshakeTrafficSecret, transcriptHash);
  }

  /** The verify_data of the server's Finished. */
  serverFinished(transcriptHash: Uint8Array): Uint8Array {
    return finishedMac(this.#schedule, this.serverHandshakeTrafficSecret, transcriptHash);
  }

  /** @param transcriptHash of ClientHello … server Finished. */
  applicationSecrets(transcriptHash: Uint8Array): ApplicationSecrets {
    const derived = derive(this.#schedule, this.#secret, 'derived', emptyHash(this.#schedule));
    const { crypto, hash } = this.#schedule;
    const secret = hkdfExtract(crypto, hash, derived, new Uint8Array(hashLength(hash)));
    zeroize(derived, this.#secret);
    return new ApplicationSecrets(this.#schedule, secret, transcriptHash);
  }

  destroy(): void {
    zeroize(this.#secret, this.clientHandshakeTrafficSecret, this.serverHandshakeTrafficSecret);
  }
}

/** From the finished handshake: application traffic, key updates, exporters and resumption. */
export class ApplicationSecrets {
  readonly #schedule: Schedule;
  #secret: Uint8Array;
  readonly #exporterMasterSecret: Uint8Array;
  readonly #traffic: { client: Uint8Array; server: Uint8Array };

  constructor(schedule: Schedule, secret: Uint8Array, transcriptHash: Uint8Array) {
    this.#schedule = schedule;
    this.#secret = secret;
    this.#traffic = {
      client: derive(schedule, secret, 'c ap traffic', transcriptHash),
      server: derive(schedule, secret, 's ap traffic', transcriptHash),
    };
    this.#exporterMasterSecret = derive(schedule, secret, 'exp master', transcriptHash);
  }

  /** The current traffic secret of one side. */
  trafficSecret(side: 'client' | 'server'): Uint8Array {
    return this.#traffic[side];
  }

  get exporterMasterSecret(): Uint8Array {
    return this.#exporterMasterSecret;
  }

  /** Moves one side to its next traffic secret (RFC 9846, Section 7.2) and zeroizes the old one. */
  nextTrafficSecret(side: 'client' | 'server'): Uint8Array {
    const next = derive(this.#schedule, this.#traffic[side], 'traffic upd', noBytes);
    zeroize(this.#traffic[side]);
    this.#traffic[side] = next;
    return next;
  }

  /** Ends the main key schedule. @param transcriptHash of ClientHello … client Finished. */
  resumptionMasterSecret(transcriptHash: Uint8Array): Uint8Array {
    const secret = derive(this.#schedule, this.#secret, 'res master', transcriptHash);
    this.endSchedule();
    return secret;
  }

  /** Ends the main key schedule of a connection that will not be resumed. */
  endSchedule(): void {
    zeroize(this.#secret);
    this.#secret = noBytes;
  }

  /** The Finished of a post-handshake authentication (RFC 9846, Section 4.4.4). */
  finished(side: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
    return finishedMac(this.#schedule, this.#traffic[side], transcriptHash);
  }

  /** Keying material for a program (RFC 9846, Section 7.5). */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array): Uint8Array {
    return exportFrom(this.#schedule, this.#exporterMasterSecret, length, label, context);
  }

  destroy(): void {
    zeroize(this.#secret, this.#exporterMasterSecret, this.#traffic.client, this.#traffic.server);
  }
}

/**
 * The exporter of early data: "Implementations SHOULD provide a separate API for the early exporter; this avoids a
 * developer accidentally using it when the exporter_secret is wanted" (RFC 9846, Section 7.5). Like early data itself, what
 * it gives has no forward secrecy, and is the same in a replay.
 */
export class EarlyExporter {
  readonly #schedule: Schedule;
  /** The early_exporter_master_secret. */
  readonly secret: Uint8Array;

  constructor(schedule: Schedule, secret: Uint8Array) {
    this.#schedule = schedule;
    this.secret = secret;
  }

  export(length: number, label: string, context: Uint8Array): Uint8Array {
    return exportFrom(this.#schedule, this.secret, length, label, context);
  }

  destroy(): void {
    zeroize(this.secret);
  }
}

/** The exporter of one exporter master secret (RFC 9846, Section 7.5). */
function exportFrom(
  schedule: Schedule,
  exporterMasterSecret: Uint8Array,
  length: number,
  label: string,
  context: Uint8Array,
): Uint8Array {
  const { crypto, hash } = schedule;
  const secret = derive(schedule, exporterMasterSecret, label, emptyHash(schedule));
  const material = hkdfExpandLabel(crypto, hash, secret, 'exporter', crypto.hash(hash, context), length);
  zeroize(secret);
  return material;
}

/** The PSK of one ticket (RFC 9846, Section 4.6.1). */
export function resumptionPsk(
  crypto: CryptoProvider,
  hash: TranscriptHash,
  resumptionMasterSecret: Uint8Array,
  ticketNonce: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(crypto, hash, resumptionMasterSecret, 'resumption', ticketNonce, hashLength(hash));
}
