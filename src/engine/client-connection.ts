import { clientHandshake } from '../handshake/client.ts';
import type { ClientHandshakeConfig } from '../handshake/config.ts';
import { handshakeContext, type RecordOutput } from '../handshake/context.ts';
import type { Flow } from '../handshake/flow.ts';
import type { Established } from '../handshake/result.ts';
import { type ClientOptions, clientConfig } from './config.ts';
import { Connection } from './connection.ts';

/** The client's side of one TLS connection. The first `advance` makes the ClientHello. */
export class ClientConnection extends Connection {
  readonly options: ClientOptions;
  readonly #config: ClientHandshakeConfig;

  constructor(options: ClientOptions) {
    const config = clientConfig(options);
    super(config, 'client');
    this.options = options;
    this.#config = config;
  }

  protected override start(output: RecordOutput): Flow<Established> {
    return clientHandshake(handshakeContext(this.#config, output));
  }
}
