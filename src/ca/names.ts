import { ipRange } from '../pki/build.ts';
import { type GeneralName, hostGeneralName, isHostName } from '../pki/general-name.ts';
import { parseIp } from '../pki/ip.ts';
import { caError } from './error.ts';

/**
 * A name as people write it, for subjectAltName: a DNS name (`*.` in front is a wildcard; other scripts become
 * `xn--`), an IP address, an e-mail address, or a URI (`spiffe://…`). Throws `ERR_TLS_CA_NAME`.
 */
export function subjectName(text: string): GeneralName {
  const name = text.trim();
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) {
    if (!/^[\x21-\x7e]+$/.test(name)) throw badName(text, 'a URI is written in ASCII, without spaces');
    return { kind: 'uri', value: name };
  }
  if (name.includes('@')) {
    if (!/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+$/.test(name)) throw badName(text, 'it is no e-mail address');
    return { kind: 'email', value: name };
  }
  const bare = /^\[.*\]$/.test(name) ? name.slice(1, -1) : name;
  if (parseIp(bare) !== undefined) return hostGeneralName(bare);
  return { kind: 'dns', value: dnsName(text, name) };
}

function dnsName(text: string, name: string): string {
  const wildcard = name.startsWith('*.');
  let host = (wildcard ? name.slice(2) : name).replace(/\.$/, '');
  if (!/^[\x20-\x7e]*$/.test(host)) host = toAscii(host) ?? host;
  host = host.toLowerCase();
  if (host.includes('*')) throw badName(text, 'a wildcard stands alone in the first label: *.example.com');
  if (!isHostName(host) || /(?:^|\.)-|-(?:\.|$)/.test(host)) throw badName(text, 'it is no DNS name');
  // All digits at the end: software takes it for an IPv4 address.
  if (/(?:^|\.)\d+$/.test(host)) throw badName(text, 'it looks like an IP address, and is none');
  if (wildcard && !host.includes('.')) throw badName(text, 'a wildcard right under a top-level domain matches nowhere');
  return wildcard ? `*.${host}` : host;
}

function toAscii(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}

/** A base of name constraints as people write it: `example.com` (with everything under it), `10.0.0.0/8`, `fd00::/8`. */
export function constraintName(text: string): GeneralName {
  if (parseIp(text.split('/')[0] as string) !== undefined) {
    try {
      return ipRange(text);
    } catch {
      throw badName(text, 'write an address range as 10.0.0.0/8');
    }
  }
  const host = text.replace(/^\*?\./, '').toLowerCase();
  if (!isHostName(host)) throw badName(text, 'it is neither a DNS name nor an address range');
  return { kind: 'dns', value: host };
}

/** Names and addresses that belong to nobody on the Internet: what a development authority may vouch for. */
export const privateNames: readonly string[] = [
  'localhost', // RFC 6761
  'test', // RFC 6761
  'internal', // reserved by ICANN in 2024
  'local', // RFC 6762
  'home.arpa', // RFC 8375
  '127.0.0.0/8',
  '10.0.0.0/8', // RFC 1918
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16', // RFC 3927
  '::1/128',
  'fc00::/7', // RFC 4193
  'fe80::/10', // RFC 4291
];

function badName(text: string, why: string): Error {
  return caError('ERR_TLS_CA_NAME', `${JSON.stringify(text)}: ${why}`);
}
