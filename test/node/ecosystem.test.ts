// Real packages over Handfast, each used by its own documented way, plus `--import handfast/register`.
//
// By default those that the project has installed for it (ws, undici, Node's http2). With HANDFAST_ECOSYSTEM=1 all of
// `ecosystem/`: the packages are installed into a folder of their own (HANDFAST_ECOSYSTEM_DIR keeps it), and PostgreSQL,
// Redis and MariaDB are started from where they are installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const whole = process.env['HANDFAST_ECOSYSTEM'] === '1';
const packages = [
  'express',
  'fastify',
  'koa',
  'hono',
  '@hono/node-server',
  'ws',
  'undici',
  'got',
  'axios',
  'pg',
  'mysql2',
  'ioredis',
  'nodemailer',
  'smtp-server',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'autocannon',
];

/** The folder that the programs run in, with the packages beside them. */
function prepare(): Promise<string> {
  const kept = process.env['HANDFAST_ECOSYSTEM_DIR'];
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'handfast-ecosystem-'));
  mkdirSync(folder, { recursive: true });
  if (kept === undefined) after(() => rmSync(folder, { recursive: true, force: true }));
  if (!existsSync(join(folder, 'package.json'))) {
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  }
  cpSync(join(here, 'ecosystem'), folder, { recursive: true });
  const ready = () => {
    const link = join(folder, 'node_modules', 'handfast');
    rmSync(link, { recursive: true, force: true });
    symlinkSync(root, link, 'dir');
    return folder;
  };
  if (existsSync(join(folder, 'node_modules', 'autocannon'))) return Promise.resolve(ready());
  return new Promise((resolve, reject) => {
    execFile('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: folder, timeout: 300_000 }, (error) =>
      error ? reject(error) : resolve(ready()),
    );
  });
}

const folder = whole ? await prepare() : join(here, 'ecosystem');
const cases = readdirSync(join(here, 'ecosystem'))
  .filter((name) => name.endsWith('.mjs') && name !== 'kit.mjs')
  .filter((name) => whole || ['http2.mjs', 'ws.mjs', 'undici.mjs'].includes(name));

for (const name of cases) {
  test(`${name.replace('.mjs', '')} over Handfast`, { timeout: 90_000 }, async (t) => {
    const output = await new Promise<string>((resolve) => {
      execFile(
        process.execPath,
        ['--import', 'handfast/register', join(folder, name)],
        {
          cwd: whole ? folder : root,
          env: { ...process.env, NODE_OPTIONS: '', HANDFAST_PKI: join(root, 'test', 'fixtures', 'pki') },
          timeout: 80_000,
        },
        (error, stdout, stderr) => resolve(`${stdout}${stderr}${error === null ? '' : `\n${error.message}`}`),
      );
    });
    const leftOut = /^left out: (.*)$/m.exec(output);
    if (leftOut !== null) return t.skip(leftOut[1]);
    assert.match(output, /^ok$/m);
  });
}
