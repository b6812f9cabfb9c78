import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { usageError } from '../errors.ts';

/** Where to connect to. */
export interface Target {
  /** A DNS name (ASCII) or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** With query; `/` where none is given. */
  readonly path: string;
  /** As one writes it in a URL. */
  readonly authority: string;
}

/** Reads `https://host:port/path`, `host:port` or `host`. */
export function parseTarget(text: string, defaultPort = 443): Target {
  const word = text.trim();
  if (/^http:\/\//i.test(word)) {
    throw usageError(`${text} is not encrypted at all`, `Try https://${word.slice(7)}`);
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(word);
  if (scheme !== null && scheme[1]?.toLowerCase() !== 'https') {
    throw usageError(`${text}: handfast speaks https, not ${scheme[1]}`);
  }
  // A bare IPv6 address is no URL without its brackets.
  const address = isIP(word) === 6 ? `[${word}]` : word;
  let url: URL;
  try {
    url = new URL(scheme === null ? `https://${address}` : address);
  } catch {
    throw usageError(`"${text}" is no address`, 'Like this: https://example.com/, example.com:8443, [::1]:8443');
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError('a user name in the address is not sent', 'Use a header: -H "Authorization: …"');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0 && domainToASCII(host) === '') throw usageError(`"${host}" is no host name`);
  const port = url.port === '' ? (scheme === null ? defaultPort : 443) : Number(url.port);
  if (port === 0) throw usageError(`${text}: nothing can listen on port 0`);
  const shown = host.includes(':') ? `[${host}]` : host;
  return { host, port, path: url.pathname + url.search, authority: port === 443 ? shown : `${shown}:${port}` };
}
