import { equal } from '../../bytes/bytes.ts';
import { check, text } from '../../bytes/check.ts';
import type { Certificate } from '../certificate.ts';
import { certificate as aCertificate } from '../check-arguments.ts';
import { formatGeneralName, isHostName } from '../general-name.ts';
import { parseIp } from '../ip.ts';
import { problem } from './problem.ts';

/**
 * Throws `ERR_TLS_CERT_NAME` unless the certificate is for this host (RFC 9525). Only subjectAltName counts, never the
 * common name.
 * @param host a DNS name (U-labels are converted, one trailing dot is dropped) or an IP literal.
 */
export function checkHost(certificate: Certificate, host: string): void {
  if (matchesHost(certificate, host)) return;
  const names = certificate.decoded.subjectAltName?.map(formatGeneralName) ?? [];
  const shown = names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '');
  throw problem(
    'ERR_TLS_CERT_NAME',
    `the certificate ${certificate} is not for ${JSON.stringify(host)}: it names ${shown || 'no host in subjectAltName'}; ` +
      'connect by a name it has, or have it issued again with this one',
    'RFC 9525, Section 6',
  );
}

/** Whether the certificate is for this host; see {@link checkHost}. */
export function matchesHost(certificate: Certificate, host: string): boolean {
  check(aCertificate, certificate, 'matchesHost: certificate');
  check(text, host, 'matchesHost: host');
  const names = certificate.decoded.subjectAltName;
  if (names === undefined) return false;
  const ip = parseIp(host);
  if (ip !== undefined) return names.some((name) => name.kind === 'ip' && equal(name.value, ip));
  const reference = normalizeHost(host);
  if (reference === undefined) return false;
  return names.some((name) => name.kind === 'dns' && matchesDnsName(name.value, reference));
}

/** Lower case, A-labels, no trailing dot; `undefined` for what is no host name. */
export function normalizeHost(host: string): string | undefined {
  const bare = host.endsWith('.') ? host.slice(0, -1) : host;
  const ascii = isAsciiText(bare) ? bare : toAscii(bare);
  // Digits of other scripts make an address of what looked like a name.
  return ascii !== undefined && isHostName(ascii) && parseIp(ascii) === undefined ? ascii.toLowerCase() : undefined;
}

/**
 * Whether a presented name matches a normalized reference name (RFC 9525, Section 6.3): letter by letter without case,
 * or `*.` in front of at least two labels standing for one whole label.
 */
function matchesDnsName(presented: string, reference: string): boolean {
  const name = presented.toLowerCase();
  if (!name.startsWith('*.')) return name === reference;
  const suffix = name.slice(1);
  // A wildcard right under a top-level domain covers strangers' names.
  if (suffix.indexOf('.', 1) < 0 || suffix.includes('*')) return false;
  const dot = reference.indexOf('.');
  return dot > 0 && reference.slice(dot) === suffix;
}

function isAsciiText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

// UTS #46 processing by the URL parser, which every runtime has.
function toAscii(host: string): string | undefined {
  if (/[/?#@:\\[\]%\s]/.test(host)) return undefined;
  try {
    return new URL(`http://${host}/`).hostname;
  } catch {
    return undefined;
  }
}

/** Whether the certificate is for this mailbox: the local part exactly, the host without case (RFC 5280, Section 7.5). */
export function matchesEmail(certificate: Certificate, address: string): boolean {
  check(aCertificate, certificate, 'matchesEmail: certificate');
  check(text, address, 'matchesEmail: address');
  const at = address.lastIndexOf('@');
  if (at < 1) return false;
  const folded = foldMailbox(address);
  return (
    certificate.decoded.subjectAltName?.some((name) => name.kind === 'email' && foldMailbox(name.value) === folded) ??
    false
  );
}

/** A mailbox with its host in lower case, and its local part without quotes: with them it is the same (RFC 5321, Section 4.1.2). */
export function foldMailbox(address: string): string {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const bare = /^".*"$/.test(local) ? local.slice(1, -1).replace(/\\(.)/g, '$1') : local;
  return bare + address.slice(at).toLowerCase();
}
