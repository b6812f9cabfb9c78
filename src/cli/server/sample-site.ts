import type { ConnectionInfo } from '../../index.ts';
import { escapeHtml, pathOf } from './files.ts';
import type { Handler, Request } from './secure-server.ts';
import { endWith } from './secure-server.ts';

/** What the sample site knows of the connection that a page came over. */
function connectionFacts(info: ConnectionInfo | undefined, early: boolean, protocol: string) {
  return {
    protocol,
    tls: info === undefined ? '1.3' : info.version === 0x0304 ? '1.3' : '1.2',
    cipherSuite: info?.cipherSuiteName,
    group: info?.group,
    resumption: early ? 'psk' : (info?.resumption ?? 'none'),
    earlyData: early,
    serverName: info?.serverName,
  };
}

const resumptionWords: Readonly<Record<string, string>> = {
  none: 'A full handshake: the server proved its identity with its certificate. Reload the page in a new connection to see it resume.',
  sessionId: 'Resumed by session ID: the server found the session in its own memory. No certificate, no signature.',
  ticket: 'Resumed by session ticket: you brought the session back, sealed under a key that only the server has.',
  psk: 'Resumed by TLS 1.3 PSK: your ticket and a fresh key exchange. No certificate, no signature.',
  externalPsk: 'By a key that both sides knew before.',
};

/** The site of `handfast serve` without a folder: it tells what happened on the connection that brought it. */
export function sampleSite(): Handler {
  return (request, response, { socket, early }) => {
    response.setHeader('x-content-type-options', 'nosniff');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.statusCode = 405;
      response.setHeader('allow', 'GET, HEAD');
      return endWith(response, 'this site only takes GET and HEAD\n');
    }
    const path = pathOf(request.url ?? '/');
    const info = socket.connection.connected ? socket.connection.info : undefined;
    const facts = connectionFacts(info, early, request.httpVersionMajor === 2 ? 'HTTP/2' : 'HTTP/1.1');
    const head = request.method === 'HEAD';
    response.setHeader('cache-control', 'no-store');
    if (path === '/connection.json') {
      response.setHeader('content-type', 'application/json');
      return endWith(response, head ? '' : `${JSON.stringify(facts)}\n`);
    }
    response.setHeader('content-type', path === '/' ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8');
    if (path !== '/') {
      response.statusCode = 404;
      return endWith(response, head ? '' : 'not here; try / or /connection.json\n');
    }
    response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'");
    endWith(response, head ? '' : page(facts, `https://${hostOf(request)}`));
  };
}

/** As the client wrote it. */
function hostOf(request: Request): string {
  const { ':authority': authority, host } = request.headers;
  return (typeof authority === 'string' ? authority : host) ?? 'localhost:8443';
}

function page(facts: ReturnType<typeof connectionFacts>, url: string): string {
  const rows: [string, string][] = [
    ['Protocol', facts.protocol],
    ['TLS version', facts.tls],
    ['Cipher suite', facts.cipherSuite ?? 'as in the session'],
    ['Key exchange', facts.group ?? '—'],
    ['Early data (0-RTT)', facts.earlyData ? 'yes: this page was asked for before the handshake was done' : 'no'],
  ];
  const body = rows.map(([name, value]) => `<tr><th>${name}</th><td>${escapeHtml(value)}</td></tr>`).join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>It works over HTTPS</title>
<style>
:root{color-scheme:light dark}
body{font:17px/1.6 system-ui,sans-serif;max-width:44rem;margin:4rem auto;padding:0 1.25rem}
h1{font-size:1.9rem;line-height:1.2}table{border-collapse:collapse;margin:1.5rem 0}
th{text-align:left;font-weight:600;padding:.3rem 1.5rem .3rem 0}td{font-family:ui-monospace,monospace;font-size:.95em}
p.how{border-left:4px solid #2a7;padding:.4rem 1rem;margin:1.5rem 0}code{font-size:.95em}
</style></head><body>
<h1>This page came over HTTPS.</h1>
<p class="how">${escapeHtml(resumptionWords[facts.resumption] ?? '')}</p>
<table>${body}</table>
<p>Every byte of the handshake was made by Handfast, in TypeScript. See it, message by message:</p>
<pre>npx handfast get ${escapeHtml(url)} --trace</pre>
<p>Serve a folder of your own: <code>npx handfast serve my-site/</code></p>
</body></html>
`;
}
