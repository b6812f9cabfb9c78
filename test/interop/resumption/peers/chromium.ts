import { chromium as base, netLog } from '../../peers/chromium.ts';
import type { ResumptionPeer } from '../kinds.ts';

const payload = Buffer.from('ping\n');

/** Headless Chromium, as a client: two requests of one page, each with a connection of its own. */
export const chromium: ResumptionPeer = {
  name: base.name,
  quick: true,
  speaks: () => 'http',
  version: base.version,
  lacks: (role, kind) =>
    role === 'server'
      ? 'it is a client alone'
      : kind === 'earlyData'
        ? 'Chromium has early data over TCP off by default'
        : undefined,

  async runClient(_kind, port) {
    try {
      for (let i = 0; i < 2; i++) await base.runClient?.(undefined as never, port, payload);
    } finally {
      await base.finish?.();
    }
    const log = netLog();
    const ours = log
      .split('\n')
      .map((each) => /"is_resumed":(true|false)/.exec(each)?.[1])
      .filter((each) => each !== undefined);
    return ours.length === 0 ? {} : { resumed: ours.at(-1) === 'true' };
  },
};
