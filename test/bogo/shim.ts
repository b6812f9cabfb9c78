/**
 * The program that BoringSSL's test runner starts for every test: it connects to the runner as a TCP client, plays a
 * TLS client or server as the flags say, and tells by its exit status and by what it writes to stderr how it went.
 *
 * Exit status: 0 success · 1 the connection failed, with the error's code on stderr · 89 a flag is not implemented ·
 * 90 the shim itself is wrong, or something other than a `TlsError` came out of the engine: never counts as a pass.
 */
import { parseFlags, Unimplemented } from './flags.ts';

async function main(): Promise<number> {
  const line = parseFlags(process.argv.slice(2));
  if (line.isHandshakerSupported) {
    process.stdout.write('No\n');
    return 0;
  }
  // The engine is a chunk of its own: an unimplemented flag costs no more than starting Node.
  const { runConnections } = await import('./connections.ts');
  return runConnections(line);
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof Unimplemented) process.exit(89);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(90);
  },
);
