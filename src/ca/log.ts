import { fromBase64 } from '../bytes/base64.ts';
import { caError } from './error.ts';
import type { JournalEntry } from './storage/journal.ts';

/** Reasons for which a certificate may be revoked here (RFC 5280, Section 5.3.1), with their codes. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;

/** A name of {@link revocationReasons}. */
export type RevocationReason = keyof typeof revocationReasons;

/** When and why a certificate was revoked. */
export interface Revocation {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: RevocationReason;
}

/** What the log knows about one serial number. */
export interface IssueRecord {
  /** Hexadecimal. */
  readonly serial: string;
  /** Which intermediate signed it, from 1. */
  readonly issuer: number;
  readonly profile: string;
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly requestedAt: number;
  /** Who asked, and the caller's own name for the request. */
  readonly requester?: string;
  readonly reference?: string;
  /** Serial number of the certificate that this one renews. */
  readonly replaces?: string;
  /** `pending`: the intent is durable, the certificate isn't. `failed`: it was never handed out. */
  readonly status: 'pending' | 'issued' | 'failed';
  /** DER, once issued. */
  readonly certificate?: Uint8Array;
  readonly revoked?: Revocation;
}

/** What stands in the first entry of a log. */
export interface LogBeginning {
  readonly root: Uint8Array;
  readonly logKey: Uint8Array;
}

/**
 * The state that an issue log amounts to. Entries: `begin` (root and log key), `issuer` (an intermediate), `intent`
 * (before a signature is made), `issued` or `failed`, `revoked`, `crl` (number and times).
 */
export class LogState {
  beginning: LogBeginning | undefined;
  /** Certificates of the intermediates, oldest first. */
  readonly issuers: Uint8Array[] = [];
  readonly records = new Map<string, IssueRecord>();
  readonly byReference = new Map<string, string>();
  /** Highest CRL number of each intermediate. */
  readonly crlNumbers = new Map<number, number>();
  /** What was revoked under each intermediate. */
  readonly revokedBy = new Map<number, Set<string>>();
  /** Intermediates that had a revocation since that CRL. */
  readonly revokedSince = new Set<number>();
  /** Serial numbers that were renewed, and by which. */
  readonly replacedBy = new Map<string, string>();

  /** Takes one entry. Throws `ERR_TLS_CA_LOG` where it makes no sense at its place. */
  apply(entry: JournalEntry): void {
    switch (entry.type) {
      case 'begin':
        this.beginning = { root: bytesField(entry, 'root'), logKey: bytesField(entry, 'logKey') };
        return;
      case 'issuer':
        this.issuers.push(bytesField(entry, 'certificate'));
        return;
      case 'intent':
        this.#intent(entry);
        return;
      case 'issued': {
        const record = this.#recordOf(entry, 'pending');
        this.records.set(record.serial, { ...record, status: 'issued', certificate: bytesField(entry, 'certificate') });
        if (record.reference !== undefined) this.byReference.set(record.reference, record.serial);
        if (record.replaces !== undefined) this.replacedBy.set(record.replaces, record.serial);
        return;
      }
      case 'failed': {
        const record = this.#recordOf(entry, 'pending');
        this.records.set(record.serial, { ...record, status: 'failed' });
        return;
      }
      case 'revoked': {
        const record = this.#recordOf(entry, 'issued');
        const reason = textField(entry, 'reason') as RevocationReason;
        if (!Object.hasOwn(revocationReasons, reason)) throw nonsense(entry, `the reason ${reason} is unknown`);
        this.revoke(record.serial, { at: Date.parse(textField(entry, 'date')), reason });
        return;
      }
      case 'crl':
        this.crlNumbers.set(numberField(entry, 'issuer'), numberField(entry, 'number'));
        this.revokedSince.delete(numberField(entry, 'issuer'));
        return;
      default:
        throw nonsense(entry, `entries of type "${entry.type}" are unknown: it was written by a later version`);
    }
  }

  /** Marks a certificate revoked; of two revocations the first counts. */
  revoke(serial: string, revoked: Revocation): void {
    const record = this.records.get(serial);
    if (record === undefined || record.revoked !== undefined) return;
    this.records.set(serial, { ...record, revoked });
    this.revokedSince.add(record.issuer);
    const revokedHere = this.revokedBy.get(record.issuer);
    if (revokedHere === undefined) this.revokedBy.set(record.issuer, new Set([serial]));
    else revokedHere.add(serial);
  }

  #intent(entry: JournalEntry): void {
    const serial = textField(entry, 'serial');
    if (this.records.has(serial)) throw nonsense(entry, `the serial number ${serial} was given before`);
    const names = entry['names'];
    if (!Array.isArray(names)) throw nonsense(entry, 'it has no names');
    this.records.set(serial, {
      serial,
      issuer: numberField(entry, 'issuer'),
      profile: textField(entry, 'profile'),
      names: names.map(String),
      notBefore: Date.parse(textField(entry, 'notBefore')),
      notAfter: Date.parse(textField(entry, 'notAfter')),
      requestedAt: Date.parse(entry.at),
      ...optionalText(entry, 'requester'),
      ...optionalText(entry, 'reference'),
      ...optionalText(entry, 'replaces'),
      status: 'pending',
    });
  }

  #recordOf(entry: JournalEntry, status: IssueRecord['status']): IssueRecord {
    const record = this.records.get(textField(entry, 'serial'));
    if (record?.status !== status) throw nonsense(entry, `the serial number ${entry['serial']} is not ${status}`);
    return record;
  }
}

function textField(entry: JournalEntry, field: string): string {
  const value = entry[field];
  if (typeof value !== 'string') throw nonsense(entry, `it has no ${field}`);
  return value;
}

function numberField(entry: JournalEntry, field: string): number {
  const value = entry[field];
  if (typeof value !== 'number') throw nonsense(entry, `it has no ${field}`);
  return value;
}

function bytesField(entry: JournalEntry, field: string): Uint8Array {
  const bytes = fromBase64(textField(entry, field));
  if (bytes === undefined) throw nonsense(entry, `${field} is no Base64`);
  return bytes;
}

function optionalText<F extends string>(entry: JournalEntry, field: F): { [K in F]?: string } {
  const value = entry[field];
  return (typeof value === 'string' ? { [field]: value } : {}) as { [K in F]?: string };
}

function nonsense(entry: JournalEntry, why: string): Error {
  return caError('ERR_TLS_CA_LOG', `entry ${entry.n} of the issue log (${entry.type}): ${why}`);
}
