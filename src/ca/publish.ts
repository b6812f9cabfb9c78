import { fromBase64 } from '../bytes/base64.ts';
import { fromText } from '../bytes/bytes.ts';
import { check, fields, text } from '../bytes/check.ts';
import type { Authority } from './authority.ts';
import { checkAuthority } from './check-options.ts';

/** A request to what an authority publishes, as any HTTP server can pass it on. */
export interface PublishRequest {
  readonly method: string;
  /** Below the authority's base URL, with a leading `/`, without query. */
  readonly path: string;
  readonly body?: Uint8Array;
}

/** An answer for any HTTP server. */
export interface PublishResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Largest OCSP request. */
export const maxOcspRequest = 64 * 1024;

/**
 * Serves what the URLs in certificates name: `/root.crt`, `/root.crl`, `/issuing-N.crt`, `/issuing-N.crl`, `/ocsp`
 * (POST, and GET as in RFC 6960, Appendix A.1), and `/log/head`, the signed head of the issue log. `undefined` for a
 * path that is none of these.
 */
export async function publishedResponse(ca: Authority, request: PublishRequest): Promise<PublishResponse | undefined> {
  checkAuthority(ca, 'publishedResponse: ca');
  check(text, fields(request, 'publishedResponse: request')['path'], 'publishedResponse: request.path');
  const { method, path } = request;
  if (path === '/ocsp' || path.startsWith('/ocsp/')) return ocsp(ca, request);
  const file = await fileAt(ca, path);
  if (file === undefined) return undefined;
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'GET it', { allow: 'GET, HEAD' });
  return file;
}

async function fileAt(ca: Authority, path: string): Promise<PublishResponse | undefined> {
  if (path === '/root.crt') return found('application/pkix-cert', ca.root.der);
  if (path === '/root.pem') return found('application/x-pem-file', fromText(ca.rootPem));
  if (path === '/root.crl') return found('application/pkix-crl', ca.rootCrl);
  if (path === '/log/head')
    return found('application/json', fromText(`${JSON.stringify(ca.logHead ?? null)}\n`), 'no-store');
  const match = /^\/issuing-([1-9]\d{0,5})\.(crt|crl)$/.exec(path);
  const issuer = ca.issuers.find(({ number }) => number === Number(match?.[1]));
  if (issuer === undefined) return undefined;
  if (match?.[2] === 'crt') return found('application/pkix-cert', issuer.certificate.der);
  return found('application/pkix-crl', (await ca.crl(issuer.number)).der, 'max-age=3600');
}

async function ocsp(ca: Authority, { method, path, body }: PublishRequest): Promise<PublishResponse> {
  let question: Uint8Array | undefined;
  if (method === 'POST' && path === '/ocsp') question = body ?? new Uint8Array(0);
  else if (method === 'GET' && path.length > 6) question = fromBase64(decode(path.slice(6)));
  else return plain(405, 'POST an OCSP request', { allow: 'POST, GET' });
  if (question === undefined || question.length > maxOcspRequest) return plain(400, 'that is no OCSP request');
  const answer = await ca.ocsp(question);
  return found('application/ocsp-response', answer, method === 'GET' ? 'max-age=3600' : 'no-store');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '!';
  }
}

function found(type: string, body: Uint8Array, cache = 'max-age=86400'): PublishResponse {
  return { status: 200, headers: { 'content-type': type, 'cache-control': cache }, body };
}

function plain(status: number, text: string, headers: Record<string, string> = {}): PublishResponse {
  return { status, headers: { 'content-type': 'text/plain', ...headers }, body: fromText(`${text}\n`) };
}
