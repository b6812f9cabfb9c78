/**
 * One program, in each runtime that is there: Node, Deno, Bun (with the portable provider, and over `node:crypto`), workerd, and a page
 * and a Worker of Chromium under a Content Security Policy without eval. `deno`, `bun` and `workerd` are found in the PATH.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { hasProgram } from '../cli/run.ts';
import { freePort } from '../helpers/listening.ts';
import { rootDer, testIdentity } from '../helpers/pki.ts';
import { start, temporaryFolder } from '../interop/processes.ts';
import type { Fixtures } from './runtimes/program.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const fixtures: Fixtures = {
  root: base64(rootDer),
  identities: Object.fromEntries(
    (['ecdsa-p256', 'rsa'] as const).map((name) => {
      const { chain, key } = testIdentity(name);
      return [name, { chain: chain.map(base64), key: base64(key) }];
    }),
  ),
};

/** The program as one file that ends with what `use` does with the promise `failures`. */
async function bundle(provider: 'portable' | 'node', use: string): Promise<string> {
  const [from, create] =
    provider === 'node'
      ? ['./src/crypto/node.ts', 'createNodeCrypto({ accelerator: false })']
      : ['./src/portable.ts', 'createPortableCrypto()'];
  const contents = `
    import { ${create.split('(')[0]} } from '${from}';
    import { runProgram } from './test/portable/runtimes/program.ts';
    const run = () => runProgram(${create}, ${JSON.stringify(fixtures)}).catch((error) => [error.stack]);
    ${use}`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: provider === 'node' ? 'node' : 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

const toConsole = 'run().then((failures) => console.log(JSON.stringify({ failures })));';

async function failuresIn(command: string, args: readonly string[], program: string): Promise<unknown> {
  const file = join(temporaryFolder(), 'program.mjs');
  writeFileSync(file, program);
  const running = start(command, [...args, file], { stdout: 'collect' });
  await running.exited;
  const line = /^\{"failures":.*\}$/m.exec(running.said())?.[0];
  assert.ok(line !== undefined, running.said());
  return JSON.parse(line).failures;
}

const consoles = [
  ['node', process.execPath, []],
  ['deno', 'deno', ['run', '--allow-all', '--quiet']],
  ['bun', 'bun', []],
] as const;

describe('the engine runs in', () => {
  for (const [name, command, args] of consoles) {
    for (const provider of ['portable', 'node'] as const) {
      const skip = name === 'node' || hasProgram(command) ? false : `${name} is missing`;
      test(`${name}, provider ${provider}`, { skip }, async () => {
        assert.deepEqual(await failuresIn(command, args, await bundle(provider, toConsole)), []);
      });
    }
  }

  test('workerd', { skip: hasProgram('workerd') ? false : 'workerd is missing' }, async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const answer = 'export default { fetch: async () => new Response(JSON.stringify(await run())) };';
    writeFileSync(join(folder, 'worker.js'), await bundle('portable', answer));
    writeFileSync(
      join(folder, 'config.capnp'),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const main :Workerd.Worker = (modules = [(name = "main", esModule = embed "worker.js")], compatibilityDate = "2026-01-01");
`,
    );
    const workerd = start('workerd', ['serve', join(folder, 'config.capnp')], { stdout: 'collect' });
    try {
      let response: Response | undefined;
      for (let tries = 0; tries < 100 && response === undefined; tries++) {
        await delay(100);
        response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      }
      assert.deepEqual(await response?.json(), [], workerd.said());
    } finally {
      await workerd.stop();
    }
  });

  for (const where of ['page', 'worker'] as const) {
    const skip = hasProgram('chromium') ? false : 'chromium is missing';
    test(`a ${where} of Chromium that allows no eval`, { skip }, async () => {
      const post = "run().then((failures) => fetch('/failures', { method: 'POST', body: JSON.stringify(failures) }));";
      const program = await bundle('portable', post);
      const files: Readonly<Record<string, readonly [string, string]>> = {
        '/': ['text/html', `<!doctype html><script type="module" src="/${where}.js"></script>`],
        '/page.js': ['text/javascript', program],
        '/worker.js': ['text/javascript', "new Worker('/page.js', { type: 'module' });"],
      };
      const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
      const server = createServer().listen(0, '127.0.0.1');
      const said = new Promise<string>((resolve) => {
        server.on('request', (request, response) => {
          if (request.method === 'POST') {
            let body = '';
            request.on('data', (chunk) => {
              body += chunk;
            });
            request.on('end', () => resolve(body));
          }
          const [type, text] = files[request.url ?? ''] ?? ['text/plain', ''];
          response.setHeader('content-type', type);
          response.setHeader('content-security-policy', policy);
          response.end(text);
        });
      });
      await once(server, 'listening');
      const profile = temporaryFolder();
      const { port } = server.address() as AddressInfo;
      const words = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
      const url = `http://127.0.0.1:${port}/`;
      const browser = start('chromium', [...words, `--user-data-dir=${profile}`, '--remote-debugging-port=0', url], {
        env: { HOME: profile },
      });
      try {
        const failures = await Promise.race([said, delay(120_000, 'nothing in two minutes', { ref: false })]);
        assert.equal(failures, '[]', browser.said());
      } finally {
        await browser.stop();
        server.closeAllConnections();
        server.close();
      }
    });
  }
});
