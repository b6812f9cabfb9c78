import { handshakeContext, type RecordOutput } from '../handshake/context.ts';
import type { Flow } from '../handshake/flow.ts';
import type { Established } from '../handshake/result.ts';
import { serverHandshake } from '../handshake/server.ts';
import { type ServerOptions, serverConfig } from './config.ts';
import { Connection } from './connection.ts';

/** The server's side of one TLS connection. */
export class ServerConnection extends Connection {
  readonly options: ServerOptions;

  constructor(options: ServerOptions) {
    super(serverConfig(options), 'server');
    this.options = options;
  }

  protected override start(output: RecordOutput): Flow<Established> {
    return serverHandshake(handshakeContext(serverConfig(this.options), output));
  }
}
