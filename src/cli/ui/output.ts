import { exitCodes } from '../exit-codes.ts';

let isLog = false;

/**
 * From here on what is printed is the log of a service: where it can't be written, since the disk is full or its reader
 * is gone, the service goes on without.
 */
export function printingIsLogging(): void {
  isLog = true;
}

/** Says what happens where something can't be printed. Called once, at the start. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (isLog) return;
      // Who reads what is printed has read enough (`| head`).
      if (error.code === 'EPIPE') process.exit(exitCodes.ok);
      if (stream === process.stdout)
        process.stderr.write(`handfast: the output could not be written: ${error.message}\n`);
      process.exit(exitCodes.setup);
    });
  }
}
