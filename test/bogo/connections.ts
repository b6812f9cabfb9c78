import { AlertReceivedError, TlsError } from '../../src/errors.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { advanceClock, createSubject, Mismatch, type Subject } from './adapter.ts';
import { checkHandshake, checkLateSessions, checkMessages, checkRejection } from './expectations.ts';
import { type CommandLine, type Options, Unimplemented } from './flags.ts';
import { WireEndpoint } from './wire-endpoint.ts';

/** Runs the connections of one test one after the other; the exit status. */
export async function runConnections(line: CommandLine): Promise<number> {
  let session: ClientSession | undefined;
  for (let i = 0; i <= line.resumeCount; i++) {
    const options = i === 0 ? line.initial : line.resume;
    const result = await runConnection(line, options, i > 0, session);
    if (result.failure !== undefined) return report(result.failure);
    session = result.session ?? session;
    advanceClock(options.resumptionDelay);
  }
  return 0;
}

/** Tells the runner what went wrong: the code of the error, which config.json maps to BoringSSL's words. */
function report(failure: unknown): number {
  if (failure instanceof AlertReceivedError) {
    process.stderr.write(`${failure.code} ${failure.alertCode}\n${failure.message}\n`);
    return 1;
  }
  if (failure instanceof TlsError && failure.code !== 'ERR_TLS_INTERNAL') {
    process.stderr.write(`${failure.code} ${failure.phase ?? ''}\n${failure.message}\n`);
    return 1;
  }
  const cause = failure instanceof TlsError && failure.cause !== undefined ? failure.cause : failure;
  process.stderr.write(`${cause instanceof Error ? cause.stack : String(cause)}\n`);
  return 90;
}

/** Why a connection failed, or the newest session that it gave. */
interface Result {
  failure?: unknown;
  session?: ClientSession | undefined;
}

async function runConnection(
  line: CommandLine,
  options: Options,
  isResume: boolean,
  session: ClientSession | undefined,
): Promise<Result> {
  if (options.readWithUnfinishedWrite && options.enableEarlyData) throw new Unimplemented('unfinished early data');
  if (
    !options.server &&
    (options.credentials.filter(({ kind }) => kind === 'psk').length > 1 || isAlpnReason(options))
  ) {
    throw new Unimplemented('which PSK of several was taken, and why early data was not offered, is not told');
  }
  if (isResume && !options.server && session === undefined) return { failure: new Mismatch('no session to offer') };
  // To BoringSSL a client whose early data is rejected starts anew on the same connection, with options of its own.
  const later = isResume && !options.server && options.expectRejectEarlyData ? line.retry : options;
  let subject: Subject;
  try {
    subject = createSubject(options, later, session);
  } catch (error) {
    if (error instanceof Unimplemented) throw error;
    return { failure: error };
  }
  const wire = await WireEndpoint.open(line);
  const exchange = new Exchange(subject, wire, options, later);
  try {
    await exchange.handshake();
    const early = subject.connection.takeSessions();
    checkHandshake(subject, later, isResume, early.length);
    await exchange.talk();
    const late = subject.connection.takeSessions();
    checkLateSessions(subject, later, late);
    checkMessages(subject, later);
    return { session: [...early, ...late].at(-1) };
  } catch (failure) {
    exchange.flush();
    return { failure: checkRejection(failure, later) ?? failure };
  } finally {
    await wire.close();
  }
}

function isAlpnReason({ expectEarlyDataReason, expectNoOfferEarlyData }: Options): boolean {
  return expectEarlyDataReason === 'alpn_mismatch' && expectNoOfferEarlyData;
}

/** Sizes that -write-different-record-sizes asks for. */
const recordSizes = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];

/** One connection: moves bytes between the engine and the runner, and answers the engine's requests. */
class Exchange {
  readonly #subject: Subject;
  readonly #wire: WireEndpoint;
  readonly #options: Options;
  readonly #later: Options;
  readonly #answering = new Set<number>();
  /** Client: what of the first write did not fit into early data; `undefined` where no early data was sent. */
  #afterEarlyData: Uint8Array[] | undefined;
  #hostFailure: unknown;
  #endTold = false;

