import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RingChannel, RingReading } from '../../session/index.ts';
import { CliError } from '../errors.ts';
import { replaceFile, whileLocked } from './shared-file.ts';

interface Shared {
  epoch: string;
  revision: number;
  acknowledged: number;
  /** Base64. */
  document: string;
  nodes: Record<string, { ack: number; until: number }>;
}

const empty: Shared = { epoch: '', revision: 0, acknowledged: 0, document: '', nodes: {} };

/**
 * The shared document of a fleet of processes on one machine, in a file: the ticket keys outlive a restart, and worker
 * processes have the same ones. The keys in it are wrapped; the wrapping key is in another file of the same folder.
 */
export function fileRingChannel(folder: string, now: () => number = Date.now): RingChannel {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'ticket-keys.json');
  const lock = join(folder, 'ticket-keys.lock');

  const locked = <T>(work: () => T): Promise<T> => whileLocked(lock, now, work);

  function read(): Shared {
    try {
      const shared = JSON.parse(readFileSync(path, 'utf8')) as Partial<Shared>;
      if (typeof shared.epoch !== 'string' || typeof shared.revision !== 'number') return { ...empty, nodes: {} };
      return { ...empty, ...shared, nodes: { ...shared.nodes } };
    } catch {
      // Missing or damaged: new keys are made, and old tickets cost a full handshake.
      return { ...empty, nodes: {} };
    }
  }

  const write = (shared: Shared): void => replaceFile(path, JSON.stringify(shared));

  return {
    sync: ({ node, epoch, ack, leaseMs }) =>
      locked((): RingReading => {
        const shared = read();
        const time = now();
        if (leaseMs > 0) shared.nodes[node] = { ack: epoch === shared.epoch ? ack : 0, until: time + leaseMs };
        else delete shared.nodes[node];
        for (const [name, { until }] of Object.entries(shared.nodes)) if (until <= time) delete shared.nodes[name];
        const acks = Object.values(shared.nodes).map((each) => each.ack);
        if (acks.length > 0) shared.acknowledged = Math.max(shared.acknowledged, Math.min(...acks));
        write(shared);
        return {
          epoch: shared.epoch,
          revision: shared.revision,
          document: new Uint8Array(Buffer.from(shared.document, 'base64')),
          now: time,
          acknowledged: shared.acknowledged,
          nodes: acks.length,
        };
      }),
    propose: (expected, epoch, document) =>
      locked(() => {
        const shared = read();
        if (shared.epoch !== expected.epoch || shared.revision !== expected.revision) return false;
        const acknowledged = shared.epoch === epoch ? shared.acknowledged : 0;
        const revision = shared.revision + 1;
        write({ ...shared, epoch, revision, acknowledged, document: Buffer.from(document).toString('base64') });
        return true;
      }),
  };
}

/**
 * The key that wraps the ticket keys, made on first use. Only its owner may read it. Of several processes that start at
 * once, all get the same: the file comes up with its content, or is there already.
 */
export function fileFleetKey(folder: string, random: (size: number) => Uint8Array): Uint8Array {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'wrapping.key');
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}.new`;
    writeFileSync(draft, random(32), { mode: 0o600 });
    try {
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  const key = new Uint8Array(readFileSync(path));
  if (key.length >= 32) return key;
  throw new CliError(`${path} holds ${key.length} bytes, not the 32 of a key`, {
    hint: 'Was it cut? Remove it: a new one is made, and clients get one full handshake more.',
  });
}
