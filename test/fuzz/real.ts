/**
 * The engine against itself with real cryptography: one side changes its handshake messages before it sends them, or the
 * bytes are changed on the way.
 */
import { concat } from '../../src/bytes/bytes.ts';
import { ClientConnection } from '../../src/engine/client-connection.ts';
import type { ClientOptions, ServerOptions } from '../../src/engine/config.ts';
import { drive } from '../../src/engine/driver.ts';
import { createEchKey } from '../../src/engine/ech-key.ts';
import { clientHost, serverHost } from '../../src/engine/host.ts';
import { ServerConnection } from '../../src/engine/server-connection.ts';
import { TlsError } from '../../src/errors.ts';
import type { RecordOutput } from '../../src/handshake/context.ts';
import type { Flow } from '../../src/handshake/flow.ts';
import type { Established } from '../../src/handshake/result.ts';
import { encodeEchConfigList } from '../../src/wire/ech-config.ts';
import { tls12 } from '../../src/wire/versions.ts';
import { nodeCrypto, testCredential } from '../helpers/engine.ts';
import { Crash } from './engine.ts';
import { mutateBytes } from './mutate.ts';
import type { Random } from './random.ts';

/** Passes all on, but changes the bytes of messages. */
function tampering(output: RecordOutput, change: (raw: Uint8Array) => Uint8Array): RecordOutput {
  return new Proxy(output, {
    get(target, name: keyof RecordOutput) {
      if (name === 'sendMessage') {
        return (type: Parameters<RecordOutput['sendMessage']>[0], raw: Uint8Array) =>
          target.sendMessage(type, change(raw));
      }
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

class TamperingClient extends ClientConnection {
  change: (raw: Uint8Array) => Uint8Array = (raw) => raw;
  protected override start(output: RecordOutput): Flow<Established> {
    return super.start(tampering(output, (raw) => this.change(raw)));
  }
}

class TamperingServer extends ServerConnection {
  change: (raw: Uint8Array) => Uint8Array = (raw) => raw;
  protected override start(output: RecordOutput): Flow<Established> {
    return super.start(tampering(output, (raw) => this.change(raw)));
  }
}

const base = { crypto: nodeCrypto, verifyPeer: () => undefined };
const credentials = [testCredential('ecdsa-p256')];
const echKey = createEchKey(nodeCrypto, { publicName: 'public.example' });
const otherEchKey = createEchKey(nodeCrypto, { publicName: 'public.example' });
const ech = { configList: encodeEchConfigList([echKey.config]) };
const variants: readonly { client: ClientOptions; server: ServerOptions }[] = [
  { client: { ...base, serverName: 'localhost', groups: ['x25519'] }, server: { ...base, credentials } },
  {
    client: { ...base, serverName: 'localhost', credentials: [testCredential('client-ecdsa-p256')] },
    server: { ...base, credentials, groups: ['secp256r1'], clientCertificate: 'require' },
  },
  { client: { ...base, serverName: 'localhost', maxVersion: tls12 }, server: { ...base, credentials } },
  {
    client: { ...base, serverName: 'localhost', ech },
    server: { ...base, credentials, groups: ['secp256r1'], echKeys: [echKey] },
  },
  { client: { ...base, serverName: 'localhost', ech }, server: { ...base, credentials, echKeys: [otherEchKey] } },
  {
    client: { ...base, maxVersion: tls12, cipherSuites: [0xc009] },
    server: { ...base, credentials, cipherSuites: [0xc009] },
  },
];

/** One handshake with something wrong in it, application data, and the end; returns how both sides ended. */
export function runReal(random: Random): string {
  const { client: clientOptions, server: serverOptions } = random.pick(variants);
  const client = new TamperingClient(clientOptions);
  const server = new TamperingServer(serverOptions);
  const tamper = random.below(4);
  let left = random.below(5);
  const once = (bytes: Uint8Array) => (left-- === 0 ? mutateBytes(random, bytes) : bytes);
  if (tamper === 0) client.change = once;
  if (tamper === 1) server.change = once;
  const onTheWay = (bytes: Uint8Array) => (tamper >= 2 && bytes.length > 0 ? once(bytes) : bytes);
  let spoken = false;
  try {
    for (let turn = 0; turn < 12; turn++) {
      drive(client, clientHost(clientOptions), () => {});
      if (client.connected && server.connected && !spoken) {
        spoken = true;
        if (client.writable) client.write(new Uint8Array(100));
        if (server.writable) server.write(new Uint8Array(20_000));
      }
      const toServer = onTheWay(concat(...client.takeOutgoing()));
      if (toServer.length > 0) server.receive(toServer);
      drive(server, serverHost(serverOptions), () => {});
      const toClient = onTheWay(concat(...server.takeOutgoing()));
      if (toClient.length > 0) client.receive(toClient);
      client.takeApplicationData();
      server.takeApplicationData();
      if (toServer.length + toClient.length === 0) {
        client.closeWrite();
        server.closeWrite();
      }
    }
    for (const [side, host] of [
      [client, clientHost(clientOptions)],
      [server, serverHost(serverOptions)],
    ] as const) {
      side.receiveEnd();
      drive(side, host, () => {});
      side.close();
    }
  } catch (error) {
    throw new Crash('real protection: something was thrown', undefined, error);
  }
  return [client, server]
    .map((side) => {
      const { error } = side;
      if (!side.closed) throw new Crash('real protection: a connection did not close', undefined);
      if (error === undefined) return 'closed';
      if (error instanceof TlsError && error.code !== 'ERR_TLS_INTERNAL') return error.code;
      throw new Crash('real protection: no TlsError of the peer’s making', undefined, error.cause ?? error);
    })
    .join(' ');
}
