/**
 * The cryptography that the stack stands on, as one interface. Everything in it is synchronous; what can take
 * long (a signature by a key in an HSM) is asked of the host by the handshake instead.
 *
 * `createNodeCrypto()` in `node.ts` provides it from `node:crypto`, `createPortableCrypto()` in `portable.ts` in JavaScript.
 */

export type HashName = 'sha256' | 'sha384' | 'sha512' | 'sha1';

/** Hashes of the transcript and of the key schedule. */
export type TranscriptHash = 'sha256' | 'sha384';

export type AeadName = 'aes128gcm' | 'aes256gcm' | 'chacha20poly1305';

/** TLS 1.2 block ciphers (opt-in). */
export type CbcName = 'aes128cbc' | 'aes256cbc';

/** Names of the key exchange groups, as IANA registers them. */
export type GroupName =
  | 'X25519MLKEM768'
  | 'SecP256r1MLKEM768'
  | 'SecP384r1MLKEM1024'
  | 'MLKEM1024'
  | 'x25519'
  | 'secp256r1'
  | 'secp384r1'
  | 'secp521r1';

export interface CryptoProvider {
  readonly name: string;

  /** The AEAD that costs much less than the others here, where one does: its suites come first by default. */
  readonly preferredAead?: AeadName | undefined;

  /** AEADs that this runtime has not: their suites are neither offered nor taken. */
  readonly missingAeads?: readonly AeadName[] | undefined;

  /** Cryptographically strong random bytes. */
  random(size: number): Uint8Array;

  /** One-shot hash. */
  hash(name: HashName, data: Uint8Array): Uint8Array;

  /** One-shot HMAC. For a key that is used more than once prefer {@link prepareHmac}. */
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;

  /** An HMAC key that is prepared once. */
  prepareHmac(name: HashName, key: Uint8Array): HmacKey;

  /** An AEAD key. The provider may keep `key`; the caller may zeroize its own array afterwards. */
  createAead(name: AeadName, key: Uint8Array): Aead;

  /** AES-CBC without padding, for TLS 1.2 (opt-in). */
  createCbc(name: CbcName, key: Uint8Array): BlockCipher;

  /** A key exchange, or `undefined` where this runtime has none for the group. */
  keyExchange(group: GroupName): KeyExchange | undefined;

  /**
   * A public key from its SubjectPublicKeyInfo (DER). Throws `TlsError` `ERR_TLS_PUBLIC_KEY` (`bad_certificate`)
   * where it does not parse, `ERR_TLS_PUBLIC_KEY_UNSUPPORTED` (`unsupported_certificate`) where the type is unknown.
   */
  importPublicKey(spki: Uint8Array): PublicKey;

  /** A private key from PKCS#8 (DER). */
  importPrivateKey(pkcs8: Uint8Array): PrivateKey;
}

export interface HmacKey {
  sign(data: Uint8Array): Uint8Array;
  /** Zeroizes what is owned; `sign` may not be called afterwards. */
  destroy(): void;
}

export interface Aead {
  readonly keyLength: number;
  /** 16 for every suite of this stack. */
  readonly tagLength: number;
  /**
   * Encrypts `plaintext` and writes ciphertext and tag into `out` from `at`. `out` may not overlap `plaintext`.
   * @returns bytes written: `plaintext.length + tagLength`.
   */
  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): number;
  /**
   * Decrypts ciphertext with its tag; `undefined` where authentication fails. The result is a new array, or, where
   * `mayOverwrite` allows it, perhaps the ciphertext's own place.
   */
  open(
    nonce: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    mayOverwrite?: boolean,
  ): Uint8Array | undefined;
  destroy(): void;
}

export interface BlockCipher {
  /** `data` is a whole number of 16-byte blocks. */
  encrypt(iv: Uint8Array, data: Uint8Array): Uint8Array;
  decrypt(iv: Uint8Array, data: Uint8Array): Uint8Array;
  destroy(): void;
}

/** One key exchange group: (EC)DH, KEM, or a hybrid of both (RFC 9846, Section 4.2.8; RFC 10024). */
export interface KeyExchange {
  readonly group: GroupName;
  /** Bytes of the client's and of the server's share. */
  readonly clientShareLength: number;
  readonly serverShareLength: number;
  /** The client's half: a fresh key pair. */
  generate(): PendingKeyExchange;
  /**
   * The server's half: a fresh share (or ciphertext) and the shared secret.
   * Throws `illegal_parameter` (`ERR_TLS_KEY_SHARE`) for a share of wrong length, off the curve, or that yields the
   * all-zero secret.
   */
  respond(clientShare: Uint8Array): { share: Uint8Array; secret: Uint8Array };
  /**
   * (EC)DH alone, absent elsewhere: a key pair that lives longer than one exchange, from its private key as RFC 9180,
   * Section 7.1.2 writes it. The provider may keep `privateKey`; the caller may zeroize its own array afterwards.
   * Throws a `RangeError` where it is no private key of the group.
   */
  importKeyPair?(privateKey: Uint8Array): StaticKeyPair;
}

/** A key pair for any number of key agreements, as HPKE's recipients have it (RFC 9180). */
export interface StaticKeyPair {
  readonly group: GroupName;
  readonly publicKey: Uint8Array;
  /** The shared secret with the holder of another public key. Throws like `respond`. */
  agree(publicKey: Uint8Array): Uint8Array;
  destroy(): void;
}

export interface PendingKeyExchange {
  readonly group: GroupName;
  readonly share: Uint8Array;
  /** The shared secret. May be called once. Throws like `respond`. */
  finish(serverShare: Uint8Array): Uint8Array;
  destroy(): void;
}

/** How a signature is made: what the TLS scheme or the X.509 AlgorithmIdentifier says. */
export type SignatureAlgorithm =
  | { readonly kind: 'ecdsa'; readonly hash: HashName }
  | { readonly kind: 'rsaPkcs1'; readonly hash: HashName }
  | { readonly kind: 'rsaPss'; readonly hash: HashName; readonly saltLength: number }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ed448' }
  | { readonly kind: 'mldsa44' | 'mldsa65' | 'mldsa87' };

export type KeyType =
  | 'rsa'
  | 'rsaPss'
  | 'p256'
  | 'p384'
  | 'p521'
  | 'ed25519'
  | 'ed448'
  | 'mldsa44'
  | 'mldsa65'
  | 'mldsa87';

export interface PublicKey {
  readonly type: KeyType;
  /** Size in bits: the RSA modulus, or the order of the curve. */
  readonly bits: number;
  /** Whether the signature is valid. `false`, never a throw, for a malformed signature or a key of another type. */
  verify(algorithm: SignatureAlgorithm, data: Uint8Array, signature: Uint8Array): boolean;
  /** RSAES-PKCS1-v1_5 encryption (static RSA key exchange, opt-in). RSA keys only. */
  encryptPkcs1(plaintext: Uint8Array): Uint8Array;
}

export interface PrivateKey {
  readonly type: KeyType;
  readonly bits: number;
  /** SubjectPublicKeyInfo (DER) of the matching public key. */
  readonly publicKey: Uint8Array;
  sign(algorithm: SignatureAlgorithm, data: Uint8Array): Uint8Array;
  /**
   * Raw RSA (no padding): the whole block of `bits / 8` bytes, or `undefined` where the ciphertext has another
   * length or is not below the modulus. The caller unpads in constant time.
   */
  decryptRaw(ciphertext: Uint8Array): Uint8Array | undefined;
}
