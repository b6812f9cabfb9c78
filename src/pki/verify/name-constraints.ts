import type { Certificate } from '../certificate.ts';
import { oids } from '../der/oid.ts';
import { DerReader, tags } from '../der/reader.ts';
import { stringText } from '../der/strings.ts';
import type { NameConstraints } from '../extensions.ts';
import { formatGeneralName, type GeneralName, type GeneralNameKind, isMailbox, uriHost } from '../general-name.ts';
import { parseIp } from '../ip.ts';
import { nameAttributes, rdnKeys } from '../name.ts';
import type { Budget } from './budget.ts';
import { foldMailbox, normalizeHost } from './host.ts';

/** A name in the form in which it is compared, beside the one in which it is shown. */
interface Prepared {
  readonly name: GeneralName;
  readonly kind: GeneralNameKind;
  /** Lower-case DNS name, mailbox with lower-case host, or host of a URI (empty where it has none). */
  readonly text: string;
  readonly octets: Uint8Array | undefined;
  readonly rdns: readonly string[] | undefined;
}

/** Names of a certificate, prepared for comparison. */
export type PreparedNames = readonly Prepared[];

/** Constraints, prepared for comparison: bases by kind. */
export interface PreparedConstraints {
  readonly permitted: ReadonlyMap<GeneralNameKind, PreparedNames>;
  readonly excluded: ReadonlyMap<GeneralNameKind, PreparedNames>;
}

/**
 * All names that constraints apply to (RFC 5280, Section 4.2.1.10): subjectAltName, a subject that is not empty, and
 * its emailAddress attributes.
 */
export function prepareNames(certificate: Certificate): PreparedNames {
  const names = (certificate.decoded.subjectAltName ?? []).map((name) => prepare(name, 'name'));
  for (const name of certificate.decoded.subjectAltName ?? []) {
    // RFC 9598, Section 6: constraints on rfc822Name hold for SmtpUTF8Mailbox too.
    if (name.kind === 'other' && name.type === oids.smtpUtf8Mailbox) {
      const text = internationalMailbox(name.value);
      names.push({ name, kind: 'email', text, octets: undefined, rdns: undefined });
    }
  }
  const { subject } = certificate;
  if (subject.length > 2) names.push(prepare({ kind: 'directory', value: subject }, 'name'));
  for (const rdn of nameAttributes(subject)) {
    for (const { type, value } of rdn) {
      if (type !== oids.emailAddress) continue;
      const name = { kind: 'email', value } as const;
      // The attribute may hold any text. What is no mailbox is compared with nothing, and so refused where mail is constrained.
      names.push(isMailbox(value) ? prepare(name, 'name') : { ...prepare(name, 'name'), text: '' });
    }
  }
  return names;
}

/**
 * Common names that look like host names, where subjectAltName has none: for verifiers that take them for names, as
 * {@link checkHost} never does. An address is no host name.
 */
export function prepareCommonNames({ subject, decoded }: Certificate): PreparedNames {
  if (decoded.subjectAltName?.some(({ kind }) => kind === 'dns') === true) return noNames;
  return nameAttributes(subject).flatMap((rdn) =>
    rdn.flatMap(({ type, value }) => {
      const host = value.endsWith('.') ? value.slice(0, -1) : value;
      const named = type === oids.commonName && /^[\w*-]+(?:\.[\w-]+)+$/.test(host) && parseIp(host) === undefined;
      return named ? [prepare({ kind: 'dns', value: host }, 'name')] : [];
    }),
  );
}

/** The mailbox with its host in A-labels; empty where it is none. */
function internationalMailbox(value: Uint8Array): string {
  const reader = new DerReader(value, 'SmtpUTF8Mailbox');
  try {
    reader.expect(tags.utf8String, 'mailbox');
    const text = stringText(tags.utf8String, reader.value()) ?? '';
    const at = text.lastIndexOf('@');
    const host = normalizeHost(text.slice(at + 1));
    return at > 0 && host !== undefined ? `${text.slice(0, at)}@${host}` : '';
  } catch {
    return '';
  }
}

/** Constraints with their bases in the form in which names are compared (RFC 5280, Section 4.2.1.10). */
export function prepareConstraints(constraints: NameConstraints): PreparedConstraints {
  return { permitted: byKind(constraints.permitted), excluded: byKind(constraints.excluded) };
}

function byKind(bases: readonly GeneralName[]): Map<GeneralNameKind, Prepared[]> {
  const map = new Map<GeneralNameKind, Prepared[]>();
  for (const base of bases) {
    const list = map.get(base.kind);
    if (list === undefined) map.set(base.kind, [prepare(base, 'constraint')]);
    else list.push(prepare(base, 'constraint'));
  }
  return map;
}

