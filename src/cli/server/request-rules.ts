import type { Request } from './secure-server.ts';

/** Why a request is not answered by what is served, but with a status of the server's own. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** `uri-host [ ":" port ]` (RFC 9110, Section 7.2): no user, no path, no list. */
const hostSyntax = /^(?:\[[0-9a-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})*)(?::\d*)?$/i;

/**
 * What Node's parsers let through though two readers could take it for two requests: a server behind a proxy, or the
 * one that chooses an app by its name, must see the same host, target and body as this one.
 */
export function refusalOf(request: Request): Refusal | undefined {
  const { url = '/', method = '' } = request;
  // Node's client would write it in capitals: another method (RFC 9110, Section 9.1).
  if (/[a-z]/.test(method)) return { status: 501, text: 'no such method: they are written in capitals' };
  // It would show the client what proxies on the way add, and scripts its cookies (RFC 9110, Section 9.3.8).
  if (method === 'TRACE') return { status: 501, text: 'no TRACE here' };
  if ('stream' in request) {
    const { ':authority': authority } = request.headers;
    return typeof authority === 'string' && !hostSyntax.test(authority) ? wrongHost : refusalOfHost(request);
  }
  // "HTTP/2.0" in a request line is for the parser a version like others.
  if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0')
    return { status: 505, text: 'HTTP/1.0, HTTP/1.1 or HTTP/2, please' };
  const coding = request.headers['transfer-encoding'];
  // Passed on without its name, a coding would be forgotten (RFC 9112, Section 6.1).
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return { status: 501, text: 'no transfer coding but chunked' };
  // "… as if the framing is faulty" (RFC 9112, Section 6.1).
  if (coding !== undefined && request.httpVersion === '1.0') return { status: 400, text: 'HTTP/1.0 has no chunks' };
  const target = /^(?:\/|https?:\/\/([^/?#]+))/i.exec(url);
  if (target === null && !(url === '*' && method === 'OPTIONS'))
    return { status: 400, text: 'this is no target of an HTTP request' };
  if (target?.[1] !== undefined && !hostSyntax.test(target[1])) return wrongHost;
  return refusalOfHost(request);
}

/** "A server MUST respond with a 400 … to any request message that contains more than one Host" (RFC 9112, Section 3.2). */
function refusalOfHost({ headers, rawHeaders }: Request): Refusal | undefined {
  if (headers.host !== undefined && !hostSyntax.test(headers.host)) return wrongHost;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts++;
  return hosts > 1 ? wrongHost : undefined;
}

const wrongHost: Refusal = { status: 400, text: 'one host, and its name or address alone' };
