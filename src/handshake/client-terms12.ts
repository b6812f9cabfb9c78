/** What the hellos of TLS 1.2 settle, as the client sees them: checked against what it offered. */
import { equal } from '../bytes/bytes.ts';
import { type CipherSuite, cipherSuite } from '../crypto/cipher-suites.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import type { ClientSession } from '../session/client-session.ts';
import type { ServerHello12 } from '../wire/server-hello.ts';
import { tls12 } from '../wire/versions.ts';
import { type ClientContext, checkAlpn, checkCipherSuite, checkSolicited, type Offer } from './client.ts';
import { decide } from './context.ts';
import { checkHelloTerms12 } from './hello-terms12.ts';
import type { Randoms } from './key-schedule12.ts';
import { checkRecordSizeLimit, largestRecordSizeLimit } from './negotiate.ts';

/** What both hellos settle. */
export interface Terms12 {
  readonly suite: CipherSuite;
  readonly randoms: Randoms;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly expectsTicket: boolean;
  readonly expectsStatus: boolean;
  readonly scts: readonly Uint8Array[] | undefined;
}

export function readTerms12(context: ClientContext, offer: Offer, hello: ServerHello12): Terms12 {
  const { config, output } = context;
  const { extensions } = hello;
  const suite = checkCipherSuite(offer, hello.cipherSuite, tls12);
  decide(context, 'cipherSuite', suite.name, 'the server chose it');
  if (hello.legacyCompressionMethod !== 0) {
    throw illegalParameter(
      'ERR_TLS_COMPRESSION',
      'serverHello: compression was not offered',
      'RFC 5246, Section 7.4.1.3',
    );
  }
  if (offer.hello.extensions.earlyData) {
    throw new PeerError(
      'ERR_TLS_EARLY_DATA_VERSION',
      'protocolVersion',
      'serverHello: TLS 1.2 in answer to early data; connect again without it',
      { rfc: 'RFC 9846, Appendix D.3' },
    );
  }
  checkSolicited(offer, hello.extensionOrder, 'serverHello');
  checkAlpn(offer, extensions.alpn);
  const extendedMasterSecret = checkHelloTerms12(config, extensions, 'serverHello');
  // "… clients MAY … abort the handshake": data could have gone before this client's (RFC 5746, Section 4.1).
  if (extensions.renegotiationInfo === undefined && config.requireSecureRenegotiation) {
    throw new PeerError(
      'ERR_TLS_NO_SECURE_RENEGOTIATION',
      'handshakeFailure',
      'serverHello: the server does not know secure renegotiation: somebody may have begun this connection in the place ' +
        'of this client',
      { rfc: 'RFC 5746, Section 4.1' },
    );
  }
  if (extensions.encryptThenMac && suite.cbc === undefined) {
    throw illegalParameter(
      'ERR_TLS_ENCRYPT_THEN_MAC',
      'serverHello: encrypt_then_mac with a suite that is no block cipher',
      'RFC 7366, Section 3',
    );
  }
  if (extensions.recordSizeLimit !== undefined) {
    checkRecordSizeLimit(extensions.recordSizeLimit, 'serverHello', largestRecordSizeLimit(tls12));
    output.setRecordSizeLimits(extensions.recordSizeLimit, config.recordSizeLimit);
  }
  return {
    suite,
    randoms: { client: offer.hello.random, server: hello.random.slice() },
    extendedMasterSecret,
    encryptThenMac: extensions.encryptThenMac === true,
    expectsTicket: extensions.sessionTicket === true,
    expectsStatus: extensions.statusRequest === true,
    scts: extensions.signedCertificateTimestamp,
  };
}

/** The session that the server goes on with: the one whose ID it echoes. Checks that it goes on as it was. */
export function resumedSession12(
  { config }: ClientContext,
  offer: Offer,
  hello: ServerHello12,
  { suite, extendedMasterSecret }: Terms12,
): ClientSession | undefined {
  const { session12: session } = offer;
  const { legacySessionId } = offer.hello;
  if (legacySessionId.length === 0 || !equal(hello.legacySessionIdEcho, legacySessionId)) return undefined;
  const refuse = (code: `ERR_TLS_${string}`, what: string, rfc: string) =>
    illegalParameter(code, `serverHello: it resumes a session, ${what}`, rfc);
  if (session === undefined) {
    // The ID was the random one of TLS 1.3's compatibility mode: no server can know it.
    const other = config.sessions.length > 0 ? 'of TLS 1.3' : 'and none was offered';
    throw refuse('ERR_TLS_SESSION_ID_ECHO', other, 'RFC 9846, Section 4.1.3');
  }
  const { state } = session;
  if (state.cipherSuite !== suite.code) {
    const was = cipherSuite(state.cipherSuite)?.name;
    throw refuse('ERR_TLS_RESUMED_CIPHER', `but with ${suite.name} instead of ${was}`, 'RFC 5246, Section 7.4.1.3');
  }
  if (state.extendedMasterSecret !== extendedMasterSecret) {
    throw new PeerError(
      state.extendedMasterSecret ? 'ERR_TLS_RESUMED_WITHOUT_EMS' : 'ERR_TLS_RESUMED_WITH_EMS',
      'handshakeFailure',
      `serverHello: it resumes a session ${state.extendedMasterSecret ? 'without' : 'with'} the extended master secret`,
      { rfc: 'RFC 7627, Section 5.3' },
    );
  }
  return session;
}
