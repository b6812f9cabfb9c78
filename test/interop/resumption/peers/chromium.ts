import { chromium as base, netLog, visit } from '../../peers/chromium.ts';
import type { ResumptionPeer } from '../kinds.ts';

const payload = Buffer.from('ping\n');
const earlyDataAccepted = '2';

/** Headless Chromium, as a client: two requests of one page, each with a connection of its own. */
export const chromium: ResumptionPeer = {
  name: base.name,
  quick: true,
  speaks: () => 'http',
  version: base.version,
  lacks: (role) => (role === 'server' ? 'it is a client alone' : undefined),

  async runClient(kind, port) {
    const early = kind === 'earlyData';
    try {
      // Off by default over TCP; and only requests that may be repeated go early.
      for (let i = 0; i < 2; i++)
        await visit(port, payload, early ? 'GET' : 'POST', early ? 'EnableTLS13EarlyData' : undefined);
    } finally {
      await base.finish?.();
    }
    const log = netLog();
    const last = (pattern: RegExp) =>
      log
        .split('\n')
        .flatMap((each) => pattern.exec(each)?.[1] ?? [])
        .at(-1);
    const resumed = last(/"is_resumed":(true|false)/);
    if (resumed === undefined) return {};
    // The reason is one of BoringSSL's `ssl_early_data_reason_t`.
    return {
      resumed: resumed === 'true',
      ...(early ? { early: last(/"early_data_reason":(\d+)/) === earlyDataAccepted } : {}),
    };
  },
};
