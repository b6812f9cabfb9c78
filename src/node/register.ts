/**
 * `node --import handfast/register program.js`: puts Handfast in the place of `tls` and `https` for the whole process,
 * without a change to the program. `require('tls')`, `import tls from 'node:tls'` and what Node builds on them
 * (`https`, secure `http2`) get Handfast; modules that took their parts out of `tls` before keep Node's.
 */
import nodeHttps from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import nodeTls from 'node:tls';
import { settings, type WritableSettings } from './context/settings.ts';
import https from './https.ts';
import { bridgeHttp2 } from './socket/http2-bridge.ts';
import tls from './tls.ts';

function replace(target: object, source: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(source))) {
    const there = Object.getOwnPropertyDescriptor(target, name);
    // What Node has nailed down (rootCertificates) is the same in both.
    if (there !== undefined && !there.configurable && !there.writable) continue;
    if (there !== undefined && !there.configurable) (target as Record<string, unknown>)[name] = descriptor.value;
    else Object.defineProperty(target, name, descriptor);
  }
}

replace(nodeTls, tls);
// Programs read and write DEFAULT_* where they know them: on Node's own object.
settings.exports = nodeTls as unknown as WritableSettings;
replace(nodeHttps, https);
settings.https = nodeHttps;
syncBuiltinESMExports();
// Only now: http2 takes its parts out of `tls` when it is loaded.
bridgeHttp2();
