/** A whole ACME server on loopback, for real clients: our own HTTPS, challenge ports of its own, and a resolver that knows every name. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { acmeListener, publishListener } from '../../../src/acme/http.ts';
import { type AcmeService, type AcmeServiceOptions, openAcmeService } from '../../../src/acme/service.ts';
import { type Authority, createAuthority } from '../../../src/ca/index.ts';
import { freePort } from '../../helpers/listening.ts';
import '../../../src/node/tls.ts';
import { createServer as createHttpsServer } from '../../../src/node/https.ts';
import { temporaryFolder } from '../../ca/helpers/temporary-folder.ts';

export interface LiveAcme {
  readonly ca: Authority;
  readonly service: AcmeService;
  /** A scratch folder; the authority is in `ca/` below it. */
  readonly folder: string;
  readonly directory: string;
  readonly rootFile: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  /** TXT records by name, for dns-01. */
  readonly txt: Map<string, string[]>;
}

export async function liveAcme(t: TestContext, options: Partial<AcmeServiceOptions> = {}): Promise<LiveAcme> {
  const folder = temporaryFolder(t);
  const publishing = createHttpServer();
  const publishPort = await listen(t, publishing);
  const ca = await createAuthority({
    folder: join(folder, 'ca'),
    name: 'Test',
    baseUrl: `http://127.0.0.1:${publishPort}`,
  });
  t.after(() => ca.close());
  const [httpPort, tlsPort] = [await freePort(), await freePort()];
  const site = await ca.issue({ names: ['localhost', '127.0.0.1'] });
  const server = createHttpsServer({ cert: site.chainPem, key: site.keyPem as string });
  const port = await listen(t, server);
  const txt = new Map<string, string[]>();
  const service = await openAcmeService({
    ca,
    folder: join(folder, 'ca'),
    baseUrl: `https://localhost:${port}/acme`,
    validation: {
      httpPort,
      tlsPort,
      timeout: 5000,
      resolver: { addresses: async () => ['127.0.0.1'], txt: async (name) => txt.get(name) ?? [] },
    },
    retryDelays: [300, 1000],
    ...options,
  });
  t.after(() => service.close());
  server.on('request', acmeListener(service));
  publishing.on('request', publishListener(service));
  const directory = `https://localhost:${port}/acme/directory`;
  return { ca, service, folder, directory, rootFile: join(folder, 'ca', 'root.pem'), httpPort, tlsPort, txt };
}

async function listen(t: TestContext, server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    (server as HttpServer).closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

/** Where a client is: in the variable, or in the PATH. */
export function clientProgram(name: string, variable: string): string | undefined {
  const named = process.env[variable];
  if (named !== undefined) return existsSync(named) ? named : undefined;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Runs a client to its end; rejects with everything it said. */
export function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, no_proxy: '*', NO_PROXY: '*', ...env }, timeout: 60_000, cwd };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}
