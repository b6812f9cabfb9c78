import { clientHandshake } from '../handshake/client.ts';
import { handshakeContext, type RecordOutput } from '../handshake/context.ts';
import type { Flow } from '../handshake/flow.ts';
import type { Established } from '../handshake/result.ts';
import { type ClientOptions, clientConfig } from './config.ts';
import { Connection } from './connection.ts';

/** The client's side of one TLS connection. The first `advance` makes the ClientHello. */
export class ClientConnection extends Connection {
  readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    super(clientConfig(options), 'client');
    this.options = options;
  }

  protected override start(output: RecordOutput): Flow<Established> {
    return clientHandshake(handshakeContext(clientConfig(this.options), output));
  }
}
