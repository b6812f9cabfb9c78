/**
 * `tls.checkServerIdentity`: whether a certificate (as Node's legacy object) is for a host name (RFC 6125,
 * RFC 9525 where Node's behaviour allows), with Node's error and words.
 */
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { domainToASCII } from 'node:url';
import { type CodedError, nodeError } from '../base/node-errors.ts';

/** Node's error for a certificate that is for somebody else. */
export interface AltNameError extends CodedError {
  reason: string;
  host: string;
  cert: PeerCertificate;
}

/**
 * Whether the certificate is for the host name.
 *
 * @returns `undefined` where it is; else an error with code `ERR_TLS_CERT_ALTNAME_INVALID`.
 * @throws `ERR_TLS_CERT_ALTNAME_FORMAT` where `subjectaltname` does not parse.
 */
export function checkServerIdentity(hostname: string, cert: PeerCertificate): AltNameError | undefined {
  const host = withoutDot(`${hostname}`);
  const reason = mismatch(host, cert);
  if (reason === undefined) return undefined;
  const error = nodeError(
    'ERR_TLS_CERT_ALTNAME_INVALID',
    `Hostname/IP does not match certificate's altnames: ${reason}`,
  ) as AltNameError;
  error.reason = reason;
  error.host = host;
  error.cert = cert;
  return error;
}

/** As much of the legacy object as says for whom a certificate is. */
type CertificateNames = Pick<PeerCertificate, 'subject' | 'subjectaltname'>;

/** The same without the error: whether a certificate with these names is for the host. */
export function isFor(hostname: string, names: CertificateNames): boolean {
  return mismatch(withoutDot(`${hostname}`), names) === undefined;
}

function mismatch(host: string, cert: CertificateNames): string | undefined {
  const altNames = cert.subjectaltname;
  const dnsNames: string[] = [];
  const addresses: string[] = [];
  if (altNames) {
    for (const name of altNames.includes('"') ? splitQuoted(altNames) : altNames.split(', ')) {
      if (name.startsWith('DNS:')) dnsNames.push(name.slice(4));
      else if (name.startsWith('IP Address:')) addresses.push(canonicalAddress(name.slice(11)) ?? '');
    }
  }
  if (isIP(host)) {
    if (addresses.includes(canonicalAddress(host) ?? host)) return undefined;
    return `IP: ${host} is not in the cert's list: ${addresses.join(', ')}`;
  }
  const commonName: string | string[] | undefined = cert.subject?.CN;
  if (dnsNames.length === 0 && !commonName) return 'Cert does not contain a DNS name';
  // An internationalised name is compared in the form that certificates hold it in.
  const labels = labelsOf(domainToASCII(host) || host);
  if (dnsNames.length > 0) {
    if (dnsNames.some((pattern) => matches(labels, pattern))) return undefined;
    return `Host: ${host}. is not in the cert's altnames: ${altNames}`;
  }
  // The common name counts only where the certificate names no DNS name at all.
  const names = Array.isArray(commonName) ? commonName : [commonName];
  if (names.some((pattern) => matches(labels, pattern ?? ''))) return undefined;
  return `Host: ${host}. is not cert's CN: ${commonName}`;
}

function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function labelsOf(host: string): string[] {
  // Only A to Z: String#toLowerCase would also fold letters that DNS does not.
  return withoutDot(host)
    .replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32))
    .split('.');
}

/** Whether a name of the certificate covers the host: equal label by label, with at most one `*` in the first. */
function matches(labels: readonly string[], pattern: string): boolean {
  if (!pattern) return false;
  const parts = labelsOf(pattern);
  if (parts.length !== labels.length || parts.includes('')) return false;
  // U-labels, control characters and blanks have no place in a certificate.
  if (parts.some((part) => /[^\u0021-\u007F]/u.test(part))) return false;
  for (let i = parts.length - 1; i > 0; i--) if (parts[i] !== labels[i]) return false;
  const first = parts[0]!;
  const label = labels[0]!;
  const around = first.split('*');
  // RFC 6125, Section 6.4.3: no wildcard inside an A-label.
  if (around.length === 1 || first.includes('xn--')) return first === label;
  if (around.length > 2 || parts.length <= 2) return false;
  const [before, after] = around as [string, string];
  return before.length + after.length <= label.length && label.startsWith(before) && label.endsWith(after);
}

/** One spelling for every IP address; `undefined` for what is none. */
function canonicalAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, '');
  if (isIP(address) === 0) return undefined;
  if (isIP(address) !== 6) return address;
  // The URL parser has the one canonical form (RFC 5952), and knows IPv4 in IPv6.
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON has no control characters in its strings.
const jsonString = /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/;

/** Splits the list where names are quoted: Node writes those with a comma or a quote as JSON strings. */
function splitQuoted(altNames: string): string[] {
  const names: string[] = [];
  let name = '';
  let at = 0;
  while (at < altNames.length) {
    const comma = altNames.indexOf(',', at);
    const quote = altNames.indexOf('"', at);
    if (quote !== -1 && (comma === -1 || quote < comma)) {
      const quoted = jsonString.exec(altNames.slice(quote));
      if (quoted === null)
        throw nodeError('ERR_TLS_CERT_ALTNAME_FORMAT', 'Invalid subject alternative name string', SyntaxError);
      name += altNames.slice(at, quote) + (JSON.parse(quoted[0]) as string);
      at = quote + quoted[0].length;
    } else if (comma !== -1) {
      names.push(name + altNames.slice(at, comma));
      name = '';
      at = comma + 2;
    } else {
      name += altNames.slice(at);
      at = altNames.length;
    }
  }
  names.push(name);
  return names;
}
