import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts';
import { groupCode } from '../crypto/named-groups.ts';
import type { GroupName } from '../crypto/provider.ts';
import { signatureScheme, signatureSchemeCodes } from '../crypto/signature-schemes.ts';
import { PeerError } from '../errors.ts';
import { tls12 } from '../wire/versions.ts';
import { refuseTypes, typesForServer } from './certificate-types.ts';
import type { Credential } from './config.ts';
import { decide } from './context.ts';
import { noSchemes } from './delegated-credential.ts';
import { type Flow, request } from './flow.ts';
import { authenticationOf, chooseCipherSuite, chooseSignatureScheme, commonGroups } from './negotiate.ts';
import type { ReceivedClientHello, ServerContext } from './server.ts';

const sha1Schemes: ReadonlySet<number> = new Set([
  signatureSchemeCodes.rsa_pkcs1_sha1,
  signatureSchemeCodes.ecdsa_sha1,
]);

/** What a full handshake of TLS 1.2 goes by. */
export interface Selection12 {
  /** What the server shows; `undefined` where a PSK is in the place of it. */
  credential: Credential | undefined;
  suite: CipherSuite;
  group: GroupName | undefined;
  scheme: number | undefined;
}

/** Chooses suite, group and credential; the best common suite for PSKs needs no credential, and none is asked for. */
export function* selectCredential12(context: ServerContext, hello: ReceivedClientHello['hello']): Flow<Selection12> {
  const { config, crypto } = context;
  const { extensions } = hello;
  // Without signature_algorithms SHA-1 is implied (RFC 5246, Section 7.4.1.4.1), which is not done here.
  // "Servers MUST NOT include MD5 and SHA-1 in ServerKeyExchange messages." (RFC 9155, Section 4): whoever configures
  // SHA-1 by name still gets it.
  const signatureSchemes = (extensions.signatureAlgorithms ?? []).filter(
    (code) => !sha1Schemes.has(code) || config.signatureSchemes.includes(code),
  );
  // A client without supported_groups takes any curve (RFC 8422, Section 4); P-256 is what all have.
  const offeredGroups = extensions.supportedGroups ?? [groupCode('secp256r1')];
  const groups = commonGroups(offeredGroups, config, tls12);
  const group = groups.find((name) => crypto.keyExchange(name) !== undefined);
  if (config.psk !== undefined) {
    const best = chooseCipherSuite(
      hello.cipherSuites,
      config,
      (suite) => suite.version === tls12 && hasGroup(suite, group),
    );
    if (best?.authentication === 'psk') return selectPskSuite(context, best, group);
  }
  const common = hello.cipherSuites
    .filter((code) => config.cipherSuites.includes(code))
    .map(cipherSuite)
    .filter((suite) => suite?.version === tls12 && hasGroup(suite, group));
  const authentication = (['ecdsa', 'rsa'] as const).filter((kind) =>
    common.some((suite) => suite?.authentication === kind),
  );
  const staticRsa = common.some((suite) => suite?.keyExchange === 'rsa');
  const chosen =
    authentication.length === 0
      ? undefined
      : yield* request('selectCredential', {
          role: 'server',
          version: tls12,
          serverName: extensions.serverName,
          signatureSchemes,
          certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes,
          certificateTypes: typesForServer(hello),
          delegatedSchemes: noSchemes,
          authentication,
          staticRsa,
          groups,
          certificateAuthorities: extensions.certificateAuthorities ?? [],
          credentials: config.credentials,
          config,
        });
  // "Servers MUST NOT" show one in TLS 1.2 (RFC 9345, Section 4.1.1), whatever a host chooses.
  const credential = chosen?.delegation === undefined ? chosen : undefined;
  const scheme = credential && chooseSignatureScheme(credential.signer, signatureSchemes, tls12);
  const suite =
    (credential || config.psk) &&
    chooseCipherSuite(hello.cipherSuites, config, (candidate) => {
      if (candidate.version !== tls12) return false;
      if (candidate.authentication === 'psk') return config.psk !== undefined && hasGroup(candidate, group);
      if (credential === undefined || candidate.authentication !== authenticationOf(credential)) return false;
      if (candidate.keyExchange === 'rsa') {
        return credential.signer.decryptRaw !== undefined && credential.signer.keyType === 'rsa';
      }
      return group !== undefined && scheme !== undefined;
    });
  if (suite?.authentication === 'psk') return selectPskSuite(context, suite, group);
  if (credential === undefined || suite === undefined) {
    refuseTypes(hello, config.credentials);
    throw new PeerError(
      'ERR_TLS_NO_SHARED_CIPHER',
      'handshakeFailure',
      'no common TLS 1.2 cipher suite that a key and a group of this server can serve',
      { rfc: 'RFC 5246, Section 7.4.1.3' },
    );
  }
  decideSuite(context, suite);
  decide(
    context,
    'credential',
    credential.identity ?? credential.signer.keyType,
    'fits the name, the suite and the signature schemes',
  );
  if (suite.keyExchange === 'rsa') return { credential, suite, group: undefined, scheme: undefined };
  decide(context, 'group', group as GroupName, 'the first common group');
  decide(
    context,
    'signatureScheme',
    signatureScheme(scheme as number)?.name ?? '',
    'first of the key that the client accepts',
  );
  return { credential, suite, group, scheme };
}

/** A suite for PSKs: which identity it is for, and whether it is known, tells the client's key exchange. */
function selectPskSuite(context: ServerContext, suite: CipherSuite, common: GroupName | undefined): Selection12 {
  const group = suite.keyExchange === 'ecdhe' ? common : undefined;
  decideSuite(context, suite);
  if (group !== undefined) decide(context, 'group', group, 'the first common group');
  return { credential: undefined, suite, group, scheme: undefined };
}

function hasGroup({ keyExchange }: CipherSuite, group: GroupName | undefined): boolean {
  return keyExchange !== 'ecdhe' || group !== undefined;
}

function decideSuite(context: ServerContext, { name }: CipherSuite): void {
  const { preferServerOrder } = context.config;
  decide(
    context,
    'cipherSuite',
    name,
    preferServerOrder ? "the server's first that fits" : "the client's first that fits",
  );
}
