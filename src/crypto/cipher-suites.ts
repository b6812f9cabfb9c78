import type { AeadName, CbcName, TranscriptHash } from './provider.ts';

/** What a cipher suite code stands for (RFC 9846, Appendix B.4; RFC 5246, Appendix C; RFC 5288, 5289, 5487, 5489, 7905, 8442). */
export interface CipherSuite {
  readonly code: number;
  /** The IANA name, e.g. `TLS_AES_128_GCM_SHA256`. */
  readonly name: string;
  /** The one protocol version that the suite can be negotiated in. */
  readonly version: 0x0303 | 0x0304;
  /** The AEAD, absent for a CBC suite. */
  readonly aead?: AeadName;
  /** Block cipher and MAC of a TLS 1.2 CBC suite (opt-in). `macLength` is in bytes. */
  readonly cbc?: {
    readonly cipher: CbcName;
    readonly mac: 'sha1' | 'sha256' | 'sha384';
    readonly macLength: number;
  };
  /** Hash of the transcript and of HKDF or the PRF. */
  readonly hash: TranscriptHash;
  /** TLS 1.2 only; in TLS 1.3 it is negotiated apart. `psk`: none but the pre-shared key, so no forward secrecy. */
  readonly keyExchange?: 'ecdhe' | 'rsa' | 'psk';
  /** TLS 1.2 only: the kind of key in the server's certificate, or a pre-shared key in the place of one (RFC 4279). */
  readonly authentication?: 'ecdsa' | 'rsa' | 'psk';
  /** Bytes of the encryption key. */
  readonly keyLength: number;
  /** Bytes of the fixed IV that the key schedule yields: 12 or, for GCM in TLS 1.2, 4; 0 for CBC (explicit IVs). */
  readonly ivLength: number;
}

type KeyExchange12 = NonNullable<CipherSuite['keyExchange']>;
type Authentication12 = NonNullable<CipherSuite['authentication']>;

const keyLengths = { aes128gcm: 16, aes256gcm: 32, chacha20poly1305: 32, aes128cbc: 16, aes256cbc: 32 } as const;
const macLengths = { sha1: 20, sha256: 32, sha384: 48 } as const;

function suite13(code: number, name: string, aead: AeadName, hash: TranscriptHash): CipherSuite {
  return { code, name, version: 0x0304, aead, hash, keyLength: keyLengths[aead], ivLength: 12 };
}

function suite12(
  code: number,
  name: string,
  keyExchange: KeyExchange12,
  authentication: Authentication12,
  aead: AeadName,
  hash: TranscriptHash,
): CipherSuite {
  const ivLength = aead === 'chacha20poly1305' ? 12 : 4;
  return {
    code,
    name,
    version: 0x0303,
    aead,
    hash,
    keyExchange,
    authentication,
    keyLength: keyLengths[aead],
    ivLength,
  };
}

function cbcSuite(
  code: number,
  name: string,
  keyExchange: KeyExchange12,
  authentication: Authentication12,
  cipher: CbcName,
  mac: 'sha1' | 'sha256' | 'sha384',
): CipherSuite {
  return {
    code,
    name,
    version: 0x0303,
    cbc: { cipher, mac, macLength: macLengths[mac] },
    // TLS 1.2 uses SHA-256 in the PRF of the suites that were defined before it (RFC 5246, Section 5).
    hash: mac === 'sha384' ? 'sha384' : 'sha256',
    keyExchange,
    authentication,
    keyLength: keyLengths[cipher],
    ivLength: 0,
  };
}

