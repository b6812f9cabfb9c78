/**
 * The flags of BoringSSL's test runner that this shim honours. A flag that is not in the table makes the shim say
 * "unimplemented" (exit status 89), and the runner skips the test.
 */

/** One certificate with its key, a bare key, or an external PSK, as the runner's files and flags describe it. */
export interface CredentialFlags {
  kind: 'x509' | 'delegated' | 'rpk' | 'psk';
  certFile?: string;
  keyFile?: string;
  signingPrefs: number[];
  delegatedCredential?: Uint8Array;
  ocspResponse?: Uint8Array;
  signedCertTimestamps?: Uint8Array;
  mustMatchIssuer: boolean;
  pskImporterKey?: Uint8Array;
  pskImporterIdentity?: Uint8Array;
  pskImporterContext?: Uint8Array;
  pskImporterSha384: boolean;
}

/** What one connection is to do and to expect. Names are the runner's flags in camelCase. */
export interface Options {
  server: boolean;
  async: boolean;
  minVersion?: number;
  maxVersion?: number;
  noTls13: boolean;
  noTls12: boolean;
  noTls11: boolean;
  noTls1: boolean;
  cipher?: string;
  psk?: string;
  pskIdentity?: string;
  serverPreference: boolean;
  curves: number[];
  keyShares?: number[];
  verifyPrefs: number[];
  serverSupportedGroupsHint: number[];
  policy?: string;
  fallbackScsv: boolean;
  noLegacyServerConnect: boolean;
  enableGrease: boolean;
  enableEchGrease: boolean;
  echConfigList?: Uint8Array;
  rejectUnusableEchConfig: boolean;
  echServerConfig: Uint8Array[];
  echServerKey: Uint8Array[];
  echIsRetryConfig: number[];
  permuteExtensions: boolean;
  hostName?: string;
  advertiseAlpn?: string;
  selectAlpn?: string;
  declineAlpn: boolean;
  rejectAlpn: boolean;
  enableOcspStapling: boolean;
  enableSignedCertTimestamps: boolean;
  requireAnyClientCertificate: boolean;
  verifyPeer: boolean;
  verifyFail: boolean;
  useCustomVerifyCallback: boolean;
  useClientCaList?: string;
  useOcspCallback: boolean;
  setOcspInCallback: boolean;
  declineOcspCallback: boolean;
  failOcspCallback: boolean;
  failCertCallback: boolean;
  failEarlyCallback: boolean;
  failDdosCallback: boolean;
  reverifyOnResume: boolean;
  installCertCompressionAlgs: boolean;
  installOneCertCompressionAlg?: number;
  maxCertList?: number;
  acceptedPeerCertTypes: number[];
  availableClientCertTypes: number[];
  maxSendFragment?: number;
  noTicket: boolean;
  skipTicket: boolean;
  renewTicket: boolean;
  enableEarlyData: boolean;
  resumptionDelay: number;
  credential: CredentialFlags;
  credentials: CredentialFlags[];

  shimWritesFirst: boolean;
  shimInitialWrite: string;
  repeatShimInitialWrite: number;
  readWithUnfinishedWrite: boolean;
  writeDifferentRecordSizes: boolean;
  shimShutsDown: boolean;
  checkCloseNotify: boolean;
  keyUpdate: boolean;
  keyUpdateBeforeRead: boolean;
  sendAlert: boolean;
  exportKeyingMaterial: number;
  exportLabel: string;
  exportContext: string;
  useExportContext: boolean;
  exportTrafficSecrets: boolean;
  handshakeNeverDone: boolean;

