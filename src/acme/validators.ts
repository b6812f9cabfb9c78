import { createHash } from 'node:crypto';
import { lookup, Resolver } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { equal, fromText } from '../bytes/bytes.ts';
import { check, list, text } from '../bytes/check.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { oids } from '../pki/der/oid.ts';
import { DerReader } from '../pki/der/reader.ts';
import { formatIp, parseIp } from '../pki/ip.ts';
import { toBase64Url } from './base64url.ts';
import { checkValidatorOptions } from './check-options.ts';
import { AcmeProblem, type ProblemType } from './problem.ts';
import type { ChallengeType, Identifier } from './state.ts';

/** How names are resolved. A test answers by itself. */
export interface AcmeResolver {
  /** Addresses of a host. Rejects, or answers with none, where there are none. */
  addresses(host: string): Promise<readonly string[]>;
  /** TXT records, each with its strings joined. */
  txt(name: string): Promise<readonly string[]>;
}

/** How the network is asked. */
export interface ValidatorOptions {
  readonly resolver?: AcmeResolver | undefined;
  /** Port of http-01; 80. */
  readonly httpPort?: number | undefined;
  /** Port of tls-alpn-01; 443. */
  readonly tlsPort?: number | undefined;
  /** Milliseconds for one attempt; 10,000. */
  readonly timeout?: number | undefined;
  /** Whether this server may connect there. All where absent: an authority for private names validates private hosts. */
  readonly mayConnect?: ((address: string) => boolean) | undefined;
}

/** One challenge to look at. */
export interface ValidationInput {
  readonly identifier: Identifier;
  readonly token: string;
  /** `token.thumbprint` (RFC 8555, Section 8.1). */
  readonly keyAuthorization: string;
}

/** Looks whether a challenge is met. Throws an {@link AcmeProblem} that says what was found instead. */
export type Validator = (input: ValidationInput) => Promise<void>;

const maxRedirects = 10;
const maxBody = 4096;

/** The resolver of this machine, or of the DNS servers given (`127.0.0.1:5353`). */
export function systemResolver(servers?: readonly string[]): AcmeResolver {
  if (servers !== undefined) check(list(text), servers, 'systemResolver: servers');
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return {
    async addresses(host) {
      if (servers === undefined) return (await lookup(host, { all: true })).map(({ address }) => address);
      const found = await Promise.allSettled([resolver.resolve6(host), resolver.resolve4(host)]);
      return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    },
    txt: async (name) => (await resolver.resolveTxt(name)).map((strings) => strings.join('')),
  };
}

/** The three challenge types over the network. */
export function networkValidators(options: ValidatorOptions = {}): Readonly<Record<ChallengeType, Validator>> {
  checkValidatorOptions(options);
  const {
    resolver = systemResolver(),
    httpPort = 80,
    tlsPort = 443,
    timeout = 10_000,
    mayConnect = () => true,
  } = options;
  const network: Network = { resolver, httpPort, tlsPort, timeout, mayConnect };
  return {
    'http-01': (input) => validateHttp(input, network),
    'dns-01': (input) => validateDns(input, network),
    'tls-alpn-01': (input) => validateTlsAlpn(input, network),
  };
}

interface Network {
  readonly resolver: AcmeResolver;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly timeout: number;
  readonly mayConnect: (address: string) => boolean;
}

// RFC 8555, Section 8.3.
async function validateHttp({ identifier, token, keyAuthorization }: ValidationInput, network: Network): Promise<void> {
  const host = identifier.value.includes(':') ? `[${identifier.value}]` : identifier.value;
  const port = network.httpPort === 80 ? '' : `:${network.httpPort}`;
  let url = new URL(`http://${host}${port}/.well-known/acme-challenge/${token}`);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const { status, location, body } = await get(url, network);
    if (status >= 300 && status < 400 && location !== undefined) {
      url = redirected(url, location, network);
      continue;
    }
    if (status !== 200) throw problem('unauthorized', `${url} answered with the status ${status}`);
    // "the server SHOULD ignore whitespace characters at the end of the body"
    if (body.replace(/\s+$/, '') === keyAuthorization) return;
    throw problem(
      'incorrectResponse',
      `${url} answered ${JSON.stringify(body.slice(0, 100))}, which is not the key authorization`,
    );
  }
  throw problem('connection', `${url}: more than ${maxRedirects} redirects`);
}

function redirected(from: URL, location: string, network: Network): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const port = to?.port === '' ? (to.protocol === 'https:' ? 443 : 80) : Number(to?.port);
  const ports = [80, 443, network.httpPort, network.tlsPort];
  if (to === undefined || !/^https?:$/.test(to.protocol) || !ports.includes(port)) {
    throw problem('connection', `${from} redirects to ${location.slice(0, 200)}, which is not followed`);
  }
  return to;
}

async function get(
  url: URL,
  network: Network,
): Promise<{ status: number; location: string | undefined; body: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  let failure: unknown;
  for (const address of await addressesOf(host, network)) {
    try {
      return await getFrom(url, address, network.timeout);
    } catch (error) {
      failure = error;
    }
  }
  throw problem('connection', `${url}: ${(failure as Error).message}`, failure);
}

