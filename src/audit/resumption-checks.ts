import { equal, toHex } from '../bytes/bytes.ts';
import type { ClientOptions } from '../engine/config.ts';
import type { ClientSession } from '../session/client-session.ts';
import { type AuditCrypto, type Endpoint, type Probe, probe } from './probe.ts';
import { replayEarlyData } from './replay.ts';
import { findWeakTicketKey } from './weak-keys.ts';

/** What is asked about: one server by its name, and what belongs to it. */
export interface AuditTarget extends Endpoint {
  /** All addresses of the server (A and AAAA records, or nodes behind a balancer); default the one. */
  readonly addresses?: readonly string[];
  /** Names or ports whose policy is another: sessions of the target should not resume there. */
  readonly others?: readonly Partial<Endpoint>[];
}

export interface AuditOptions {
  readonly crypto: AuditCrypto;
  readonly client?: Partial<ClientOptions>;
  /** Sent after each handshake, e.g. a HEAD request; some servers send tickets with their first data only. */
  readonly request?: Uint8Array;
  /** Harmless bytes for early data, e.g. a GET request for `/`. */
  readonly earlyData?: Uint8Array;
  /** How long the checks that watch (lifetime, rotation) may watch, in ms; default 4,000. */
  readonly patienceMs?: number;
  readonly timeoutMs?: number;
  /**
   * When the key of this name was first seen at this server, in ms since 1970: kept by the caller from one audit to the
   * next. No single audit lasts long enough to see that a key does not change.
   */
  readonly keyFirstSeen?: ((keyName: string) => number) | undefined;
}

/**
 * `good`: as it should be. `bad`: somebody can exploit it. `weak`: worse than needed. `info`: a fact. `unknown`: it
 * can't be seen.
 */
export type Verdict = 'good' | 'bad' | 'weak' | 'info' | 'unknown';

export interface Finding {
  readonly check: AuditCheckName;
  readonly verdict: Verdict;
  /** One sentence, for people. */
  readonly summary: string;
  /** Facts, for programs: plain JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

type Kind = 'sessionId' | 'ticket' | 'psk';
const kinds: readonly Kind[] = ['sessionId', 'ticket', 'psk'];
const kindNames = { sessionId: 'session ID (TLS 1.2)', ticket: 'ticket (TLS 1.2)', psk: 'PSK (TLS 1.3)' } as const;

interface Context {
  readonly target: AuditTarget;
  readonly options: AuditOptions;
  readonly works: ReadonlySet<Kind>;
  /** Whether the server asked for a client certificate. */
  certificateRequested: boolean;
}

/** All checks, by name, in the order in which they run. */
export const auditChecks = {
  kinds: checkKinds,
  addresses: checkAddresses,
  otherPolicy: checkOtherPolicy,
  lifetime: checkLifetime,
  rotation: checkRotation,
  ticketReuse: checkTicketReuse,
  earlyDataReplay: checkEarlyDataReplay,
  weakKeys: checkWeakKeys,
  linkability: checkLinkability,
} as const;

export type AuditCheckName = keyof typeof auditChecks;

/**
 * Asks a server how it resumes. Each check makes some connections, one after the other; nothing is stored and no data
 * but `request` and `earlyData` is sent. Yields each finding as it is there. Never throws for what a server does.
 */
export async function* auditResumption(
  target: AuditTarget,
  options: AuditOptions,
  only: readonly AuditCheckName[] = Object.keys(auditChecks) as AuditCheckName[],
): AsyncGenerator<Finding> {
  const works = new Set<Kind>();
  const context: Context = { target, options, works, certificateRequested: false };
  for (const kind of kinds) {
    const session = await obtain(context, kind);
    if (session !== undefined && (await resumes(context, kind, session))) works.add(kind);
  }
  for (const name of only) yield* auditChecks[name](context);
}

function clientFor(kind: Kind, options: AuditOptions): Partial<ClientOptions> {
  const common = { ...options.client };
  if (kind === 'psk') return { ...common, minVersion: 0x0304, maxVersion: 0x0304 };
  // Without the ticket extension a server can only resume by ID.
  return { ...common, minVersion: 0x0303, maxVersion: 0x0303, ...(kind === 'sessionId' ? { resumption: false } : {}) };
}

function ask(context: Context, kind: Kind, session?: ClientSession, at: Partial<Endpoint> = {}): Promise<Probe> {
  const { target, options } = context;
  const client = { ...clientFor(kind, options), ...(session === undefined ? {} : { sessions: [session] }) };
  return probe({ ...target, ...at }, { ...options, client, earlyData: undefined });
}

