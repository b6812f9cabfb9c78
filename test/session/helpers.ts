import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import type { Aead, CryptoProvider } from '../../src/crypto/provider.ts';
import { type SessionState, type SessionStateInput, sessionState } from '../../src/session/state.ts';
import type { ClaimAnswer, SessionStore, StoreTraits } from '../../src/session/store.ts';
import type { Timers } from '../../src/session/timer.ts';

/** As much of a crypto provider as sessions need, straight over node:crypto; random bytes may be replaced. */
export function sessionCrypto(
  random: (size: number) => Uint8Array = (size) => new Uint8Array(randomBytes(size)),
): CryptoProvider {
  const absent = (): never => {
    throw new Error('sessions do not need this');
  };
  return {
    name: 'sessions only',
    random,
    hash: (name, data) => new Uint8Array(createHash(name).update(data).digest()),
    hmac: (name, key, data) => new Uint8Array(createHmac(name, key).update(data).digest()),
    prepareHmac: (name, key) => {
      const own = key.slice();
      let destroyed = false;
      return {
        sign: (data) => {
          if (destroyed) throw new Error('this key was destroyed');
          return new Uint8Array(createHmac(name, own).update(data).digest());
        },
        destroy: () => {
          own.fill(0);
          destroyed = true;
        },
      };
    },
    createAead: (_name, key) => aesGcm(key.slice()),
    createCbc: absent,
    keyExchange: absent,
    importPublicKey: absent,
    importPrivateKey: absent,
  };
}

function aesGcm(key: Uint8Array): Aead {
  return {
    keyLength: 32,
    tagLength: 16,
    seal: (nonce, additionalData, plaintext, out, at) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(additionalData);
      out.set(cipher.update(plaintext), at);
      cipher.final();
      out.set(cipher.getAuthTag(), at + plaintext.length);
      return plaintext.length + 16;
    },
    open: (nonce, additionalData, ciphertext) => {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce);
      decipher.setAAD(additionalData);
      decipher.setAuthTag(ciphertext.subarray(-16));
      const plaintext = decipher.update(ciphertext.subarray(0, -16));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return new Uint8Array(plaintext);
    },
    destroy: () => key.fill(0),
  };
}

/** A clock and timers that a test moves by hand. */
export class FakeTime implements Timers {
  milliseconds: number;
  #timers: { at: number; callback: () => void }[] = [];

  constructor(start = 1_800_000_000_000) {
    this.milliseconds = start;
  }

  now(): number {
    return this.milliseconds;
  }

  set(callback: () => void, milliseconds: number): unknown {
    const timer = { at: this.milliseconds + milliseconds, callback };
    this.#timers.push(timer);
    return timer;
  }

  clear(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time forward and runs what is due, in order. */
  advance(milliseconds: number): void {
    const end = this.milliseconds + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.milliseconds = Math.max(this.milliseconds, due.at);
      due.callback();
    }
    this.milliseconds = end;
  }

  /** Like {@link advance}, in steps, and lets promises run after each. */
  async pass(milliseconds: number, step = 1): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      this.advance(step);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export const policy: Uint8Array = new Uint8Array(32).fill(7);

/** A session state with something in every field. */
export function someState(time: number, input: Partial<SessionStateInput> = {}): SessionState {
  const version = input.version ?? 0x0304;
  return sessionState({
    version,
    cipherSuite: version === 0x0304 ? 0x1301 : 0xc02b,
    secret: new Uint8Array(randomBytes(version === 0x0304 ? 32 : 48)),
    policyDigest: policy,
    createdAt: time,
    lifetime: 3600,
    serverName: 'www.example.org',
    alpnProtocol: 'h2',
    ...input,
  });
}

/** A store whose answers a test decides on. */
export class ScriptedStore implements SessionStore {
  traits: StoreTraits = { local: false, bounded: false, sealed: false };
  readonly calls: string[] = [];
  answer: (operation: string, key: string) => unknown;

  constructor(answer: (operation: string, key: string) => unknown) {
    this.answer = answer;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#ask('get', key) as Promise<Uint8Array | undefined>;
  }

  take(key: string): Promise<Uint8Array | undefined> {
    return this.#ask('take', key) as Promise<Uint8Array | undefined>;
  }

  put(key: string): Promise<void> {
    return this.#ask('put', key) as Promise<void>;
  }

  delete(key: string): Promise<void> {
    return this.#ask('delete', key) as Promise<void>;
  }

  claim(key: string): Promise<ClaimAnswer> {
    return this.#ask('claim', key) as Promise<ClaimAnswer>;
  }

  async #ask(operation: string, key: string): Promise<unknown> {
    this.calls.push(operation);
    return await this.answer(operation, key);
  }
}

/** A promise that never settles: a store that hangs. */
export const never: Promise<never> = new Promise(() => {});
