/**
 * The handshakes of RFC 8448 on our engine: keys, randoms, hellos and the signature of CertificateVerify are those of
 * the RFC, everything else is computed. `test/vectors/rfc8448` holds what the RFC prints, step by step.
 */
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { concat, fromHex } from '../../src/bytes/bytes.ts';
import { cipherSuite } from '../../src/crypto/cipher-suites.ts';
import { groupCode } from '../../src/crypto/named-groups.ts';
import type { CryptoProvider, GroupName, KeyExchange } from '../../src/crypto/provider.ts';
import { clientConfig, serverConfig } from '../../src/engine/config.ts';
import { Connection } from '../../src/engine/connection.ts';
import {
  checkFinished,
  readCertificate,
  sendCertificate,
  sendCertificateVerify,
} from '../../src/handshake/authentication13.ts';
import { clientHandshake13 } from '../../src/handshake/client13.ts';
import type { Credential } from '../../src/handshake/config.ts';
import { handshakeContext, type RecordOutput, sendMessage } from '../../src/handshake/context.ts';
import { expectMessage, type Flow } from '../../src/handshake/flow.ts';
import { handshakeSecretsWithoutPsk } from '../../src/handshake/key-schedule.ts';
import {
  applicationKeys,
  handshakeKeys,
  logApplicationSecrets,
  logHandshakeSecrets,
} from '../../src/handshake/keys13.ts';
import { verifyPeer } from '../../src/handshake/peer.ts';
import { EstablishedServer13 } from '../../src/handshake/post-handshake-server.ts';
import type { Established } from '../../src/handshake/result.ts';
import { receiveClientHello } from '../../src/handshake/server.ts';
import { Transcript } from '../../src/handshake/transcript.ts';
import { decodeCertificate13 } from '../../src/wire/certificate.ts';
import { decodeCertificateVerify } from '../../src/wire/certificate-verify.ts';
import { decodeClientHello } from '../../src/wire/client-hello.ts';
import { outlineServerHello } from '../../src/wire/server-hello.ts';
import { tls13 } from '../../src/wire/versions.ts';
import { nodeCrypto } from '../helpers/engine.ts';

type Side = 'client' | 'server';

interface Step {
  readonly side: Side;
  readonly step: string;
  readonly [field: string]: string;
}

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'vectors', 'rfc8448');

/** One of the RFC's handshakes. */
export class Rfc8448Trace {
  readonly #steps: readonly Step[];

  constructor(name: string) {
    this.#steps = (JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as { steps: Step[] }).steps;
  }

  /** All values of a field in the steps of one side whose text begins so. */
  all(side: Side, step: string, field: string): Uint8Array[] {
    return this.#steps
      .filter((each) => each.side === side && each.step.startsWith(step) && each[field] !== undefined)
      .map((each) => fromHex(each[field] as string));
  }

  /** The only such value, or the one at `index`. */
  value(side: Side, step: string, field: string, index = 0): Uint8Array {
    const value = this.all(side, step, field)[index];
    if (value === undefined) throw new Error(`RFC 8448 has no ${field} where {${side}} ${step}`);
    return value;
  }

  /** A handshake message with its header. */
  message(side: Side, name: string, index = 0): Uint8Array {
    return this.value(side, `construct a${/^[AEIOU]/.test(name) ? 'n' : ''} ${name} handshake`, name, index);
  }

  /** The records that one side sends, in order. */
  records(side: Side): Uint8Array[] {
    return this.all(side, 'send', 'complete record');
  }

  /** Whether one side sends a message. */
  has(side: Side, name: string): boolean {
    return this.all(side, `construct a ${name} handshake`, name).length > 0;
  }

  get retried(): boolean {
    return this.all('client', 'construct a ClientHello', 'ClientHello').length > 1;
  }

  get compatible(): boolean {
    return this.all('server', 'send change_cipher_spec', 'payload').length > 0;
  }
}

/** The JSON Web Key of a public share; with `d` that of the key pair. */
function jsonWebKey(group: GroupName, share: Uint8Array, d?: Uint8Array) {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const point =
    group === 'x25519'
      ? { kty: 'OKP', crv: 'X25519', x: text(share) }
      : { kty: 'EC', crv: 'P-256', x: text(share.subarray(1, 33)), y: text(share.subarray(33)) };
  return d === undefined ? point : { ...point, d: text(d) };
}

