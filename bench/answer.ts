/** The server's half of `server-process.ts`. */
import type { Server } from 'node:net';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds between two looks at the event loop, which are part of what it reports. */
const resolution = 1;

/** Announces the port of a server, then answers what `ServerProcess` asks. */
export function answerQuestions(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const address = server.address();
    process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
  });
  let delays: IntervalHistogram | undefined;
  process.on('message', (message) => {
    if (message === 'usage') {
      const { user, system } = process.cpuUsage();
      process.send?.({ cpu: user + system });
    }
    if (message === 'watch') {
      // Not before it is asked for: a thousand looks a second are CPU time, too.
      delays ??= monitorEventLoopDelay({ resolution });
      delays.enable();
      delays.reset();
    }
    if (message === 'delay') process.send?.({ delay: (delays?.percentile(99) ?? 0) / 1e6 - resolution });
    if (message === 'memory') {
      globalThis.gc?.();
      process.send?.({ rss: process.memoryUsage().rss });
    }
  });
  process.on('disconnect', () => process.exit());
}
