import { connect } from 'node:net';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost } from '../../src/engine/host.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { nodeCrypto } from '../helpers/engine.ts';

export interface Visit {
  readonly failure: string | undefined;
  readonly milliseconds: number;
  readonly sessions: ClientSession[];
  /** What the server said. */
  readonly resumed: boolean;
  readonly earlyData: string;
  readonly pid: number;
}

/** One connection: handshake, the server's line, its tickets, close. Never rejects. */
export function visit(port: number, options: Partial<ClientOptions>, earlyData?: Uint8Array): Promise<Visit> {
  const start = performance.now();
  return new Promise((resolve) => {
    const tls = new ClientConnection({
      crypto: nodeCrypto,
      serverName: 'localhost',
      verifyPeer: () => undefined,
      groups: ['x25519', 'secp256r1'],
      ...options,
    });
    const host = clientHost(tls.options);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    let sentEarly = false;
    const sessions: ClientSession[] = [];
    const wantsSessions = options.resumption !== false;
    const finish = (failure?: string): void => {
      clearTimeout(timer);
      clearTimeout(patience);
      const line = text.includes('\n')
        ? (JSON.parse(text) as { resumed: boolean; earlyData: string; pid: number })
        : undefined;
      socket.end();
      const said = { resumed: line?.resumed ?? false, earlyData: line?.earlyData ?? 'none', pid: line?.pid ?? 0 };
      resolve({ failure, milliseconds: (answeredAt ?? performance.now()) - start, sessions, ...said });
    };
    const timer = setTimeout(() => finish('it took more than 10 s'), 10_000);
    let over = false;
    /** A server that can't reach its store gives no ticket: nobody waits long for one. */
    let patience: NodeJS.Timeout | undefined;
    let patient = true;
    let answeredAt: number | undefined;
    const turn = (): void => {
      if (over) return;
      const progress = drive(tls, host, turn);
      if (!sentEarly && earlyData !== undefined && tls.earlyDataAllowance > 0) {
        sentEarly = true;
        tls.write(earlyData);
      }
      for (const data of tls.takeApplicationData()) text += Buffer.from(data).toString();
      sessions.push(...tls.takeSessions());
      const answered = text.includes('\n');
      if (answered) {
        answeredAt ??= performance.now();
        patience ??= setTimeout(() => {
          patient = false;
          turn();
        }, 600);
      }
      const done = answered && (!patient || !wantsSessions || sessions.length > 0 || tls.info.version === 0x0303);
      if (done && !tls.closed) tls.close();
      for (const bytes of tls.takeOutgoing()) socket.write(bytes);
      if (done) {
        over = true;
        finish();
      } else if (progress.state === 'closed') {
        over = true;
        finish(tls.error === undefined ? 'closed early' : `${tls.error.code}: ${tls.error.message}`);
      }
    };
    socket.on('connect', turn);
    socket.on('data', (bytes: Buffer) => {
      tls.receive(bytes);
      turn();
    });
    socket.on('end', () => {
      tls.receiveEnd();
      turn();
      if (!over) {
        over = true;
        finish('the server closed before it answered');
      }
    });
    socket.on('error', (error) => {
      if (over) return;
      over = true;
      finish(error.message);
    });
  });
}

export const kinds = ['sessionId', 'ticket', 'psk', 'handle'] as const;
export type Kind = (typeof kinds)[number];

/** What happened in one phase. */
export class Tally {
  readonly asked: Record<Kind, number> = { sessionId: 0, ticket: 0, psk: 0, handle: 0 };
  readonly hits: Record<Kind, number> = { sessionId: 0, ticket: 0, psk: 0, handle: 0 };
  readonly failures: string[] = [];
  readonly latencies: number[] = [];
  full = 0;

  rate(kind: Kind): number {
    return this.asked[kind] === 0 ? Number.NaN : this.hits[kind] / this.asked[kind];
  }

  get connections(): number {
    return this.latencies.length + this.failures.length;
  }

  percentile(share: number): number {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  }

  toString(): string {
    const rates = kinds.map((kind) => `${kind} ${this.hits[kind]}/${this.asked[kind]}`).join(', ');
    const times = [0.5, 0.99, 1].map((share) => this.percentile(share).toFixed(0)).join('/');
    return `${this.connections} connections, ${this.failures.length} failed, hits ${rates}, ms p50/p99/max ${times}`;
  }
}

/** Clients that come back after 0 to `pause` ms, each with the session of its last visit. */
export class Crowd {
  tally = new Tally();
  readonly #ports: { readonly tickets: number; readonly ids: number };
  readonly #pause: number;
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(ports: { readonly tickets: number; readonly ids: number }, perKind: number, pause: number) {
    this.#ports = ports;
    this.#pause = pause;
    this.#loops = kinds.flatMap((kind) => Array.from({ length: perKind }, () => this.#client(kind)));
  }

  /** The tally so far; counting begins anew. */
  next(): Tally {
    const { tally } = this;
    this.tally = new Tally();
    return tally;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #client(kind: Kind): Promise<void> {
    const port = kind === 'sessionId' || kind === 'handle' ? this.#ports.ids : this.#ports.tickets;
    const maxVersion = kind === 'sessionId' || kind === 'ticket' ? 0x0303 : 0x0304;
    let session: ClientSession | undefined;
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * this.#pause));
      if (this.#stopped) return;
      const result = await visit(port, { maxVersion, sessions: session === undefined ? [] : [session] });
      const { tally } = this;
      if (result.failure !== undefined) {
        tally.failures.push(`${kind}: ${result.failure}`);
        session = undefined;
        continue;
      }
      tally.latencies.push(result.milliseconds);
      if (session === undefined) tally.full++;
      else {
        tally.asked[kind]++;
        if (result.resumed) tally.hits[kind]++;
      }
      const fresh = result.sessions.at(-1);
      // A TLS 1.2 session that was resumed stays good; a TLS 1.3 ticket is used once.
      session = fresh ?? (maxVersion === 0x0303 && result.resumed ? session : undefined);
    }
  }
}
