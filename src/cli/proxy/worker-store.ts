import type { Worker } from 'node:cluster';
import { type Awaitable, type ClaimAnswer, type SessionStore, StoreError } from '../../session/index.ts';

/** What a worker asks of the primary process, which holds the sessions of all workers. */
interface Question {
  readonly kind: 'store';
  readonly id: number;
  readonly call: 'get' | 'take' | 'put' | 'delete' | 'claim';
  readonly key: string;
  /** Base64. */
  readonly value?: string;
  readonly ttl?: number;
}

interface Answer {
  readonly kind: 'stored';
  readonly id: number;
  readonly value?: string;
  readonly failed?: true;
}

/** The store of a worker process: the primary's. Wrap it: it has no deadline of its own. */
export function workerStore(): SessionStore {
  let next = 1;
  const waiting = new Map<number, { resolve: (value: string | undefined) => void; reject: (error: Error) => void }>();
  process.on('message', (message: Answer) => {
    if (message?.kind !== 'stored') return;
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.failed === true) asked?.reject(new StoreError('storeError', 'the primary process could not do it'));
    else asked?.resolve(message.value);
  });
  const ask = (question: Omit<Question, 'kind' | 'id'>) =>
    new Promise<string | undefined>((resolve, reject) => {
      if (process.send === undefined || !process.connected) {
        reject(new StoreError('storeError', 'the primary process is gone'));
        return;
      }
      const id = next++;
      waiting.set(id, { resolve, reject });
      process.send({ kind: 'store', id, ...question } satisfies Question, undefined, undefined, (error) => {
        if (error === null) return;
        waiting.delete(id);
        reject(new StoreError('storeError', error.message));
      });
    });
  const bytes = (value: string | undefined) =>
    value === undefined ? undefined : new Uint8Array(Buffer.from(value, 'base64'));
  return {
    traits: { local: false, bounded: false, sealed: false },
    get: async (key) => bytes(await ask({ call: 'get', key })),
    take: async (key) => bytes(await ask({ call: 'take', key })),
    put: async (key, value, ttl) => {
      await ask({ call: 'put', key, value: Buffer.from(value).toString('base64'), ttl });
    },
    delete: async (key) => {
      await ask({ call: 'delete', key });
    },
    claim: async (key, ttl) => ((await ask({ call: 'claim', key, ttl })) ?? 'doubtful') as ClaimAnswer,
  };
}

/** Answers the questions of a worker from a store of the primary process. */
export function serveStore(worker: Worker, store: SessionStore): void {
  worker.on('message', async (message: Question) => {
    if (message?.kind !== 'store') return;
    const { id, call, key, value, ttl = 1 } = message;
    const reply = (answer: Answer) => {
      if (worker.isConnected()) worker.send(answer, () => {});
    };
    try {
      const given: Awaitable<unknown> =
        call === 'put'
          ? store.put(key, new Uint8Array(Buffer.from(value ?? '', 'base64')), ttl)
          : call === 'claim'
            ? store.claim(key, ttl)
            : store[call](key);
      const got = await given;
      reply({
        kind: 'stored',
        id,
        ...(got instanceof Uint8Array
          ? { value: Buffer.from(got).toString('base64') }
          : typeof got === 'string'
            ? { value: got }
            : {}),
      });
    } catch {
      reply({ kind: 'stored', id, failed: true });
    }
  });
}