  /** @param later the options once the handshake is done. */
  constructor(subject: Subject, wire: WireEndpoint, options: Options, later: Options) {
    this.#subject = subject;
    this.#wire = wire;
    this.#options = options;
    this.#later = later;
  }

  /** Resolves when the handshake is done. */
  async handshake(): Promise<void> {
    const { connection } = this.#subject;
    await this.#until(() => {
      if (!connection.connected) this.#talkEarly();
      return connection.connected;
    });
    if (!connection.connected) throw this.#endOfConnection();
  }

  /** 0-RTT: a client writes its greeting as far as the ticket allows, a server echoes what has come. */
  #talkEarly(): void {
    const { connection } = this.#subject;
    if (this.#options.server) {
      if (!connection.writable) return;
      for (const part of connection.takeApplicationData()) connection.write(part.map((byte) => byte ^ 0xff));
    } else if (this.#mayWriteEarly()) {
      this.#afterEarlyData = this.#options.shimWritesFirst ? this.#greetings(this.#options) : [];
      // One record for each write, and the rest of what no longer fits after the handshake.
      for (let next = this.#afterEarlyData[0]; next !== undefined; next = this.#afterEarlyData[0]) {
        const allowed = connection.earlyDataAllowance;
        if (allowed === 0) break;
        connection.write(next.subarray(0, allowed));
        if (next.length <= allowed) this.#afterEarlyData.shift();
        else this.#afterEarlyData[0] = next.subarray(allowed);
      }
    }
    this.flush();
  }

  #mayWriteEarly(): boolean {
    const { connection, facts } = this.#subject;
    if (this.#afterEarlyData !== undefined || connection.earlyDataAllowance === 0) return false;
    const { earlyWriteAfterMessage: message } = this.#options;
    return message === undefined || facts.lastRead === message;
  }

  #greetings({ shimInitialWrite, repeatShimInitialWrite }: Options): Uint8Array[] {
    const greeting = new Uint8Array(Buffer.from(shimInitialWrite, 'latin1'));
    return new Array<Uint8Array>(repeatShimInitialWrite).fill(greeting);
  }

  /** What the flags ask for after the handshake: exports, writes, the echo, the end. */
  async talk(): Promise<void> {
    const { connection } = this.#subject;
    const options = this.#later;
    this.#writeExports();
    if (options.sendAlert) {
      connection.close(new TlsError('ERR_TLS_HOST_ALERT', 'decompressionFailure', 'the runner wants this alert'));
      this.flush();
      return;
    }
    if (options.writeDifferentRecordSizes) {
      for (const size of recordSizes) connection.write(new Uint8Array(size).fill(0x42));
      this.flush();
    } else {
      this.#writeFirst();
      if (!options.shimShutsDown) await this.#echo();
    }
    await this.#shutDown();
  }

  #writeExports(): void {
    const { connection, facts } = this.#subject;
    const options = this.#later;
    if (options.exportKeyingMaterial > 0) {
      const context = options.useExportContext
        ? new Uint8Array(Buffer.from(options.exportContext, 'latin1'))
        : undefined;
      connection.write(connection.exportKeyingMaterial(options.exportKeyingMaterial, options.exportLabel, context));
    }
    if (options.exportTrafficSecrets) {
      const labels = ['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'];
      // The secret that this side reads with comes first.
      const secrets = (options.server ? labels : labels.reverse()).map((label) => facts.secrets.get(label)!);
      const length = secrets[0]!.length / 2;
      connection.write(Uint8Array.of(length & 0xff, length >> 8));
      for (const secret of secrets) connection.write(new Uint8Array(Buffer.from(secret, 'hex')));
    }
    this.flush();
  }

  #writeFirst(): void {
    const { connection } = this.#subject;
    const options = this.#later;
    if (options.readWithUnfinishedWrite) {
      this.flush();
      for (const greeting of this.#greetings(options)) connection.write(greeting);
      this.#wire.holdAfterOneByte(new Uint8Array(Buffer.concat(connection.takeOutgoing())));
    } else if (this.#afterEarlyData !== undefined && connection.info.earlyData === 'accepted') {
      for (const greeting of this.#afterEarlyData) connection.write(greeting);
    } else if (options.shimWritesFirst) {
      for (const greeting of this.#greetings(options)) connection.write(greeting);
    }
    this.flush();
  }

  /** Sends back what the runner sends, with every bit flipped, until the runner has closed. */
  async #echo(): Promise<void> {
    const { connection } = this.#subject;
    for (;;) {
      if (this.#later.keyUpdateBeforeRead) connection.updateKeys();
      this.flush();
      let data: Uint8Array[] = [];
      await this.#until(() => {
        data = connection.takeApplicationData().filter((part) => part.length > 0);
        return data.length > 0;
      });
      if (data.length === 0) {
        if (connection.error !== undefined) throw connection.error;
        return;
      }
      this.#wire.release();
      if (this.#later.keyUpdate) connection.updateKeys();
      for (const part of data) connection.write(part.map((byte) => byte ^ 0xff));
      this.flush();
    }
  }

  async #shutDown(): Promise<void> {
    const { connection } = this.#subject;
    // Without -check-close-notify BoringSSL's shim leaves in silence; the runner reads no more either.
    if (!this.#later.checkCloseNotify) return;
    const { peerClosed } = connection;
    connection.closeWrite();
    this.flush();
    if (!peerClosed) await this.#until(() => connection.peerClosed);
    if (connection.error !== undefined) throw connection.error;
    if (!connection.peerClosed || connection.truncated) {
      throw new TlsError('ERR_TLS_CLOSED_WITHOUT_NOTIFY', 'closeNotify', 'the runner ended without close_notify');
    }
  }

  flush(): void {
    for (const bytes of this.#subject.connection.takeOutgoing()) this.#wire.write(bytes);
  }

  #endOfConnection(): unknown {
    return (
      this.#subject.connection.error ??
      new TlsError('ERR_TLS_CLOSED_EARLY', 'closeNotify', 'the runner ended before the handshake was done')
    );
  }

  /** Moves bytes until `done` holds or nothing more can come. */
  async #until(done: () => boolean): Promise<void> {
    const { connection } = this.#subject;
    for (;;) {
      const progress = connection.advance();
      if (this.#hostFailure !== undefined) throw this.#hostFailure;
      if (progress.state === 'needsHost') {
        // Each request is reported once, and there may be another one.
        this.#ask(progress.id, progress.request);
        continue;
      }
      this.flush();
      if (progress.state === 'closed') return;
      if (this.#answering.size > 0) {
        // The runner takes a ticket only in front of the reply to its data, so nothing overtakes an answer here.
        await this.#wire.changed();
        continue;
      }
      if (done() || connection.peerClosed) return;
      const bytes = connection.wantsMoreInput ? this.#wire.take(this.#options.async ? 1 : 65536) : undefined;
      if (bytes !== undefined) {
        connection.receive(bytes);
      } else if (this.#wire.ended && !this.#endTold) {
        this.#endTold = true;
        connection.receiveEnd();
      } else if (this.#wire.ended) {
        return;
      } else {
        await this.#wire.changed();
      }
    }
  }

  /** Answers now or, with -async, two turns of the event loop later. */
  #ask(id: number, request: Parameters<Subject['answer']>[0]): void {
    if (this.#answering.has(id)) return;
    this.#answering.add(id);
    const answer = () => {
      this.#answering.delete(id);
      const { connection } = this.#subject;
      try {
        connection.answer(id, this.#subject.answer(request));
      } catch (error) {
        if (!(error instanceof TlsError)) this.#hostFailure = error;
        connection.fail(id, error);
      }
      this.#wire.wake();
    };
    if (this.#options.async) setImmediate(() => setImmediate(answer));
    else answer();
  }
}