/** The cryptography of this Node with the key pairs of one side of a trace. */
export function cryptoOf(trace: Rfc8448Trace, side: Side): CryptoProvider {
  const exchanges = new Map<GroupName, KeyExchange>();
  for (const [group, step] of [
    ['x25519', 'create an ephemeral x25519'],
    ['secp256r1', 'create an ephemeral P-256'],
  ] as const) {
    const [privateKey] = trace.all(side, step, 'private key');
    const [share] = trace.all(side, step, 'public key');
    if (privateKey === undefined || share === undefined) continue;
    const key = createPrivateKey({ key: jsonWebKey(group, share, privateKey), format: 'jwk' });
    const agree = (other: Uint8Array) =>
      new Uint8Array(
        diffieHellman({
          privateKey: key,
          publicKey: createPublicKey({ key: jsonWebKey(group, other), format: 'jwk' }),
        }),
      );
    exchanges.set(group, {
      group,
      clientShareLength: share.length,
      serverShareLength: share.length,
      generate: () => ({ group, share, finish: agree, destroy() {} }),
      respond: (other) => ({ share, secret: agree(other) }),
    });
  }
  return { ...nodeCrypto, keyExchange: (group) => exchanges.get(group) };
}

/** The credential of one side, with the signature that the RFC prints. */
function credentialOf(trace: Rfc8448Trace, side: Side): Credential {
  const { certificateList } = decodeCertificate13(trace.message(side, 'Certificate').subarray(4), 4);
  const { algorithm, signature } = decodeCertificateVerify(trace.message(side, 'CertificateVerify').subarray(4));
  const keyType = algorithm === 0x0403 ? 'p256' : 'rsa';
  return {
    chain: certificateList.map(({ certData }) => certData),
    signer: { keyType, schemes: [algorithm], sign: () => signature },
  };
}

const suite = cipherSuite(0x1301) as NonNullable<ReturnType<typeof cipherSuite>>;

/** Our client with the ClientHello of the RFC: from the ServerHello on it is the client of `src/handshake`. */
export class TraceClient extends Connection {
  readonly #trace: Rfc8448Trace;
  readonly #config: ReturnType<typeof clientConfig>;

  constructor(trace: Rfc8448Trace, keyLog: (line: string) => void) {
    const config = clientConfig({
      crypto: cryptoOf(trace, 'client'),
      keyLog,
      serverName: 'server',
      verifyPeer: () => undefined,
      recordSizeLimit: 0x4001,
      credentials: trace.has('client', 'CertificateVerify') ? [credentialOf(trace, 'client')] : [],
    });
    super(config, 'client');
    this.#trace = trace;
    this.#config = config;
  }