/** Every suite this stack can speak. What is offered by default is {@link defaultCipherSuites}. */
export const cipherSuites: readonly CipherSuite[] = [
  suite13(0x1301, 'TLS_AES_128_GCM_SHA256', 'aes128gcm', 'sha256'),
  suite13(0x1302, 'TLS_AES_256_GCM_SHA384', 'aes256gcm', 'sha384'),
  suite13(0x1303, 'TLS_CHACHA20_POLY1305_SHA256', 'chacha20poly1305', 'sha256'),
  suite12(0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ecdhe', 'ecdsa', 'aes128gcm', 'sha256'),
  suite12(0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ecdhe', 'rsa', 'aes128gcm', 'sha256'),
  suite12(0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ecdhe', 'ecdsa', 'aes256gcm', 'sha384'),
  suite12(0xc030, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ecdhe', 'rsa', 'aes256gcm', 'sha384'),
  suite12(0xcca9, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ecdhe', 'ecdsa', 'chacha20poly1305', 'sha256'),
  suite12(0xcca8, 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ecdhe', 'rsa', 'chacha20poly1305', 'sha256'),
  cbcSuite(0xc009, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ecdhe', 'ecdsa', 'aes128cbc', 'sha1'),
  cbcSuite(0xc013, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ecdhe', 'rsa', 'aes128cbc', 'sha1'),
  cbcSuite(0xc00a, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ecdhe', 'ecdsa', 'aes256cbc', 'sha1'),
  cbcSuite(0xc014, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ecdhe', 'rsa', 'aes256cbc', 'sha1'),
  cbcSuite(0xc023, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ecdhe', 'ecdsa', 'aes128cbc', 'sha256'),
  cbcSuite(0xc027, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ecdhe', 'rsa', 'aes128cbc', 'sha256'),
  cbcSuite(0xc024, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384', 'ecdhe', 'ecdsa', 'aes256cbc', 'sha384'),
  cbcSuite(0xc028, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384', 'ecdhe', 'rsa', 'aes256cbc', 'sha384'),
  suite12(0x009c, 'TLS_RSA_WITH_AES_128_GCM_SHA256', 'rsa', 'rsa', 'aes128gcm', 'sha256'),
  suite12(0x009d, 'TLS_RSA_WITH_AES_256_GCM_SHA384', 'rsa', 'rsa', 'aes256gcm', 'sha384'),
  cbcSuite(0x002f, 'TLS_RSA_WITH_AES_128_CBC_SHA', 'rsa', 'rsa', 'aes128cbc', 'sha1'),
  cbcSuite(0x0035, 'TLS_RSA_WITH_AES_256_CBC_SHA', 'rsa', 'rsa', 'aes256cbc', 'sha1'),
  cbcSuite(0x003c, 'TLS_RSA_WITH_AES_128_CBC_SHA256', 'rsa', 'rsa', 'aes128cbc', 'sha256'),
  cbcSuite(0x003d, 'TLS_RSA_WITH_AES_256_CBC_SHA256', 'rsa', 'rsa', 'aes256cbc', 'sha256'),
  suite12(0xd001, 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', 'ecdhe', 'psk', 'aes128gcm', 'sha256'),
  suite12(0xd002, 'TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384', 'ecdhe', 'psk', 'aes256gcm', 'sha384'),
  suite12(0xccac, 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'ecdhe', 'psk', 'chacha20poly1305', 'sha256'),
  cbcSuite(0xc035, 'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA', 'ecdhe', 'psk', 'aes128cbc', 'sha1'),
  cbcSuite(0xc036, 'TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA', 'ecdhe', 'psk', 'aes256cbc', 'sha1'),
  cbcSuite(0xc037, 'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256', 'ecdhe', 'psk', 'aes128cbc', 'sha256'),
  cbcSuite(0xc038, 'TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384', 'ecdhe', 'psk', 'aes256cbc', 'sha384'),
  suite12(0x00a8, 'TLS_PSK_WITH_AES_128_GCM_SHA256', 'psk', 'psk', 'aes128gcm', 'sha256'),
  suite12(0x00a9, 'TLS_PSK_WITH_AES_256_GCM_SHA384', 'psk', 'psk', 'aes256gcm', 'sha384'),
  suite12(0xccab, 'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256', 'psk', 'psk', 'chacha20poly1305', 'sha256'),
  cbcSuite(0x008c, 'TLS_PSK_WITH_AES_128_CBC_SHA', 'psk', 'psk', 'aes128cbc', 'sha1'),
  cbcSuite(0x008d, 'TLS_PSK_WITH_AES_256_CBC_SHA', 'psk', 'psk', 'aes256cbc', 'sha1'),
  cbcSuite(0x00ae, 'TLS_PSK_WITH_AES_128_CBC_SHA256', 'psk', 'psk', 'aes128cbc', 'sha256'),
  cbcSuite(0x00af, 'TLS_PSK_WITH_AES_256_CBC_SHA384', 'psk', 'psk', 'aes256cbc', 'sha384'),
];

const byCode = new Map(cipherSuites.map((suite) => [suite.code, suite]));

/** The suite of a code, or `undefined` for a code this stack cannot speak. */
export function cipherSuite(code: number): CipherSuite | undefined {
  return byCode.get(code);
}

/** Offered and accepted unless configured otherwise: AEAD with forward secrecy only, TLS 1.3 first. */
export const defaultCipherSuites: readonly number[] = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
];

/**
 * The suites for external PSKs in TLS 1.2 (RFC 8442, RFC 7905): AEAD with forward secrecy. They are used where
 * `cipherSuites` names them and there is a PSK for TLS 1.2; those without key exchange (`TLS_PSK_WITH_…`) have to be named
 * one by one.
 */
export const pskCipherSuites: readonly number[] = [0xd001, 0xd002, 0xccac];

/** Suites with those of one AEAD first among their version; the order is kept otherwise. */
export function preferAead(codes: readonly number[], aead: AeadName | undefined): readonly number[] {
  if (aead === undefined) return codes;
  const rank = (code: number): number => {
    const suite = cipherSuite(code);
    return (suite?.version === 0x0304 ? 0 : 2) + (suite?.aead === aead ? 0 : 1);
  };
  return [...codes].sort((a, b) => rank(a) - rank(b));
}

const byPreference = new Map<AeadName | undefined, readonly number[]>();

/** {@link defaultCipherSuites} in the order that suits a provider's {@link CryptoProvider.preferredAead}. */
export function defaultCipherSuitesFor(aead: AeadName | undefined): readonly number[] {
  let suites = byPreference.get(aead);
  if (suites === undefined) byPreference.set(aead, (suites = preferAead(defaultCipherSuites, aead)));
  return suites;
}
