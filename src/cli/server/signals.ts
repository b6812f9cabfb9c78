import { exitCodes } from '../exit-codes.ts';
import { printingIsLogging } from '../ui/output.ts';

/**
 * The signal that ends a server; a second one ends it at once. Called before the server says that it runs: who reads
 * that may press Ctrl-C at once.
 */
export function ended(): Promise<string> {
  printingIsLogging();
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(exitCodes.interrupted);
        asked = true;
        resolve(signal);
      });
    }
  });
}