function getFrom(
  url: URL,
  address: string,
  timeout: number,
): Promise<{ status: number; location: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = secure ? httpsRequest : httpRequest;
    const asked = request({
      host: address,
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: { host: url.host, 'user-agent': 'handfast-acme', accept: '*/*', connection: 'close' },
      agent: false,
      signal: AbortSignal.timeout(timeout),
      // A redirect may lead to a site whose certificate is just being ordered.
      rejectUnauthorized: false,
      servername: isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? url.hostname : '',
    });
    asked.on('error', reject);
    // Node hands such a connection over, or ends it without an error: nothing else would ever be heard of it.
    asked.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('it answered with the status 101'));
    });
    asked.on('close', () => reject(new Error('it ended without an answer')));
    asked.on('response', (response: IncomingMessage) => {
      const { statusCode: status = 0, headers } = response;
      // What a redirect says to people doesn't matter, however long it is.
      if (status >= 300 && status < 400 && headers.location !== undefined) {
        resolve({ status, location: headers.location, body: '' });
        response.on('error', () => undefined);
        response.destroy();
        return;
      }
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        size += part.length;
        if (size > maxBody) response.destroy(new Error(`the answer has more than ${maxBody} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status, location: undefined, body: Buffer.concat(parts).toString() }));
    });
    asked.end();
  });
}

// RFC 8555, Section 8.4.
async function validateDns({ identifier, keyAuthorization }: ValidationInput, network: Network): Promise<void> {
  if (identifier.type !== 'dns') throw problem('malformed', 'dns-01 is for DNS names');
  const name = `_acme-challenge.${identifier.value}`;
  const wanted = toBase64Url(createHash('sha256').update(keyAuthorization).digest());
  let records: readonly string[];
  try {
    records = await network.resolver.txt(name);
  } catch (error) {
    throw problem('dns', `no TXT record at ${name}: ${(error as Error).message}`, error);
  }
  if (records.includes(wanted)) return;
  const shown = records.slice(0, 3).map((record) => JSON.stringify(record.slice(0, 60)));
  throw problem(
    'incorrectResponse',
    `${name} has ${shown.join(', ') || 'no TXT records'}, where ${wanted} is expected`,
  );
}

// RFC 8737, Section 3; RFC 8738, Section 6 for addresses.
async function validateTlsAlpn({ identifier, keyAuthorization }: ValidationInput, network: Network): Promise<void> {
  let failure: unknown;
  for (const address of await addressesOf(identifier.value, network)) {
    try {
      const der = await alpnCertificate(address, network.tlsPort, sniOf(identifier), network.timeout);
      checkAlpnCertificate(parseCertificate(der), identifier, keyAuthorization);
      return;
    } catch (error) {
      if (error instanceof AcmeProblem) throw error;
      failure = error;
    }
  }
  throw problem('tls', `${identifier.value}:${network.tlsPort}: ${(failure as Error).message}`, failure);
}

/** What the client says in SNI: the name, or the address as the reverse DNS spells it. */
export function sniOf(identifier: Identifier): string {
  if (identifier.type === 'dns') return identifier.value;
  const bytes = parseIp(identifier.value) as Uint8Array;
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`;
  const nibbles = [...bytes].flatMap((byte) => [(byte >> 4).toString(16), (byte & 15).toString(16)]);
  return `${nibbles.reverse().join('.')}.ip6.arpa`;
}

function alpnCertificate(host: string, port: number, servername: string, timeout: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const ALPNProtocols = ['acme-tls/1'];
    const socket = connect({ host, port, servername, ALPNProtocols, rejectUnauthorized: false, minVersion: 'TLSv1.2' });
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), timeout);
    socket.on('close', () => clearTimeout(timer));
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const { alpnProtocol } = socket;
      const raw = socket.getPeerCertificate().raw as Buffer | undefined;
      socket.destroy();
      if (alpnProtocol !== 'acme-tls/1') reject(problem('unauthorized', 'it did not negotiate acme-tls/1'));
      else if (raw === undefined) reject(new Error('it sent no certificate'));
      else resolve(new Uint8Array(raw));
    });
  });
}

/** Throws unless the certificate is for this identifier alone and carries the digest. */
export function checkAlpnCertificate(certificate: Certificate, identifier: Identifier, keyAuthorization: string): void {
  const names = certificate.decoded.subjectAltName ?? [];
  const [name] = names;
  const matches =
    name?.kind === 'dns'
      ? identifier.type === 'dns' && name.value.toLowerCase() === identifier.value
      : name?.kind === 'ip' && identifier.type === 'ip' && formatIp(name.value) === identifier.value;
  if (names.length !== 1 || !matches) {
    throw problem('unauthorized', `the certificate is not for ${identifier.value} alone (RFC 8737, Section 3)`);
  }
  const item = certificate.extensions.get(oids.acmeIdentifier);
  if (item?.critical !== true)
    throw problem('unauthorized', 'the certificate has no critical acmeIdentifier extension');
  const reader = new DerReader(item.value, 'acmeIdentifier');
  const digest = reader.octetString('digest');
  reader.done();
  if (!equal(digest, createHash('sha256').update(fromText(keyAuthorization)).digest())) {
    throw problem(
      'incorrectResponse',
      'the acmeIdentifier extension holds another digest than that of the key authorization',
    );
  }
}

async function addressesOf(host: string, network: Network): Promise<readonly string[]> {
  let addresses: readonly string[];
  try {
    addresses = isIP(host) === 0 ? await network.resolver.addresses(host) : [host];
  } catch (error) {
    throw problem('dns', `${host} does not resolve: ${(error as Error).message}`, error);
  }
  if (addresses.length === 0) throw problem('dns', `${host} has no address`);
  const allowed = addresses.filter(network.mayConnect);
  if (allowed.length === 0)
    throw problem('rejectedIdentifier', `${host} has no address that this server may connect to`);
  return allowed.slice(0, 4);
}

function problem(type: ProblemType, detail: string, cause?: unknown): AcmeProblem {
  return new AcmeProblem(type, detail, cause === undefined ? {} : { cause });
}
