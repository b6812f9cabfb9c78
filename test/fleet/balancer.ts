import { connect, createServer, type Server, type Socket } from 'node:net';

/** A plain TCP balancer: each connection goes to a random backend; one that refuses is passed over. */
export class Balancer {
  backends: number[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #counts = new Map<number, { open: number; ever: number }>();

  constructor(backends: readonly number[]) {
    this.backends = [...backends];
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => this.#serve(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** How many connections to a backend are open, and how many ever were. */
  count(backend: number): { open: number; ever: number } {
    let count = this.#counts.get(backend);
    if (count === undefined) this.#counts.set(backend, (count = { open: 0, ever: 0 }));
    return count;
  }

  #serve(client: Socket): void {
    this.#keep(client);
    const order = [...this.backends].sort(() => Math.random() - 0.5);
    const next = (): void => {
      const port = order.pop();
      if (port === undefined) {
        client.destroy();
        return;
      }
      const backend = connect({ port, host: '127.0.0.1', noDelay: true });
      this.#keep(backend);
      backend.once('connect', () => {
        const count = this.count(port);
        count.open++;
        count.ever++;
        backend.once('close', () => count.open--);
        client.pipe(backend).pipe(client);
        client.resume();
        client.on('close', () => backend.destroy());
        backend.on('close', () => client.destroy());
      });
      backend.on('error', () => {
        if (backend.connecting || backend.bytesWritten === 0) next();
        else client.destroy();
      });
    };
    next();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