/** A session of a full handshake; of several tickets the last. */
async function obtain(context: Context, kind: Kind, at?: Partial<Endpoint>): Promise<ClientSession | undefined> {
  const { sessions, certificateRequested } = await ask(context, kind, undefined, at);
  context.certificateRequested ||= certificateRequested;
  return sessions.findLast((session) => kind === 'sessionId' || session.ticket.length > 0);
}

async function resumes(context: Context, kind: Kind, session: ClientSession, at?: Partial<Endpoint>): Promise<boolean> {
  const { info } = await ask(context, kind, patient(session), at);
  return info?.resumed === true;
}

/** A session that our own client offers whatever its age: the server's opinion is wanted. */
function patient(session: ClientSession): ClientSession {
  return { ...session, lifetimeHint: session.lifetimeHint === 0 ? 0 : 604_800 };
}

async function* checkKinds({ works, certificateRequested }: Context): AsyncGenerator<Finding> {
  const list = kinds.filter((kind) => works.has(kind));
  const details = Object.fromEntries(kinds.map((kind) => [kind, works.has(kind)]));
  const names = list.map((kind) => kindNames[kind]).join(', ');
  if (list.length === 0 && certificateRequested) {
    const summary = 'it asks for a client certificate; without one no connection resumes, so little can be seen here';
    yield { check: 'kinds', verdict: 'unknown', summary, details };
    return;
  }
  const summary = list.length === 0 ? 'no connection resumes: every handshake is a full one' : `resumes by ${names}`;
  yield { check: 'kinds', verdict: list.length === 0 ? 'weak' : 'good', summary, details };
}

async function* checkAddresses(context: Context): AsyncGenerator<Finding> {
  const [first, ...others] = context.target.addresses ?? [];
  if (first === undefined || others.length === 0) {
    yield { check: 'addresses', verdict: 'unknown', summary: 'only one address is known', details: {} };
    return;
  }
  for (const kind of context.works) {
    const details: Record<string, boolean> = {};
    for (const address of others) {
      const session = await obtain(context, kind, { address: first });
      details[address] = session !== undefined && (await resumes(context, kind, session, { address }));
    }
    const failed = Object.values(details).filter((yes) => !yes).length;
    const summary =
      failed === 0
        ? `a ${kindNames[kind]} of ${first} resumes at every other address`
        : `a ${kindNames[kind]} of ${first} does not resume at ${failed} of ${others.length} other addresses: keys or sessions are not shared`;
    yield { check: 'addresses', verdict: failed === 0 ? 'good' : 'weak', summary, details: { kind, ...details } };
  }
}

async function* checkOtherPolicy(context: Context): AsyncGenerator<Finding> {
  const others = context.target.others ?? [];
  if (others.length === 0) {
    yield { check: 'otherPolicy', verdict: 'unknown', summary: 'no other name or port was given', details: {} };
    return;
  }
  for (const other of others) {
    const where = `${other.serverName ?? context.target.serverName ?? other.address ?? ''}:${other.port ?? context.target.port}`;
    const entered: Kind[] = [];
    for (const kind of context.works) {
      const session = await obtain(context, kind);
      if (session === undefined) continue;
      const serverName = other.serverName ?? session.state.serverName;
      const taken = { ...session, state: { ...session.state, serverName } };
      if (await resumes(context, kind, taken, other)) entered.push(kind);
    }
    const details = { other: where, kinds: entered };
    yield entered.length === 0
      ? { check: 'otherPolicy', verdict: 'good', summary: `its sessions do not resume at ${where}`, details }
      : {
          check: 'otherPolicy',
          verdict: 'bad',
          summary: `its sessions resume at ${where}, past whatever that one asks of clients (compare nginx CVE-2025-23419)`,
          details,
        };
  }
}

async function* checkLifetime(context: Context): AsyncGenerator<Finding> {
  const patience = context.options.patienceMs ?? 4_000;
  for (const kind of ['ticket', 'psk'] as const) {
    if (!context.works.has(kind)) continue;
    const session = await obtain(context, kind);
    if (session === undefined) continue;
    const hint = session.lifetimeHint;
    const start = Date.now();
    let lasts = 0;
    let ended: number | undefined;
    // A ticket may be single-use: each question has one of its own, all of the same age.
    const same = await Promise.all([1, 2, 3, 4].map(() => obtain(context, kind)));
    for (const [i, each] of same.entries()) {
      await sleep(start + (patience * (i + 1)) / same.length - Date.now());
      if (each === undefined) continue;
      const age = Date.now() - start;
      if (await resumes(context, kind, each)) lasts = age;
      else {
        ended = age;
        break;
      }
    }
    const details = { kind, hintSeconds: hint, resumedAfterMs: lasts, refusedAfterMs: ended };
    yield { check: 'lifetime', ...judgeLifetime(kind, hint, lasts, ended), details };
  }
}

