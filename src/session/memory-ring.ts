import type { RingChannel, RingReading } from './fleet-keyring.ts';
import type { Clock } from './timer.ts';

/**
 * The shared document of a `FleetKeyring` in the memory of one process, for the workers that ask it: the channel for all of
 * them. It lives as long as the process, so it is never lost while a worker lives.
 */
export function memoryRing(clock: Clock): RingChannel {
  let epoch = '';
  let revision = 0;
  let document: Uint8Array = new Uint8Array(0);
  let acknowledged = 0;
  let heldUntil = 0;
  /** What each living node has acknowledged, and when its lease ends. */
  const nodes = new Map<string, { readonly until: number; readonly ack: number }>();

  const read = (now: number): RingReading => {
    for (const [node, { until }] of nodes) if (until <= now) nodes.delete(node);
    if (nodes.size > 0 && now >= heldUntil) {
      const least = Math.min(revision, ...[...nodes.values()].map(({ ack }) => ack));
      acknowledged = Math.max(acknowledged, least);
    }
    return { epoch, revision, document: document.slice(), now, acknowledged, nodes: nodes.size };
  };

  return {
    sync: async (request) => {
      const now = clock.now();
      const ack = request.epoch === epoch ? Math.min(request.ack, revision) : 0;
      if (request.leaseMs > 0) nodes.set(request.node, { until: now + request.leaseMs, ack });
      else nodes.delete(request.node);
      return read(now);
    },
    propose: async (expected, nextEpoch, nextDocument, holdMs) => {
      if (expected.epoch !== epoch || expected.revision !== revision) return false;
      if (holdMs > 0) heldUntil = clock.now() + holdMs;
      epoch = nextEpoch;
      revision++;
      document = nextDocument.slice();
      return true;
    },
  };
}
