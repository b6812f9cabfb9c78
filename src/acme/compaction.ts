import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../ca/storage/files.ts';
import { openJournal } from '../ca/storage/journal.ts';
import { type AcmeEntry, type AcmeState, journalBody, type Order } from './state.ts';

const day = 24 * 3_600_000;

/** Entries that a journal may have before it is worth rewriting. */
const worthIt = 10_000;

/** Whether a journal has so much in it that is over that rewriting it pays. */
export function wantsCompaction(
  length: number,
  state: AcmeState,
  keep: readonly AcmeEntry[],
  least = worthIt,
): boolean {
  return length >= least && keep.length * 2 <= length && state.orders.size > 0;
}

/**
 * The entries that amount to what still matters of a state: every account, and the orders that are neither over nor
 * useless: a certificate's order stays a month longer than the certificate, so that its account may still fetch it.
 *
 * @param notAfter when the certificate of a serial number ends, in milliseconds since 1970.
 */
export function liveEntries(state: AcmeState, now: number, notAfter: (serial: string) => number): AcmeEntry[] {
  const entries: AcmeEntry[] = [];
  for (const { id, key, contact, createdAt, boundTo, status } of state.accounts.values()) {
    entries.push({ type: 'account', id, jwk: key.jwk, contact, createdAt, boundTo });
    if (status !== 'valid') entries.push({ type: 'account-change', id, status });
  }
  for (const order of state.orders.values()) {
    const end = order.serial === undefined ? order.expires + day : notAfter(order.serial) + 30 * day;
    if (order.outcome === 'processing' || now < end) entries.push(...orderEntries(state, order));
  }
  return entries;
}

function orderEntries(state: AcmeState, order: Order): AcmeEntry[] {
  const { id, account, identifiers, profile, replaces, expires, csr, serial, error } = order;
  const held = order.authorizations.flatMap((one) => state.authorizations.get(one) ?? []);
  const authorizations = held.map((one) => ({
    id: one.id,
    identifier: one.identifier,
    wildcard: one.wildcard,
    challenges: one.challenges.map(({ id: challenge, type, token }) => ({ id: challenge, type, token })),
  }));
  const entries: AcmeEntry[] = [
    { type: 'order', id, account, identifiers, profile, replaces, expires, authorizations },
  ];
  for (const one of held) {
    for (const { id: challenge, status, validated, error: problem } of one.challenges) {
      if (status === 'pending') continue;
      entries.push({
        type: 'challenge',
        id: challenge,
        status,
        ...(validated === undefined ? {} : { validated }),
        ...(problem === undefined ? {} : { error: problem }),
      });
    }
    if (one.status === 'deactivated') entries.push({ type: 'authorization', id: one.id, status: one.status });
  }
  if (order.outcome === 'processing' && csr !== undefined) entries.push({ type: 'finalize', id, csr });
  if (serial !== undefined) entries.push({ type: 'order-valid', id, serial });
  if (order.outcome === 'invalid' && error !== undefined) entries.push({ type: 'order-invalid', id, error });
  return entries;
}

/** Puts a journal of these entries in the place of one that is closed; a crash leaves the one or the other. */
export async function rewriteJournal(path: string, entries: readonly AcmeEntry[], now: () => number): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const journal = await openJournal(draft, { now, replay: () => undefined });
  for (let at = 0; at < entries.length; at += 1000)
    await journal.append(...entries.slice(at, at + 1000).map(journalBody));
  await journal.close();
  await rename(draft, path);
  await syncFolder(dirname(path));
}