  expectVersion?: number;
  expectCipher?: number;
  expectCipherAes?: number;
  expectCurveId?: number;
  expectPeerSignatureAlgorithm?: number;
  expectPeerVerifyPref: number[];
  expectAlpn?: string;
  expectAdvertisedAlpn?: string;
  expectServerName?: string;
  expectNoServerName: boolean;
  expectOcspResponse?: Uint8Array;
  expectSignedCertTimestamps?: Uint8Array;
  expectPeerCertFile?: string;
  expectNoPeerCert: boolean;
  expectPeerCertificateType?: number;
  expectPeerRpkSha256?: Uint8Array;
  expectClientCaList?: string;
  expectExtendedMasterSecret: boolean;
  expectHrr: boolean;
  expectEchAccept: boolean;
  expectEchNameOverride?: string;
  expectNoEchNameOverride: boolean;
  expectEchRetryConfigs?: Uint8Array;
  expectNoEchRetryConfigs: boolean;
  expectNoHrr: boolean;
  expectSelectedCredential?: number;
  expectSessionMiss: boolean;
  expectNoSession: boolean;
  expectTicketSupportsEarlyData: boolean;
  expectTicketRenewal: boolean;
  expectSessionId: boolean;
  expectNoSessionId: boolean;
  expectAcceptEarlyData: boolean;
  expectRejectEarlyData: boolean;
  expectNoOfferEarlyData: boolean;
  expectEarlyDataReason?: string;
  expectMsgCallback?: string;
  expectTicketAgeSkew?: number;
  expectSecureRenegotiation: boolean;
  expectCertificateTypes?: Uint8Array;
  earlyWriteAfterMessage?: number;
}

/** The whole command line: where to connect, and one set of options for the first, resumed and retried connections. */
export interface CommandLine {
  port: number;
  ipv6: boolean;
  shimId: bigint;
  resumeCount: number;
  isHandshakerSupported: boolean;
  initial: Options;
  resume: Options;
  retry: Options;
}

type Kind = 'switch' | 'number' | 'numbers' | 'text' | 'base64' | 'base64s' | 'ignored' | 'ignoredValue';