function prepare(name: GeneralName, use: 'name' | 'constraint'): Prepared {
  const { kind } = name;
  return {
    name,
    kind,
    text: textOf(name, use),
    octets: kind === 'ip' ? name.value : undefined,
    rdns: kind === 'directory' ? rdnKeys(name.value) : undefined,
  };
}

function textOf(name: GeneralName, use: 'name' | 'constraint'): string {
  if (name.kind === 'dns') return name.value.toLowerCase();
  if (name.kind === 'email') return name.value.includes('@') ? foldMailbox(name.value) : name.value.toLowerCase();
  if (name.kind === 'uri') return use === 'name' ? (uriHost(name.value) ?? '') : name.value.toLowerCase();
  return '';
}

/** A name that the constraints don't allow, said in words; `undefined` where they allow all. */
export function violation(constraints: PreparedConstraints, names: PreparedNames, budget: Budget): string | undefined {
  for (const name of names) {
    const excluded = constraints.excluded.get(name.kind);
    const permitted = constraints.permitted.get(name.kind);
    if (excluded === undefined && permitted === undefined) continue;
    // Names are written out where one is refused alone: a hostile chain has many, long ones, and asks for each often.
    const shown = () => formatGeneralName(name.name);
    // "the certificate using application MUST either process the constraint or reject the certificate"
    if (!comparable(name)) return `${shown()} is of a kind whose constraints can't be judged`;
    for (const base of excluded ?? noNames) {
      budget.comparison();
      if (within(name, base) || wildcardTouches(name, base)) return `${shown()} is excluded by ${formatBase(base)}`;
    }
    if (permitted === undefined) continue;
    let allowed = false;
    for (const base of permitted) {
      budget.comparison();
      if (!within(name, base)) continue;
      allowed = true;
      break;
    }
    if (!allowed) return `${shown()} is not among the permitted names (${listed(permitted)})`;
  }
  return undefined;
}

const noNames: PreparedNames = [];

function comparable(name: Prepared): boolean {
  switch (name.kind) {
    case 'dns':
    case 'ip':
    case 'directory':
      return true;
    case 'email':
    case 'uri':
      return name.text !== ''; // RFC 5280: a URI without a host name "MUST be rejected" where a constraint applies
    default:
      return false;
  }
}

function within(name: Prepared, base: Prepared): boolean {
  switch (name.kind) {
    case 'dns':
      return isWithinDomain(name.text, base.text);
    case 'email':
      if (base.text === '') return true;
      if (base.text.includes('@')) return name.text === base.text;
      return hostMatches(name.text.slice(name.text.lastIndexOf('@') + 1), base.text);
    case 'uri':
      return base.text === '' || hostMatches(name.text, base.text);
    case 'ip':
      return inRange(name.octets as Uint8Array, base.octets as Uint8Array);
    default: {
      const rdns = name.rdns as readonly string[];
      const prefix = base.rdns as readonly string[];
      return prefix.length <= rdns.length && prefix.every((rdn, i) => rdn === rdns[i]);
    }
  }
}

// RFC 5280, Section 4.2.1.10: zero or more labels added on the left. `*.example.com` is within `example.com`. A leading period,
// which a lenient reading lets through, asks for one label at least.
function isWithinDomain(name: string, base: string): boolean {
  if (base.startsWith('.')) return name.length > base.length && name.endsWith(base);
  if (base === '' || name === base) return true;
  const at = name.length - base.length - 1;
  return at >= 0 && name.charCodeAt(at) === 0x2e && name.endsWith(base);
}

// `*.example.com` also stands for the excluded `www.example.com`: what might be misused is refused (CVE-2025-61727).
function wildcardTouches(name: Prepared, base: Prepared): boolean {
  if (name.kind !== 'dns' || !name.text.startsWith('*.')) return false;
  const dot = base.text.indexOf('.');
  return dot > 0 && base.text.slice(dot) === name.text.slice(1);
}

// Mail and URI: a leading period stands for hosts below the domain, anything else for that one host.
function hostMatches(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) && host.length > base.length : host === base;
}

function inRange(address: Uint8Array, range: Uint8Array): boolean {
  if (range.length !== address.length * 2) return false;
  for (let i = 0; i < address.length; i++) {
    const mask = range[address.length + i] as number;
    if (((address[i] as number) & mask) !== ((range[i] as number) & mask)) return false;
  }
  return true;
}

function formatBase(base: Prepared): string {
  const shown = formatGeneralName(base.name);
  return base.kind === 'dns' && base.text === '' ? 'DNS:(all)' : shown;
}

function listed(bases: PreparedNames): string {
  const shown = bases.slice(0, 5).map(formatBase).join(', ');
  return bases.length > 5 ? `${shown} and ${bases.length - 5} more` : shown;
}