function judgeLifetime(kind: 'ticket' | 'psk', hint: number, lasts: number, ended: number | undefined) {
  const name = kindNames[kind];
  if (hint > 604_800) return { verdict: 'bad', summary: `a ${name} says ${hint} s, more than seven days` } as const;
  if (ended !== undefined && ended < 1000 * hint) {
    return {
      verdict: 'weak',
      summary: `a ${name} says ${hint} s, and is refused after ${(ended / 1000).toFixed(1)} s`,
    } as const;
  }
  if (hint > 0 && lasts > 1000 * hint + 1000) {
    return {
      verdict: 'weak',
      summary: `a ${name} says ${hint} s, and still resumes after ${(lasts / 1000).toFixed(1)} s`,
    } as const;
  }
  const seen =
    ended === undefined ? `resumes after ${(lasts / 1000).toFixed(1)} s (no longer was watched)` : 'ends with it';
  return { verdict: 'good', summary: `a ${name} says ${hint} s and ${seen}` } as const;
}

async function* checkRotation(context: Context): AsyncGenerator<Finding> {
  const kind = context.works.has('psk') ? 'psk' : 'ticket';
  const patience = context.options.patienceMs ?? 4_000;
  const [a, b] = [await obtain(context, kind), await obtain(context, kind)];
  const from = a === undefined || b === undefined ? undefined : keyNameOf(a.ticket, b.ticket);
  if (a === undefined || from === undefined) {
    const summary = a === undefined ? 'it gives no tickets' : 'tickets show no key name, so its changes cannot be seen';
    yield { check: 'rotation', verdict: 'unknown', summary, details: {} };
    return;
  }
  const start = Date.now();
  const changes: number[] = [];
  let last = toHex(a.ticket.subarray(from.start, from.end));
  while (Date.now() - start < patience) {
    await sleep(Math.min(500, patience / 8));
    const session = await obtain(context, kind);
    if (session === undefined) continue;
    const name = toHex(session.ticket.subarray(from.start, from.end));
    if (name !== last) changes.push(Date.now() - start);
    last = name;
  }
  const intervals = changes.slice(1).map((time, i) => time - (changes[i] as number));
  const details = {
    keyNameBytes: [from.start, from.end],
    watchedMs: Date.now() - start,
    changesAtMs: changes,
    intervalsMs: intervals,
  };
  const seconds = (patience / 1000).toFixed(0);
  const firstSeen = context.options.keyFirstSeen?.(last);
  const days = firstSeen === undefined ? 0 : (Date.now() - firstSeen) / 86_400_000;
  if (changes.length === 0 && days > 2) {
    yield {
      check: 'rotation',
      verdict: days > 7 ? 'bad' : 'weak',
      summary: `tickets are still sealed under the key of ${Math.floor(days)} days ago: who gets it reads the TLS 1.2 connections of all that time (RFC 9325, Section 3.4 asks for a change at least once a week)`,
      details: { ...details, days },
    };
    return;
  }
  const summary =
    changes.length === 0
      ? `the ticket key did not change in ${seconds} s`
      : `the ticket key changed ${changes.length} time${changes.length === 1 ? '' : 's'} in ${seconds} s`;
  yield { check: 'rotation', verdict: 'info', summary, details };
}

/** What two tickets have in common at their start: the name of the key, with or without a format byte. */
function keyNameOf(a: Uint8Array, b: Uint8Array): { start: number; end: number } | undefined {
  let end = 0;
  while (end < Math.min(a.length, b.length) && a[end] === b[end]) end++;
  // A handle into a store has no key name, and a random prefix has no common bytes.
  if (end < 4) return undefined;
  return { start: 0, end: Math.min(end, 17) };
}

