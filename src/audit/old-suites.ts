/** Cipher suites of TLS 1.2 and before that the engine does not speak, by what is wrong with them. */

/** Why a suite should not be taken, the worst first. */
export type SuiteFault = 'noEncryption' | 'anonymous' | 'export' | 'brokenCipher' | 'staticRsa' | 'finiteField' | 'cbc';

export interface OldSuite {
  readonly code: number;
  readonly name: string;
  readonly fault: SuiteFault;
}

const table: Readonly<Record<SuiteFault, Readonly<Record<string, number>>>> = {
  noEncryption: {
    TLS_RSA_WITH_NULL_MD5: 0x0001,
    TLS_RSA_WITH_NULL_SHA: 0x0002,
    TLS_RSA_WITH_NULL_SHA256: 0x003b,
    TLS_ECDH_ECDSA_WITH_NULL_SHA: 0xc001,
    TLS_ECDHE_ECDSA_WITH_NULL_SHA: 0xc006,
    TLS_ECDH_RSA_WITH_NULL_SHA: 0xc00b,
    TLS_ECDHE_RSA_WITH_NULL_SHA: 0xc010,
    TLS_ECDH_anon_WITH_NULL_SHA: 0xc015,
  },
  anonymous: {
    TLS_DH_anon_WITH_RC4_128_MD5: 0x0018,
    TLS_DH_anon_WITH_3DES_EDE_CBC_SHA: 0x001b,
    TLS_DH_anon_WITH_AES_128_CBC_SHA: 0x0034,
    TLS_DH_anon_WITH_AES_256_CBC_SHA: 0x003a,
    TLS_DH_anon_WITH_AES_128_CBC_SHA256: 0x006c,
    TLS_DH_anon_WITH_AES_256_CBC_SHA256: 0x006d,
    TLS_DH_anon_WITH_AES_128_GCM_SHA256: 0x00a6,
    TLS_DH_anon_WITH_AES_256_GCM_SHA384: 0x00a7,
    TLS_ECDH_anon_WITH_RC4_128_SHA: 0xc016,
    TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA: 0xc017,
    TLS_ECDH_anon_WITH_AES_128_CBC_SHA: 0xc018,
    TLS_ECDH_anon_WITH_AES_256_CBC_SHA: 0xc019,
  },
  export: {
    TLS_RSA_EXPORT_WITH_RC4_40_MD5: 0x0003,
    TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5: 0x0006,
    TLS_RSA_EXPORT_WITH_DES40_CBC_SHA: 0x0008,
    TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA: 0x0011,
    TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA: 0x0014,
    TLS_DH_anon_EXPORT_WITH_RC4_40_MD5: 0x0017,
    TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA: 0x0019,
  },
  brokenCipher: {
    TLS_RSA_WITH_RC4_128_MD5: 0x0004,
    TLS_RSA_WITH_RC4_128_SHA: 0x0005,
    TLS_RSA_WITH_IDEA_CBC_SHA: 0x0007,
    TLS_RSA_WITH_DES_CBC_SHA: 0x0009,
    TLS_RSA_WITH_3DES_EDE_CBC_SHA: 0x000a,
    TLS_DHE_DSS_WITH_DES_CBC_SHA: 0x0012,
    TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA: 0x0013,
    TLS_DHE_RSA_WITH_DES_CBC_SHA: 0x0015,
    TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA: 0x0016,
    TLS_ECDH_ECDSA_WITH_RC4_128_SHA: 0xc002,
    TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA: 0xc003,
    TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: 0xc007,
    TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA: 0xc008,
    TLS_ECDH_RSA_WITH_RC4_128_SHA: 0xc00c,
    TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA: 0xc00d,
    TLS_ECDHE_RSA_WITH_RC4_128_SHA: 0xc011,
    TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 0xc012,
  },
  staticRsa: {
    TLS_RSA_WITH_CAMELLIA_128_CBC_SHA: 0x0041,
    TLS_RSA_WITH_CAMELLIA_256_CBC_SHA: 0x0084,
    TLS_RSA_WITH_SEED_CBC_SHA: 0x0096,
    TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256: 0x00ba,
    TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256: 0x00c0,
    TLS_RSA_WITH_ARIA_128_GCM_SHA256: 0xc050,
    TLS_RSA_WITH_ARIA_256_GCM_SHA384: 0xc051,
    TLS_RSA_WITH_AES_128_CCM: 0xc09c,
    TLS_RSA_WITH_AES_256_CCM: 0xc09d,
    TLS_RSA_WITH_AES_128_CCM_8: 0xc0a0,
    TLS_RSA_WITH_AES_256_CCM_8: 0xc0a1,
    TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA: 0xc004,
    TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA: 0xc005,
    TLS_ECDH_RSA_WITH_AES_128_CBC_SHA: 0xc00e,
    TLS_ECDH_RSA_WITH_AES_256_CBC_SHA: 0xc00f,
  },
  finiteField: {
    TLS_DHE_RSA_WITH_AES_128_CBC_SHA: 0x0033,
    TLS_DHE_RSA_WITH_AES_256_CBC_SHA: 0x0039,
    TLS_DHE_RSA_WITH_AES_128_CBC_SHA256: 0x0067,
    TLS_DHE_RSA_WITH_AES_256_CBC_SHA256: 0x006b,
    TLS_DHE_RSA_WITH_AES_128_GCM_SHA256: 0x009e,
    TLS_DHE_RSA_WITH_AES_256_GCM_SHA384: 0x009f,
    TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 0xccaa,
    TLS_DHE_DSS_WITH_AES_128_CBC_SHA: 0x0032,
    TLS_DHE_DSS_WITH_AES_256_CBC_SHA: 0x0038,
    TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA: 0x0045,
    TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA: 0x0088,
  },
  cbc: {
    TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256: 0xc072,
    TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384: 0xc073,
    TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256: 0xc076,
    TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384: 0xc077,
  },
};

export const oldSuites: readonly OldSuite[] = Object.entries(table).flatMap(([fault, suites]) =>
  Object.entries(suites).map(([name, code]) => ({ code, name, fault: fault as SuiteFault })),
);

const finiteField = new Set(
  oldSuites
    .filter(({ name }) => name.startsWith('TLS_DHE_') || name.startsWith('TLS_DH_anon_'))
    .map(({ code }) => code),
);

/** Whether a suite agrees its key by Diffie-Hellman with a prime that the server sends. */
export function isFiniteField(code: number): boolean {
  return finiteField.has(code);
}