/** Flags by name, with how their value is read. */
const table: Readonly<Record<string, Kind>> = {
  server: 'switch',
  async: 'switch',
  'min-version': 'number',
  'max-version': 'number',
  'no-tls13': 'switch',
  'no-tls12': 'switch',
  'no-tls11': 'switch',
  'no-tls1': 'switch',
  cipher: 'text',
  psk: 'text',
  'psk-identity': 'text',
  'server-preference': 'switch',
  curves: 'numbers',
  'verify-prefs': 'numbers',
  'server-supported-groups-hint': 'numbers',
  'fallback-scsv': 'switch',
  'no-legacy-server-connect': 'switch',
  'enable-grease': 'switch',
  'enable-ech-grease': 'switch',
  'ech-config-list': 'base64',
  'reject-unusable-ech-config': 'switch',
  'ech-server-config': 'base64s',
  'ech-server-key': 'base64s',
  'ech-is-retry-config': 'numbers',
  'permute-extensions': 'switch',
  'host-name': 'text',
  'advertise-alpn': 'text',
  'select-alpn': 'text',
  'decline-alpn': 'switch',
  'reject-alpn': 'switch',
  'enable-ocsp-stapling': 'switch',
  'enable-signed-cert-timestamps': 'switch',
  'require-any-client-certificate': 'switch',
  'verify-peer': 'switch',
  'verify-fail': 'switch',
  'use-custom-verify-callback': 'switch',
  'use-client-ca-list': 'text',
  'use-ocsp-callback': 'switch',
  'set-ocsp-in-callback': 'switch',
  'decline-ocsp-callback': 'switch',
  'fail-ocsp-callback': 'switch',
  'fail-cert-callback': 'switch',
  'fail-early-callback': 'switch',
  'fail-ddos-callback': 'switch',
  'reverify-on-resume': 'switch',
  'enable-early-data': 'switch',
  'expect-accept-early-data': 'switch',
  'expect-reject-early-data': 'switch',
  'expect-no-offer-early-data': 'switch',
  'expect-ticket-supports-early-data': 'switch',
  'expect-early-data-reason': 'text',
  'install-cert-compression-algs': 'switch',
  'install-one-cert-compression-alg': 'number',
  'max-cert-list': 'number',
  'accepted-peer-cert-types': 'numbers',
  'available-client-cert-types': 'numbers',
  'max-send-fragment': 'number',
  'no-ticket': 'switch',
  'skip-ticket': 'switch',
  'renew-ticket': 'switch',
  'resumption-delay': 'number',

  'shim-writes-first': 'switch',
  'shim-initial-write': 'text',
  'repeat-shim-initial-write': 'number',
  'read-with-unfinished-write': 'switch',
  'write-different-record-sizes': 'switch',
  'shim-shuts-down': 'switch',
  'check-close-notify': 'switch',
  'key-update': 'switch',
  'key-update-before-read': 'switch',
  'send-alert': 'switch',
  'export-keying-material': 'number',
  'export-label': 'text',
  'export-context': 'text',
  'use-export-context': 'switch',
  'export-traffic-secrets': 'switch',
  'handshake-never-done': 'switch',

  'expect-version': 'number',
  'expect-cipher': 'number',
  'expect-cipher-aes': 'number',
  'expect-curve-id': 'number',
  'expect-peer-signature-algorithm': 'number',
  'expect-peer-verify-pref': 'numbers',
  'expect-alpn': 'text',
  'expect-advertised-alpn': 'text',
  'expect-server-name': 'text',
  'expect-no-server-name': 'switch',
  'expect-ocsp-response': 'base64',
  'expect-signed-cert-timestamps': 'base64',
  'expect-peer-cert-file': 'text',
  'expect-no-peer-cert': 'switch',
  'expect-peer-certificate-type': 'number',
  'expect-peer-rpk-sha256': 'base64',
  'expect-client-ca-list': 'text',
  'expect-extended-master-secret': 'switch',
  'expect-hrr': 'switch',
  'expect-ech-accept': 'switch',
  'expect-ech-name-override': 'text',
  'expect-no-ech-name-override': 'switch',
  'expect-ech-retry-configs': 'base64',
  'expect-no-ech-retry-configs': 'switch',
  'expect-no-hrr': 'switch',
  'expect-selected-credential': 'number',
  'expect-session-miss': 'switch',
  'expect-no-session': 'switch',
  'expect-ticket-renewal': 'switch',
  'expect-session-id': 'switch',
  'expect-no-session-id': 'switch',
  'expect-msg-callback': 'text',
  'expect-ticket-age-skew': 'number',
  'expect-secure-renegotiation': 'switch',
  'expect-certificate-types': 'base64',
  'early-write-after-message': 'number',

  // What these ask for is what this shim does anyway.
  'implicit-handshake': 'ignored', // the engine has no handshake call apart from reading
  'no-op-extra-handshake': 'ignored',
  'handshake-twice': 'ignored',
  'use-early-callback': 'ignored', // every configuration and credential is asked of the host
  'use-old-client-cert-callback': 'ignored',
  'install-ddos-callback': 'ignored',
  'use-ticket-callback': 'ignored',
  'use-ticket-aead-callback': 'ignored',
  'expect-verify-result': 'ignored',
  'cbc-record-splitting': 'ignored', // for TLS 1.0 only
  'partial-write': 'ignored',
  'read-size': 'ignoredValue', // the engine hands out whole records
  'trust-cert': 'ignoredValue',
  'quic-use-legacy-codepoint': 'ignoredValue', // which extension number QUIC would use
  'expect-cipher-no-aes': 'ignoredValue', // this machine is taken to have AES instructions
};

/** Flags that belong to the credential that was named last, or else to the default one. */
const credentialTable: Readonly<Record<string, Kind>> = {
  'cert-file': 'text',
  'key-file': 'text',
  'signing-prefs': 'numbers',
  'delegated-credential': 'base64',
  'ocsp-response': 'base64',
  'signed-cert-timestamps': 'base64',
  'must-match-issuer': 'switch',
  'psk-importer-key': 'base64',
  'psk-importer-identity': 'base64',
  'psk-importer-context': 'base64',
  'psk-importer-sha256': 'ignored',
  'psk-importer-sha384': 'switch',
};

/** Begins another credential. */
const newCredentialFlag = /^new-(x509|delegated|rpk|psk)-credential$/;

/** BoringSSL's compliance policies; adapter.ts says what each one allows. */
const policies = ['fips-202205', 'wpa-202304', 'cnsa-202407', 'cnsa1-202603', 'cnsa2-202603'];