async function* checkTicketReuse(context: Context): AsyncGenerator<Finding> {
  if (!context.works.has('psk')) return;
  const session = await obtain(context, 'psk');
  if (session === undefined) return;
  const uses: boolean[] = [];
  for (let i = 0; i < 3; i++) uses.push(await resumes(context, 'psk', session));
  const accepted = uses.filter((yes) => yes).length;
  yield {
    check: 'ticketReuse',
    verdict: accepted > 1 ? 'info' : 'good',
    summary:
      accepted > 1
        ? `one TLS 1.3 ticket resumes again and again (${accepted} of 3): whoever reuses it can be linked`
        : 'a TLS 1.3 ticket resumes once',
    details: { accepted, of: 3 },
  };
}

async function* checkEarlyDataReplay(context: Context): AsyncGenerator<Finding> {
  const { target, options } = context;
  const session = context.works.has('psk') ? await obtain(context, 'psk') : undefined;
  if (session === undefined || session.state.maxEarlyDataSize === 0) {
    yield {
      check: 'earlyDataReplay',
      verdict: 'good',
      summary: 'tickets allow no early data',
      details: { offered: false },
    };
    return;
  }
  // Whether it is accepted stands in EncryptedExtensions: no byte of it need be sent.
  const earlyData = options.earlyData ?? new Uint8Array(0);
  const addresses = target.addresses ?? [target.address];
  const endpoints = [...addresses, ...addresses].map((address) => ({ ...target, address }));
  const probes = await replayEarlyData(endpoints, session, {
    ...options,
    earlyData,
    client: clientFor('psk', options),
  });
  const accepted = probes.filter(({ info }) => info?.earlyData === 'accepted').length;
  yield {
    check: 'earlyDataReplay',
    verdict: accepted > 1 ? 'bad' : 'good',
    summary:
      accepted > 1
        ? `the same early data was accepted ${accepted} times: an attacker can repeat what a client asked for`
        : accepted === 1
          ? `early data that is sent ${probes.length} times is accepted once`
          : 'early data is refused, though tickets allow it: after a start a server cannot know what was replayed',
    details: { offered: true, sent: probes.length, accepted },
  };
}

async function* checkWeakKeys(context: Context): AsyncGenerator<Finding> {
  for (const kind of ['ticket', 'psk'] as const) {
    if (!context.works.has(kind)) continue;
    const session = await obtain(context, kind);
    if (session === undefined) continue;
    const found = findWeakTicketKey(context.options.crypto, session.ticket);
    yield found === undefined
      ? {
          check: 'weakKeys',
          verdict: 'good',
          summary: `no known weak key opens a ${kindNames[kind]}`,
          details: { kind },
        }
      : {
          check: 'weakKeys',
          verdict: 'bad',
          summary: `anyone can open a ${kindNames[kind]}: its key is ${found.key} (compare GnuTLS CVE-2020-13777)`,
          details: { kind, ...found },
        };
  }
}

async function* checkLinkability(context: Context): AsyncGenerator<Finding> {
  const { works } = context;
  for (const kind of ['ticket', 'psk'] as const) {
    if (!works.has(kind)) continue;
    const { sessions } = await ask(context, kind);
    const [session] = sessions;
    if (session === undefined) continue;
    const distinct = new Set(sessions.map(({ ticket }) => toHex(ticket))).size === sessions.length;
    const readable = readableParts(session);
    const again = (await ask(context, kind, session)).sessions.at(-1);
    const fresh = again !== undefined && !equal(again.ticket, session.ticket);
    const details = { kind, ticketsPerConnection: sessions.length, distinct, freshAfterResumption: fresh, readable };
    if (readable.length > 0) {
      const summary = `a ${kindNames[kind]} shows ${readable.join(' and ')} in clear`;
      yield { check: 'linkability', verdict: 'bad', summary, details };
    } else if (kind === 'psk' && !(fresh && distinct)) {
      const summary = 'a resumption gives no fresh TLS 1.3 ticket: clients must reuse one, and can be linked';
      yield { check: 'linkability', verdict: 'weak', summary, details };
    } else {
      const summary =
        kind === 'psk'
          ? 'each resumption gives a fresh TLS 1.3 ticket'
          : 'a TLS 1.2 ticket goes in clear: it links connections whatever the server does';
      yield { check: 'linkability', verdict: kind === 'psk' ? 'good' : 'info', summary, details };
    }
  }
}

/** What of a session can be read in its ticket by anybody. */
function readableParts({ ticket, state }: ClientSession): string[] {
  const text = Buffer.from(ticket).toString('latin1');
  const parts: string[] = [];
  if (state.serverName !== undefined && text.includes(state.serverName)) parts.push('the server name');
  if (text.includes(Buffer.from(state.secret.subarray(0, 16)).toString('latin1'))) parts.push('the secret');
  return parts;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