  protected override *start(output: RecordOutput): Flow<Established> {
    const context = handshakeContext(this.#config, output);
    const transcript = new Transcript(context.crypto);
    const send = (index: number) => {
      const raw = this.#trace.message('client', 'ClientHello', index);
      transcript.add(raw);
      output.sendMessage('clientHello', raw);
      const hello = decodeClientHello(raw.subarray(4));
      const exchanges = [context.crypto.keyExchange(this.#trace.retried && index === 1 ? 'secp256r1' : 'x25519')];
      return {
        hello,
        raw,
        exchanges: exchanges.map((exchange) => exchange!.generate()),
        psks: [],
        session12: undefined,
        ech: undefined,
      };
    };
    let offer = send(0);
    let message = yield* expectMessage('serverHello');
    output.setVersion(tls13);
    if (this.#trace.retried) {
      // Another stack's second ClientHello is padded in its own way, so it is taken from the RFC, too.
      transcript.replaceWithMessageHash(suite.hash);
      transcript.add(message.raw);
      offer = send(1);
      message = yield* expectMessage('serverHello');
    }
    return yield* clientHandshake13(context, transcript, offer, message, outlineServerHello(message.body));
  }
}

/** Our server with the ServerHello, EncryptedExtensions and CertificateRequest of the RFC. */
export class TraceServer extends Connection {
  readonly #trace: Rfc8448Trace;
  readonly #config: ReturnType<typeof serverConfig>;
  #output: RecordOutput | undefined;

  constructor(trace: Rfc8448Trace, keyLog: (line: string) => void) {
    const config = serverConfig({
      crypto: cryptoOf(trace, 'server'),
      keyLog,
      credentials: [credentialOf(trace, 'server')],
      verifyPeer: () => undefined,
    });
    super(config, 'server');
    this.#trace = trace;
    this.#config = config;
  }

  /** Sends the NewSessionTicket of the RFC. */
  sendTicket(): void {
    this.#output?.sendMessage('newSessionTicket', this.#trace.message('server', 'NewSessionTicket'));
  }

  protected override *start(output: RecordOutput): Flow<Established> {
    this.#output = output;
    const trace = this.#trace;
    const context = handshakeContext(this.#config, output);
    const transcript = new Transcript(context.crypto);
    const forward = (name: string, type: 'serverHello' | 'encryptedExtensions' | 'certificateRequest', index = 0) =>
      sendMessage(context, transcript, type, trace.message('server', name, index).subarray(4));

    let { hello, message } = yield* receiveClientHello();
    output.setVersion(tls13);
    transcript.add(message.raw);
    if (trace.retried) {
      transcript.replaceWithMessageHash(suite.hash);
      forward('ServerHello', 'serverHello');
      ({ hello, message } = yield* receiveClientHello());
      transcript.add(message.raw);
    }
    const group: GroupName = trace.retried ? 'secp256r1' : 'x25519';
    const clientShare = hello.extensions.keyShare?.find((share) => share.group === groupCode(group))?.keyExchange;
    const answer = context.crypto.keyExchange(group)?.respond(clientShare as Uint8Array);
    forward('ServerHello', 'serverHello', trace.retried ? 1 : 0);
    if (hello.legacySessionId.length > 0) output.sendChangeCipherSpec();

    const secrets = handshakeSecretsWithoutPsk(context.crypto, suite.hash, answer?.secret, transcript.hash(suite.hash));
    logHandshakeSecrets(context, hello.random, secrets);
    output.setWriteKeys(handshakeKeys(suite, 'server', secrets));
    output.setReadKeys(handshakeKeys(suite, 'client', secrets));
    forward('EncryptedExtensions', 'encryptedExtensions');
    const asksClient = trace.has('server', 'CertificateRequest');
    if (asksClient) forward('CertificateRequest', 'certificateRequest');
    const credential = credentialOf(trace, 'server');
    sendCertificate(context, transcript, credential, { ocsp: false, scts: false, compression: [] });
    const scheme = credential.signer.schemes[0] as number;
    yield* sendCertificateVerify(context, transcript, suite.hash, 'server', credential, scheme);
    sendMessage(context, transcript, 'finished', secrets.serverFinished(transcript.hash(suite.hash)));
    const application = secrets.applicationSecrets(transcript.hash(suite.hash));
    logApplicationSecrets(context, hello.random, application);
    output.setWriteKeys(applicationKeys(suite, 'server', application));

    const client = asksClient
      ? yield* readCertificate(context, transcript, suite.hash, 'client', 'x509', [])
      : undefined;
    if (client !== undefined) yield* verifyPeer(context, 'client', tls13, client, undefined);
    const expected = secrets.clientFinished(transcript.hash(suite.hash));
    const finished = yield* expectMessage('finished');
    checkFinished(finished.body, expected);
    transcript.add(finished.raw);
    output.setReadKeys(applicationKeys(suite, 'client', application));
    const agreement = {
      version: tls13,
      suite,
      group,
      signatureScheme: scheme,
      peerSignatureScheme: client?.signatureScheme,
      serverName: hello.extensions.serverName,
      alpnProtocol: undefined,
      resumption: 'none',
      extendedMasterSecret: true,
      earlyData: 'none',
      helloRetryRequest: trace.retried,
      echAccepted: false,
      peerCertificates: client?.chain ?? [],
      peerRawPublicKey: undefined,
      ownRawPublicKey: false,
      psk: undefined,
      peerNotAfter: undefined,
      ocspResponse: undefined,
      scts: undefined,
      sessionId: hello.legacySessionId,
    } as const;
    return new EstablishedServer13(context, agreement, hello, application, transcript, undefined, 'x509');
  }
}

/** Everything that a connection has to send, in one piece. */
export function outgoing(connection: Connection): Uint8Array {
  return concat(...connection.takeOutgoing());
}
