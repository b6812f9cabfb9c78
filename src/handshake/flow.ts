import { zeroize } from '../bytes/bytes.ts';
import type { HandshakeMessage, HandshakeType } from '../wire/handshake-type.ts';
import type { HostRequest, HostRequests } from './host.ts';

/**
 * A handshake is a generator that runs straight down the RFC's message-flow figure. It stops in two places only:
 * to wait for one of the messages that may come now ({@link expectMessage}), and to ask the host something that
 * may take time ({@link request}). Whoever drives it resumes it with the message, or with the answer.
 */
export type Flow<T> = Generator<Wait, T, unknown>;

/** A handshake message, or the ChangeCipherSpec record of TLS 1.2. */
export type Expectation = HandshakeType | 'changeCipherSpec';

/** What a suspended flow waits for. */
export type Wait =
  | { readonly for: 'message'; readonly expected: readonly Expectation[]; readonly optional?: true }
  | { readonly for: 'host'; readonly request: HostRequest };

/** Waits for one of the named messages. Any other one is refused by the engine with `unexpected_message`. */
export function* expectMessage(...expected: HandshakeType[]): Flow<HandshakeMessage> {
  return (yield { for: 'message', expected }) as HandshakeMessage;
}

/** Takes the next message where it has this type; `undefined`, and the message stays for the next wait, where not. */
export function* takeMessageIf(type: HandshakeType): Flow<HandshakeMessage | undefined> {
  return (yield { for: 'message', expected: [type], optional: true }) as HandshakeMessage | undefined;
}

/** Waits for the ChangeCipherSpec of TLS 1.2, which is a record and no handshake message. */
export function* expectChangeCipherSpec(): Flow<void> {
  yield { for: 'message', expected: ['changeCipherSpec'] };
}

/** Asks the host, and waits for the answer. A host that fails makes this throw. */
export function* request<K extends keyof HostRequests>(
  name: K,
  input: HostRequests[K]['input'],
): Flow<HostRequests[K]['answer']> {
  return (yield { for: 'host', request: { name, input } as HostRequest }) as HostRequests[K]['answer'];
}

/**
 * Asks the host to keep a session, and wipes its secret once it has, or has failed. A connection that ends meanwhile leaves
 * the secret to the host, which may be at work on it.
 */
export function* requestToKeep<K extends 'sealTicket' | 'storeSession'>(
  name: K,
  input: HostRequests[K]['input'],
): Flow<HostRequests[K]['answer']> {
  const { secret } = input.state;
  let answer: unknown;
  try {
    answer = yield { for: 'host', request: { name, input } as HostRequest };
  } catch (error) {
    zeroize(secret);
    throw error;
  }
  zeroize(secret);
  return answer as HostRequests[K]['answer'];
}
