import { toHex } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Signer as TbsSigner } from '../pki/build.ts';
import type { Certificate } from '../pki/certificate.ts';
import {
  buildOcspResponse,
  type CertId,
  type CertStatus,
  encodeCertId,
  encodeOcspError,
  type OcspRequest,
  parseOcspRequest,
  publicKeyBits,
} from '../pki/ocsp.ts';
import type { IssueRecord } from './log.ts';

/** How long an answer is valid. */
const answerLifetime = 24 * 3_600_000;
/** Certificates that one request may ask about. */
const maxQuestions = 16;
/** Answers that are kept to be sent again. */
const maxKept = 10_000;

/** A key that signs OCSP answers for one intermediate, with the certificate that says so. */
export interface Responder {
  readonly signer: TbsSigner;
  readonly certificate: Certificate;
}

/** What the responder answers from. */
export interface OcspResponderParts {
  readonly crypto: CryptoProvider;
  readonly issuers: readonly { readonly number: number; readonly certificate: Certificate }[];
  find(serial: string): IssueRecord | undefined;
  /** The delegated signer of an intermediate; made or renewed where it is due. */
  responder(issuer: number): Promise<Responder>;
  now(): number;
}

interface Answer {
  readonly der: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/**
 * Answers OCSP requests (RFC 6960) from the issue log. Answers without nonce are kept for half their life and serve
 * stapling servers as well; a revocation drops its answer at once.
 */
export class OcspResponder {
  readonly #parts: OcspResponderParts;
  readonly #kept = new Map<string, Answer>();
  readonly #issuerKeys = new Map<string, number>();

  constructor(parts: OcspResponderParts) {
    this.#parts = parts;
    for (const { number, certificate } of parts.issuers) {
      for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
        const name = parts.crypto.hash(hash, certificate.subject);
        const key = parts.crypto.hash(hash, publicKeyBits(certificate.spki));
        this.#issuerKeys.set(`${hash} ${toHex(name)} ${toHex(key)}`, number);
      }
    }
  }

  /** The DER of the response to a DER request; never throws for what a client can send. */
  async answer(bytes: Uint8Array): Promise<Uint8Array> {
    let request: OcspRequest;
    try {
      request = parseOcspRequest(bytes);
    } catch {
      return encodeOcspError('malformedRequest');
    }
    if (request.certIds.length > maxQuestions) return encodeOcspError('malformedRequest');
    // RFC 5280, Section 4.1.2.2: no certificate has such a number. Answers hold it, and are kept.
    if (request.certIds.some(({ serialNumber }) => serialNumber.length > 20)) return encodeOcspError('unauthorized');
    const issuers = new Set(request.certIds.map((id) => this.#issuerOf(id)));
    const [issuer] = issuers;
    // RFC 5019, Section 2.2.3: "unauthorized" where the responder cannot answer with authority. One answer has one signer.
    if (issuer === undefined || issuers.size !== 1) return encodeOcspError('unauthorized');
    try {
      const [first] = request.certIds;
      if (request.nonce === undefined && request.certIds.length === 1 && first?.hash === 'sha1') {
        return (await this.statusOf(issuer, first.serialNumber)).der;
      }
      return (await this.#sign(issuer, request.certIds, request.nonce)).der;
    } catch {
      return encodeOcspError('tryLater');
    }
  }

  /** The answer for one certificate, to be stapled or sent. @param serialNumber content of the INTEGER. */
  async statusOf(issuer: number, serialNumber: Uint8Array): Promise<Answer> {
    const record = this.#parts.find(serialKey(serialNumber));
    const key = `${issuer} ${toHex(serialNumber)} ${record?.revoked?.at ?? ''}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && isCurrent(kept.thisUpdate, answerLifetime / 2, this.#parts.now())) return kept;
    const certificate = this.#certificateOf(issuer);
    const raw = encodeCertId(serialNumber, certificate, this.#parts.crypto);
    const answer = await this.#sign(issuer, [{ serialNumber, raw }], undefined);
    if (this.#kept.size >= maxKept) this.#kept.delete(this.#kept.keys().next().value as string);
    this.#kept.set(key, answer);
    return answer;
  }

  async #sign(
    issuer: number,
    questions: readonly Pick<CertId, 'serialNumber' | 'raw'>[],
    nonce: Uint8Array | undefined,
  ): Promise<Answer> {
    const { signer, certificate } = await this.#parts.responder(issuer);
    const thisUpdate = Math.floor(this.#parts.now() / 1000) * 1000;
    const nextUpdate = thisUpdate + answerLifetime;
    const responses = questions.map(({ serialNumber, raw }) => ({
      certId: raw,
      status: this.#status(issuer, serialNumber),
      thisUpdate,
      nextUpdate,
    }));
    const keyHash = this.#parts.crypto.hash('sha1', publicKeyBits(certificate.spki));
    const der = await buildOcspResponse(
      {
        responder: { keyHash },
        producedAt: thisUpdate,
        responses,
        ...(nonce === undefined ? {} : { nonce }),
        certificates: [certificate.der],
      },
      signer,
    );
    return { der, thisUpdate, nextUpdate };
  }

  #status(issuer: number, serialNumber: Uint8Array): CertStatus {
    const record = this.#parts.find(serialKey(serialNumber));
    if (record?.status !== 'issued' || record.issuer !== issuer) return { kind: 'unknown' };
    if (record.revoked === undefined) return { kind: 'good' };
    const { at, reason } = record.revoked;
    return { kind: 'revoked', revocationTime: at, ...(reason === 'unspecified' ? {} : { reason }) };
  }

  #issuerOf(id: CertId): number | undefined {
    return this.#issuerKeys.get(`${id.hash} ${toHex(id.issuerNameHash)} ${toHex(id.issuerKeyHash)}`);
  }

  #certificateOf(number: number): Certificate {
    const issuer = this.#parts.issuers.find((one) => one.number === number);
    if (issuer === undefined) throw new RangeError(`there is no intermediate ${number}`);
    return issuer.certificate;
  }
}

/**
 * Whether what was made at a moment is still to be given out: for so long, and not where the clock was set back behind that
 * moment. It would be from the future then, and clients refuse it until the clock comes there again.
 */
export function isCurrent(madeAt: number, forSoLong: number, now: number): boolean {
  return madeAt <= now && now < madeAt + forSoLong;
}

// Serial numbers of this authority begin with a byte from 0x40 to 0x7f: content and hexadecimal are the same.
function serialKey(serialNumber: Uint8Array): string {
  return toHex(serialNumber);
}
