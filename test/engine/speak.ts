/** Peers that speak byte by byte as a test says. */
import assert from 'node:assert/strict';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import type { Connection } from '../../src/engine/connection.ts';
import { drive } from '../../src/engine/driver.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { type AlertName, alertCodes } from '../../src/errors.ts';
import type { RecordOutput } from '../../src/handshake/context.ts';
import type { Flow } from '../../src/handshake/flow.ts';
import type { Established } from '../../src/handshake/result.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/client-hello.ts';
import { extensionTypes } from '../../src/wire/extension-type.ts';
import { frameMessage, type HandshakeType } from '../../src/wire/handshake-type.ts';
import { clientDefaults, join, serverDefaults } from '../handshake/pair.ts';

/** Sides that send what a test tells them to. */
export class LooseServer extends ServerConnection {
  output: RecordOutput | undefined;
  protected override start(output: RecordOutput): Flow<Established> {
    this.output = output;
    return super.start(output);
  }
}

export class LooseClient extends ClientConnection {
  output: RecordOutput | undefined;
  protected override start(output: RecordOutput): Flow<Established> {
    this.output = output;
    return super.start(output);
  }
}

export const handshake = 22;
export const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);

export function record(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
  return Uint8Array.of(type, version >> 8, version & 255, fragment.length >> 8, fragment.length & 255, ...fragment);
}

export function server(options: Partial<ServerOptions> = {}): ServerConnection {
  return new ServerConnection({ ...serverDefaults, ...options });
}

export function client(options: Partial<ClientOptions> = {}): ClientConnection {
  return new ClientConnection({ ...clientDefaults, ...options });
}

export function turn(connection: Connection, ...input: Uint8Array[]): Uint8Array {
  for (const chunk of input) connection.receive(chunk);
  const host =
    connection instanceof ServerConnection
      ? serverHost(connection.options)
      : clientHost((connection as ClientConnection).options);
  drive(connection, host, () => {});
  return join(connection.takeOutgoing());
}

/** The body of the plaintext handshake message that a flight begins with. */
export function firstBody(flight: Uint8Array): Uint8Array {
  const length = ((flight[6] as number) << 16) | ((flight[7] as number) << 8) | (flight[8] as number);
  return flight.slice(9, 9 + length);
}

export function message(type: HandshakeType, body: Uint8Array): Uint8Array {
  return record(handshake, frameMessage(type, body));
}

/** A ClientHello of this stack, changed. */
export function hello(change: (hello: ClientHello) => void, options: Partial<ClientOptions> = {}): Uint8Array {
  const decoded = decodeClientHello(firstBody(turn(client(options))));
  change(decoded);
  return message('clientHello', encodeClientHello(decoded));
}

export function without(decoded: ClientHello, ...names: (keyof ClientHello['extensions'])[]): void {
  const types = names.map((name) => extensionTypes[name]);
  decoded.extensionOrder = decoded.extensionOrder.filter((type) => !types.includes(type as never));
}

/** The connection ends with this code, and its last seven bytes are the alert in the clear. */
export function assertRefused(connection: Connection, output: Uint8Array, code: string, alert: AlertName): void {
  assert.equal(connection.error?.code, code, connection.error?.stack ?? 'no error');
  assert.equal(connection.error?.alert, alert);
  assert.ok(connection.closed);
  assert.deepEqual([...output.subarray(-7)], [21, 3, 3, 0, 2, 2, alertCodes[alert]]);
  assert.equal(turn(connection, bytes(100)).length, 0, 'nothing is said after the alert');
}

/** Both sides of a connection after their handshake. */
export function connected(options: { client?: Partial<ClientOptions>; server?: Partial<ServerOptions> } = {}) {
  const loose = {
    client: new LooseClient({ ...clientDefaults, ...options.client }),
    server: new LooseServer({ ...serverDefaults, ...options.server }),
  };
  let flight = turn(loose.client);
  for (let i = 0; i < 3; i++) flight = turn(loose.client, turn(loose.server, flight));
  assert.ok(loose.client.connected && loose.server.connected);
  return loose;
}