/** Thrown for a flag that the shim does not honour. */
export class Unimplemented extends Error {}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function newCredential(kind: CredentialFlags['kind']): CredentialFlags {
  return { kind, signingPrefs: [], mustMatchIssuer: false, pskImporterSha384: false };
}

/** Options without any flag: every switch off, every list empty. */
function newOptions(): Options {
  const options: Record<string, unknown> = {};
  for (const [flag, kind] of Object.entries(table)) {
    if (kind === 'switch') options[camelCase(flag)] = false;
    if (kind === 'numbers' || kind === 'base64s') options[camelCase(flag)] = [];
  }
  const defaults = {
    credential: newCredential('x509'),
    credentials: [],
    shimInitialWrite: 'hello',
    repeatShimInitialWrite: 1,
    exportKeyingMaterial: 0,
    exportLabel: '',
    exportContext: '',
    resumptionDelay: 0,
  };
  return { ...options, ...defaults } as unknown as Options;
}

function setValue(target: Record<string, unknown>, flag: string, kind: Kind, value: string): void {
  const name = camelCase(flag);
  if (kind === 'switch') target[name] = true;
  else if (kind === 'number') target[name] = Number(value);
  else if (kind === 'numbers') (target[name] as number[]).push(Number(value));
  else if (kind === 'text') target[name] = value;
  else if (kind === 'base64') target[name] = new Uint8Array(Buffer.from(value, 'base64'));
  else if (kind === 'base64s') (target[name] as Uint8Array[]).push(new Uint8Array(Buffer.from(value, 'base64')));
}

function apply(options: Options, flag: string, value: string): void {
  if (policies.includes(flag)) {
    options.policy = flag;
  } else if (flag === 'key-shares') {
    options.keyShares = [...(options.keyShares ?? []), Number(value)];
  } else if (flag === 'no-key-shares') {
    options.keyShares = [];
  } else if (newCredentialFlag.test(flag)) {
    options.credentials.push(newCredential(newCredentialFlag.exec(flag)?.[1] as CredentialFlags['kind']));
  } else if (flag in credentialTable) {
    const credential = options.credentials.at(-1) ?? options.credential;
    setValue(credential as unknown as Record<string, unknown>, flag, credentialTable[flag]!, value);
  } else {
    setValue(options as unknown as Record<string, unknown>, flag, table[flag]!, value);
  }
}

function takesValue(flag: string): boolean {
  if (flag === 'key-shares') return true;
  if (flag === 'no-key-shares' || newCredentialFlag.test(flag) || policies.includes(flag)) return false;
  const kind = table[flag] ?? credentialTable[flag];
  if (kind === undefined) throw new Unimplemented(`-${flag}`);
  return kind !== 'switch' && kind !== 'ignored';
}

/**
 * Reads the runner's command line.
 *
 * @throws Unimplemented for a flag that is not honoured.
 */
export function parseFlags(words: readonly string[]): CommandLine {
  const line: CommandLine = {
    port: 0,
    ipv6: false,
    shimId: 0n,
    resumeCount: 0,
    isHandshakerSupported: false,
    initial: newOptions(),
    resume: newOptions(),
    retry: newOptions(),
  };
  const everyone = [line.initial, line.resume, line.retry];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '-port') line.port = Number(words[++i]);
    else if (word === '-shim-id') line.shimId = BigInt(words[++i]!);
    else if (word === '-ipv6') line.ipv6 = true;
    else if (word === '-resume-count') line.resumeCount = Number(words[++i]);
    else if (word === '-is-handshaker-supported') line.isHandshakerSupported = true;
    else {
      let flag = word.replace(/^-on-shim(?=-)/, '');
      const forHandshaker = flag.startsWith('-on-handshaker-');
      if (forHandshaker) throw new Unimplemented(word);
      const prefix = /^-on-(initial|resume|retry)(?=-)/.exec(flag);
      flag = flag.slice(prefix === null ? 1 : prefix[0].length + 1);
      const value = takesValue(flag) ? words[++i]! : '';
      const targets = prefix === null ? everyone : [line[prefix[1] as 'initial' | 'resume' | 'retry']];
      for (const options of targets) apply(options, flag, value);
    }
  }
  return line;
}
