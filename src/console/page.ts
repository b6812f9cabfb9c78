import { createHash } from 'node:crypto';
import { earlyDataRefusals, missReasons } from '../session/index.ts';
import { pageScript } from './page-script.ts';

/** The page of the console, and the policy that lets its own script run and nothing else. */
export interface ConsolePage {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

const style = `
:root{color-scheme:light dark;--line:#ddd;--soft:#666;--full:#b4530a;--sessionId:#8b3fc7;--ticket:#1d5fbf;--psk:#16803c;--earlyData:#0b8f8f}
@media(prefers-color-scheme:dark){:root{--line:#444;--soft:#aaa;--full:#e08a4a;--sessionId:#c08be8;--ticket:#6fa4ec;--psk:#55bd7c;--earlyData:#4cc9c9}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1.25rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;flex-wrap:wrap}
#state{color:var(--soft)}#state.gone{color:#c22;font-weight:600}
dl{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;margin:1.5rem 0 0}dl div{min-width:6rem}
dt{color:var(--soft);font-size:.9rem}dd{margin:0;font-size:1.7rem;font-variant-numeric:tabular-nums}
svg{width:100%;height:152px;display:block}#top{margin:.2rem 0}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;padding:0;margin:.4rem 0;list-style:none}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.4rem;vertical-align:-1px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem 1rem .3rem 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600;font-size:.9rem}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.none{color:var(--soft)}code{font-size:.95em}`;

/**
 * The console: what a server is doing, in a browser. The page reads `/metrics` each second and keeps the last two
 * minutes itself, so that the server remembers nothing for it.
 *
 * @param title what is watched, e.g. `handfast serve`; no markup.
 */
export function consolePage(title: string): ConsolePage {
  const words = JSON.stringify({ miss: missReasons, earlyData: earlyDataRefusals }).replaceAll('<', '\\u003c');
  const script = `const words=${words};\n${pageScript}`;
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}: console</title>
<style>${style}</style></head><body>
<header><h1>${title}</h1><span id="state">…</span></header>
<dl id="numbers"></dl>
<h2>Handshakes in the last two minutes, by kind</h2>
<svg id="chart" viewBox="0 0 960 152" preserveAspectRatio="none" role="img" aria-label="handshakes each second, by kind"></svg>
<p class="none" id="top"></p>
<ul class="key" id="kinds"></ul>
<h2>Sessions that did not resume: each cost a full handshake</h2><div id="misses"></div>
<h2>Early data (0-RTT) that was refused</h2><div id="early"></div>
<h2>Handshakes that failed</h2><div id="failures"></div>
<h2>Ticket keys</h2><div id="keys"></div>
<p class="none">The same numbers for programs: <a href="/metrics"><code>/metrics</code></a></p>
<script>${script}</script></body></html>
`;
  const hash = createHash('sha256').update(script).digest('base64');
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`,
  };
}
