// An authority with `handfast/ca` and `handfast/acme` alone: what `handfast ca` does, as a program. Build first: npm run build
//
//   node examples/authority.mjs init [--name NAME] [--permit corp.example,10.0.0.0/8 | --permit any] [--base-url http://…]
//   node examples/authority.mjs issue localhost 127.0.0.1 ::1 [--profile server] [--out site]
//   node examples/authority.mjs issue --csr request.pem [--out site]
//   node examples/authority.mjs renew SERIAL [--out site]     revoke SERIAL [REASON]     list     check-log
//   node examples/authority.mjs trust     untrust     lines     doctor [localhost:8443]
//   node examples/authority.mjs acme [--port 14000] [--publish-port 14001] [--http-port 80] [--tls-port 443]
//   node examples/authority.mjs renew-intermediate
//
// The folder is that of --folder, of HANDFAST_AUTHORITY, or ./authority. HANDFAST_ROOT_PASSPHRASE encrypts and keeps the
// root's key; without it the key is discarded as soon as the intermediate is signed.
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { acmeListener, openAcmeService, publishListener } from 'handfast/acme';
import {
  checkLog,
  createAuthority,
  diagnose,
  openAuthority,
  renewIntermediate,
  trustLines,
  trustRoot,
  untrustRoot,
} from 'handfast/ca';
import { decodePem } from 'handfast/pki';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: text,
    name: text,
    permit: text,
    'base-url': text,
    profile: text,
    csr: text,
    out: text,
    host: text,
    port: text,
    'publish-port': text,
    'http-port': text,
    'tls-port': text,
  },
});
const [word = 'help', ...rest] = positionals;
const folder = resolve(values.folder ?? process.env.HANDFAST_AUTHORITY ?? 'authority');
const rootFile = join(folder, 'root.pem');
const rootPassphrase = process.env.HANDFAST_ROOT_PASSPHRASE;

const words = {
  async init() {
    const permitted = values.permit === 'any' ? 'any' : values.permit?.split(',');
    const ca = await createAuthority({
      folder,
      name: values.name,
      permitted,
      baseUrl: values['base-url'],
      rootPassphrase,
    });
    await ca.close();
    console.log(`The authority is in ${folder}. Its root, for clients: ${rootFile}`);
    console.log(
      rootPassphrase === undefined
        ? 'The key of the root was discarded: nobody can steal it. The intermediate is good for five years.'
        : `The key of the root is encrypted in ${join(folder, 'root.key')}: move it off this machine until it is needed.`,
    );
  },

  async issue() {
    const csr = values.csr === undefined ? undefined : await derOf(values.csr);
    const names = rest.length > 0 ? { names: rest } : {};
    await using((ca) => ca.issue({ ...names, csr, profile: values.profile, requester: 'command line' }).then(save));
  },

  renew: () => using((ca) => ca.renew(serial(), { requester: 'command line' }).then(save)),

  async revoke() {
    await using((ca) => ca.revoke(serial(), rest[1]));
    console.log(`Revoked. The list is ${join(folder, 'issuing-1.crl')}.`);
  },

  list: () =>
    using((ca) => {
      for (const { serial, names, profile, status, revoked, notAfter } of ca.list()) {
        const state = revoked === undefined ? status : `revoked: ${revoked.reason}`;
        console.log(serial, new Date(notAfter).toISOString().slice(0, 10), profile, names.join(' '), `(${state})`);
      }
    }),

  async 'check-log'() {
    const { entries, head } = await checkLog(folder);
    console.log(`The log is whole: ${entries} entries. Note its head elsewhere: ${head?.n} ${head?.hash}`);
  },

  'renew-intermediate': () => renewIntermediate({ folder, rootPassphrase }),

  trust: async () => show(await trustRoot(await derOf(rootFile), { rootFile })),
  untrust: async () => show(await untrustRoot(await derOf(rootFile), { rootFile })),

  lines() {
    for (const { program, line } of trustLines(rootFile)) console.log(`${program}:\n    ${line}`);
  },

  async doctor() {
    for (const { level, what, advice } of await diagnose({ folder, site: rest[0] })) {
      console.log(`${{ ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' }[level]} ${what}`);
      if (advice !== undefined && level !== 'ok') console.log(`          -> ${advice}`);
    }
  },

  async acme() {
    const host = values.host ?? 'localhost';
    const [port, publishPort] = [Number(values.port ?? 14000), Number(values['publish-port'] ?? 14001)];
    const ca = await openAuthority({ folder });
    const { chainPem, keyPem } = await ca.issue({ names: [host], requester: 'ACME server' });
    const validation = { httpPort: Number(values['http-port'] ?? 80), tlsPort: Number(values['tls-port'] ?? 443) };
    const service = await openAcmeService({ ca, folder, baseUrl: `https://${host}:${port}/acme`, validation });
    createHttpsServer({ cert: chainPem, key: keyPem }, acmeListener(service)).listen(port);
    createHttpServer(publishListener(service)).listen(publishPort);
    setInterval(() => ca.maintain(), 3_600_000).unref();
    console.log(`ACME directory: https://${host}:${port}/acme/directory (clients trust ${rootFile})`);
    console.log(`CRLs, OCSP and issuers: http://${host}:${publishPort}`);
    process.once('SIGINT', async () => {
      await service.close();
      await ca.close();
      process.exit(0);
    });
  },

  async help() {
    const lines = (await readFile(new URL(import.meta.url), 'utf8')).split('\n');
    console.log(
      lines
        .slice(
          0,
          lines.findIndex((line) => !line.startsWith('//')),
        )
        .join('\n')
        .replaceAll(/^\/\/ ?/gm, ''),
    );
  },
};

async function using(use) {
  const ca = await openAuthority({ folder });
  try {
    return await use(ca);
  } finally {
    await ca.close();
  }
}

async function save({ serial, chainPem, keyPem, names, notAfter }) {
  const stem = values.out ?? names[0].replace('*', '_');
  await writeFile(`${stem}.pem`, chainPem);
  if (keyPem !== undefined) await writeFile(`${stem}.key`, keyPem, { mode: 0o600 });
  console.log(`${stem}.pem${keyPem === undefined ? '' : ` and ${stem}.key`}: ${names.join(', ')}`);
  console.log(`serial ${serial}, valid until ${new Date(notAfter).toISOString()}`);
}

function show(outcomes) {
  for (const { store, outcome, why, byHand } of outcomes) {
    console.log(`${store.name}: ${outcome}${why === undefined ? '' : ` (${why})`}`);
    for (const line of byHand ?? []) console.log(`    ${line}`);
  }
}

async function derOf(path) {
  const bytes = await readFile(path);
  return bytes[0] === 0x30 ? new Uint8Array(bytes) : decodePem(bytes.toString())[0].bytes;
}

function serial() {
  if (rest[0] === undefined) throw new Error('name a serial number; `list` shows them');
  return rest[0];
}

try {
  await (words[word] ?? words.help)();
} catch (error) {
  console.error(error.code === undefined ? error : `${error.message} (${error.code})`);
  process.exitCode = 1;
}
