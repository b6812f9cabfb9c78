import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../helpers/listening.ts';

/**
 * What stands between a client and its Redis, and does to the traffic what a test asks for. It counts the commands that
 * pass, by name: each is an array of bulk strings, and the first of them is short.
 */
export class ChaosProxy {
  readonly commands = new Map<string, number>();
  /** How long replies are held back, in ms. */
  latency = 0;
  /** After so many bytes of replies nothing more passes, though the connection stays. */
  silentAfter = Number.POSITIVE_INFINITY;
  /** After so many bytes of replies the connection is reset, in the midst of one. */
  resetAfter = Number.POSITIVE_INFINITY;
  /** What is answered in place of Redis, whatever is asked; as it stands on the wire, without its end. */
  answer: ((command: string) => string | undefined) | undefined;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  /** Connections that came, over all. */
  accepted = 0;

  constructor(target: number) {
    this.#target = target;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<this> {
    this.#port = await freePort();
    this.#server = createServer((socket) => this.#carry(socket));
    await new Promise<void>((resolve) => this.#server?.listen(this.#port, '127.0.0.1', resolve));
    return this;
  }

  /** Commands of a name since the last call. */
  count(name: string): number {
    const counted = this.commands.get(name) ?? 0;
    this.commands.delete(name);
    return counted;
  }

  /** All is well again, for connections that come from now on; those that are there are reset. */
  heal(): void {
    this.latency = 0;
    this.silentAfter = this.resetAfter = Number.POSITIVE_INFINITY;
    this.answer = undefined;
    this.reset();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.#server?.close();
    this.reset();
  }

  #carry(socket: Socket): void {
    const redis = connect({ port: this.#target, host: '127.0.0.1' });
    this.#sockets.add(socket);
    this.accepted++;
    let carried = 0;
    socket.on('data', (bytes: Buffer) => this.#ask(bytes, socket, redis));
    redis.on('data', (bytes: Buffer) => {
      setTimeout(() => {
        if (carried >= this.silentAfter || socket.destroyed) return;
        const rest = Math.min(this.silentAfter, this.resetAfter) - carried;
        carried += bytes.length;
        socket.write(bytes.subarray(0, rest));
        if (carried >= this.resetAfter) setImmediate(() => socket.resetAndDestroy());
      }, this.latency);
    });
    const end = () => {
      this.#sockets.delete(socket);
      redis.destroy();
      socket.destroy();
    };
    for (const each of [socket, redis]) each.on('error', end).on('close', end);
  }

  /** Answers itself what it is told to, and passes on the rest. */
  #ask(bytes: Buffer, socket: Socket, redis: Socket): void {
    const names = [...bytes.toString('latin1').matchAll(/(?:^|\r\n)\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n/g)];
    let passes = names.length === 0;
    for (const [, name = ''] of names) {
      const command = name.toUpperCase();
      this.commands.set(command, (this.commands.get(command) ?? 0) + 1);
      const answer = this.answer?.(command);
      if (answer === undefined) passes = true;
      else socket.write(`${answer}\r\n`);
    }
    if (passes) redis.write(bytes);
  }
}
