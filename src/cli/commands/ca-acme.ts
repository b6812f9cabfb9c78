import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AcmeServiceOptions, acmeListener, openAcmeService, publishListener } from '../../acme/index.ts';
import { openAuthority } from '../../ca/index.ts';
import { createNodeCrypto } from '../../crypto/node.ts';
import type { ServerOptions } from '../../index.ts';
import { type Command, type Options, parse, wholeNumber } from '../command.ts';
import { CliError, listening, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { shellPath } from '../paths.ts';
import { createCounters } from '../server/counters.ts';
import { loadIssued, openLocalAuthority, readPassphrase } from '../server/local-authority.ts';
import { SecureServer } from '../server/secure-server.ts';
import { ended } from '../server/signals.ts';
import { authorityFolder, day, folderOption, issuingPassphraseOption, say } from './ca-common.ts';

const options = {
  ...folderOption,
  ...issuingPassphraseOption,
  name: { value: 'NAME', help: 'host name under which clients reach it; default localhost' },
  port: { value: 'N', short: 'p', help: 'default 14000' },
  host: { value: 'ADDRESS', multiple: true, help: 'address to listen on; default this machine alone' },
  'publish-port': { value: 'N', help: 'plain HTTP for CRLs, OCSP and issuers on the same addresses; default none' },
  'http-port': { value: 'N', help: 'where http-01 challenges are looked for; default 80' },
  'tls-port': { value: 'N', help: 'where tls-alpn-01 challenges are looked for; default 443' },
  accounts: {
    value: 'FILE',
    help: 'accounts only for who has a key of this file (external account binding): JSON, {"key ID": "MAC key in base64url"}',
  },
} as const satisfies Options;

export const acme: Command = {
  name: 'acme',
  summary: 'serve ACME: certbot, acme.sh, Caddy … get certificates by themselves',
  usage: '[options]',
  options,
  examples: [
    ['handfast ca acme --name ca.internal --host 0.0.0.0', 'an ACME server for a network'],
    [
      'certbot certonly --server https://localhost:14000/acme/directory …',
      'a client of it (REQUESTS_CA_BUNDLE names the root)',
    ],
  ],
  run: async (words) => {
    const { values } = parse(options, words);
    const number = (name: 'port' | 'publish-port' | 'http-port' | 'tls-port', fallback: number) =>
      wholeNumber(name, values[name] ?? String(fallback), name === 'port' ? 0 : 1, 65_535);
    const name = values.name ?? 'localhost';
    if (!/^[a-z0-9.-]+$/i.test(name)) throw usageError(`--name ${name} is no host name`);
    const externalAccounts = values.accounts === undefined ? undefined : await bindings(values.accounts);
    const folder = authorityFolder(values);
    const file = values['issuing-passphrase-file'];
    const authority =
      values.folder === undefined && file === undefined
        ? await openLocalAuthority(folder)
        : await openAuthority({
            folder,
            issuingPassphrase: file === undefined ? undefined : await readPassphrase(file),
          });
    try {
      const crypto = createNodeCrypto();
      const port = number('port', 14_000);
      const service = await openAcmeService({
        ca: authority,
        folder,
        baseUrl: `https://${name}:${port}/acme`,
        externalAccounts,
        validation: { httpPort: number('http-port', 80), tlsPort: number('tls-port', 443) },
      });
      // The authority is open here: its own server certificate comes from it directly, and is renewed in memory.
      let current: ServerOptions;
      let until = 0;
      const renew = async () => {
        const issued = await authority.issue({ names: [name], requester: 'handfast ca acme' });
        current = { crypto, credentials: [loadIssued(crypto, issued)], alpnProtocols: ['h2', 'http/1.1'] };
        until = issued.notAfter;
      };
      await renew();
      const renewal = setInterval(() => {
        if (until - Date.now() < 30 * 86_400_000) void renew().catch(() => {});
        void authority.maintain().catch(() => {});
      }, 3_600_000).unref();
      const listener = acmeListener(service);
      const server = new SecureServer({
        tls: () => current,
        counters: createCounters(),
        handler: (request, response, { socket }) => listener(request as never, response as never, socket.remoteAddress),
      });
      const hosts = values.host ?? ['127.0.0.1', '::1'];
      await server.listen(port, hosts);
      const publisher = values['publish-port'] === undefined ? undefined : createServer(publishListener(service));
      if (publisher !== undefined) {
        const bound = new Promise<void>((done, fail) => {
          publisher.once('error', fail);
          publisher.listen(number('publish-port', 80), hosts[0], done);
        });
        await listening('--publish-port N', bound).catch(async (error) => {
          await server.close(0);
          await service.close();
          throw error;
        });
      }
      const asked = ended();
      say(`ACME directory: https://${name}:${port}/acme/directory`);
      say(
        `Clients need the root: ${shellPath(`${folder}/root.pem`)}; the certificate of this server is valid until ${day(until)}.`,
      );
      say('Ctrl-C ends it.');
      const signal = await asked;
      say(`${signal}: ending`);
      clearInterval(renewal);
      publisher?.close();
      await server.close(2000);
      await service.close();
      return exitCodes.ok;
    } finally {
      await authority.close();
    }
  },
};

/** The keys that accounts are bound to (RFC 8555, Section 7.3.4). */
async function bindings(file: string): Promise<NonNullable<AcmeServiceOptions['externalAccounts']>> {
  const keys = new Map<string, Uint8Array>();
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new SyntaxError('no object');
    for (const [kid, text] of Object.entries(content)) {
      const key = typeof text === 'string' ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
      if (key.length < 16) throw new SyntaxError(`the key of ${JSON.stringify(kid)} has less than 16 bytes`);
      keys.set(kid, key);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError(`--accounts ${file}: ${error.message}`, {
      hint: 'Like this: {"ann": "…"}, each key from: openssl rand 32 | basenc --base64url',
    });
  }
  return { required: true, key: (kid) => keys.get(kid) };
}
