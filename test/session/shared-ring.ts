import type { RingChannel, RingReading } from '../../src/session/fleet-keyring.ts';
import { FleetKeyring, type FleetKeyringOptions } from '../../src/session/fleet-keyring.ts';
import { TicketKeyring } from '../../src/session/ticket-keyring.ts';
import { type FakeTime, sessionCrypto } from './helpers.ts';

/** The shared document as Redis would hold it; `down` makes every call fail, `lose` forgets everything. */
export class SharedRing {
  readonly time: FakeTime;
  down = false;
  /** Takes no proposal: somebody else's was always there before. */
  refuses = false;
  epoch = '';
  revision = 0;
  document: Uint8Array = new Uint8Array(0);
  proposals = 0;
  granted = 0;
  hold = 0;
  readonly leases = new Map<string, number>();
  readonly acks = new Map<string, number>();

  constructor(time: FakeTime) {
    this.time = time;
  }

  lose(): void {
    this.epoch = '';
    this.revision = 0;
    this.granted = 0;
    this.document = new Uint8Array(0);
    this.leases.clear();
    this.acks.clear();
  }

  channel(): RingChannel {
    return {
      sync: async ({ node, epoch, ack, leaseMs }): Promise<RingReading> => {
        if (this.down) throw new Error('down');
        const now = this.time.now();
        for (const [each, until] of this.leases) {
          if (until > now) continue;
          this.leases.delete(each);
          this.acks.delete(each);
        }
        if (leaseMs > 0) {
          this.leases.set(node, now + leaseMs);
          this.acks.set(node, epoch === this.epoch ? Math.min(ack, this.revision) : 0);
        } else {
          this.leases.delete(node);
          this.acks.delete(node);
        }
        const least = Math.min(this.revision, ...this.acks.values());
        if (this.acks.size > 0 && now >= this.hold)
          this.granted = Math.max(Math.min(this.granted, this.revision), least);
        const acknowledged = this.granted;
        return {
          epoch: this.epoch,
          revision: this.revision,
          document: this.document,
          now,
          acknowledged,
          nodes: this.leases.size,
        };
      },
      propose: async (expected, epoch, document, holdMs) => {
        if (this.down) throw new Error('down');
        if (this.refuses) return false;
        if (expected.epoch !== this.epoch || expected.revision !== this.revision) return false;
        this.proposals++;
        if (holdMs > 0) this.hold = this.time.now() + holdMs;
        this.epoch = epoch;
        this.revision++;
        this.document = document;
        return true;
      },
    };
  }
}

/** One node of a fleet. */
export interface RingNode {
  readonly fleet: FleetKeyring;
  readonly keyring: TicketKeyring;
}

/** A node that keeps its keys in step through the ring; it rotates every 100 seconds. */
export function ringNode(
  shared: SharedRing,
  options: Pick<FleetKeyringOptions, 'fleetKeys'> & { keepFor: number } & Partial<FleetKeyringOptions>,
): RingNode {
  const { time } = shared;
  const common = { crypto: sessionCrypto(), clock: time, timers: time, rotateEvery: 100 };
  const keyring = new TicketKeyring({ ...common, rotation: 'supplied', keepFor: options.keepFor });
  const fleet = new FleetKeyring({ ...common, channel: shared.channel(), keyring, pollEvery: 5, ...options });
  return { fleet, keyring };
}
