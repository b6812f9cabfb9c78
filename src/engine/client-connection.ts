import { clientHandshake } from '../handshake/client.ts';
import type { RecordOutput } from '../handshake/context.ts';
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
    const config = clientConfig(this.options);
    return clientHandshake({ config, crypto: config.crypto, output });
  }
}
