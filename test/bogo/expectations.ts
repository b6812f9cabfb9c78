import { concat } from '../../src/bytes/bytes.ts';
import { groupCode } from '../../src/crypto/named-groups.ts';
import { EchRejectedError } from '../../src/errors.ts';
import type { ClientSession } from '../../src/session/client-session.ts';
import { type Facts, Mismatch, type Subject, sameBytes } from './adapter.ts';
import { readPem } from './credentials.ts';
import type { Options } from './flags.ts';

function expectEqual(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Mismatch(`${what} is ${String(got)}, not ${String(wanted)}`);
}

/** SCTs as the list that the runner compares with. */
function sctList(scts: readonly Uint8Array[] | undefined): Uint8Array | undefined {
  if (scts === undefined) return undefined;
  const length = (size: number) => Uint8Array.of(size >> 8, size & 0xff);
  const entries = concat(...scts.flatMap((sct) => [length(sct.length), sct]));
  return concat(length(entries.length), entries);
}

/** Compares a connection that has just been made with what the runner expects of it; throws {@link Mismatch}. */
export function checkHandshake(subject: Subject, options: Options, isResume: boolean, newSessions: number): void {
  const { connection, facts } = subject;
  const { info } = connection;
  if (options.handshakeNeverDone) throw new Mismatch('the handshake was not to complete');
  if (options.expectVersion !== undefined) expectEqual('version', info.version, options.expectVersion);
  const cipher = options.expectCipher ?? options.expectCipherAes;
  if (cipher !== undefined) expectEqual('cipher suite', info.cipherSuite, cipher);
  if (options.expectCurveId !== undefined) {
    expectEqual('group', info.group === undefined ? undefined : groupCode(info.group), options.expectCurveId);
  }
  if (options.expectPeerSignatureAlgorithm !== undefined) {
    expectEqual('signature scheme', info.peerSignatureScheme, options.expectPeerSignatureAlgorithm);
  }
  expectEqual('resumed', info.resumed, isResume && !options.expectSessionMiss);
  const alpn = options.server ? options.selectAlpn : options.expectAlpn;
  expectEqual('application protocol', info.alpnProtocol ?? '', alpn ?? '');
  if (options.expectExtendedMasterSecret) expectEqual('extended master secret', info.extendedMasterSecret, true);
  if (options.expectHrr) expectEqual('hello retry request', info.helloRetryRequest, true);
  expectEqual('encrypted clientHello accepted', info.echAccepted, options.expectEchAccept);
  if (options.expectNoHrr) expectEqual('hello retry request', info.helloRetryRequest, false);
  if (options.expectSelectedCredential !== undefined) {
    expectEqual('credential', facts.selectedCredential, options.expectSelectedCredential);
  }
  checkClientHello(facts, options);
  checkAuthentication(subject, options);
  // A connection that failed meanwhile gives no session any more (RFC 5246, Section 7.2.2).
  if (info.version === 0x0303 && !options.server && !subject.connection.failed) {
    const wanted = !options.expectNoSession && (!info.resumed || options.expectTicketRenewal);
    expectEqual('session given in the handshake', newSessions > 0, wanted);
  }
  checkEarlyData(subject, options, isResume);
  if (options.expectSecureRenegotiation) expectEqual('secure renegotiation', facts.secureRenegotiation, true);
  if (isResume && options.expectTicketAgeSkew !== undefined) {
    expectEqual('skew of the ticket age', facts.ticketAgeSkew, options.expectTicketAgeSkew);
  }
  const types = options.expectCertificateTypes;
  if (types !== undefined && !sameBytes(facts.certificateTypes, types)) throw new Mismatch('other certificate types');
  if (!isResume && options.expectSessionId) expectEqual('session kept by its ID', facts.sessionKept, true);
  if (!isResume && options.expectNoSessionId) expectEqual('session kept by its ID', facts.sessionKept, false);
}

function checkEarlyData({ connection: { info }, facts }: Subject, options: Options, isResume: boolean): void {
  if (isResume && options.expectAcceptEarlyData) expectEqual('early data', info.earlyData, 'accepted');
  if (isResume && options.expectRejectEarlyData && info.earlyData === 'accepted') {
    throw new Mismatch('early data is accepted');
  }
  if (isResume && options.expectNoOfferEarlyData) expectEqual('early data', info.earlyData, 'none');
  const wanted = options.expectEarlyDataReason;
  if (wanted !== undefined)
    expectEqual('reason for early data', earlyDataReason(info, facts, options, isResume), wanted);
}

/** BoringSSL's `SSL_early_data_reason_t`, as far as it follows from what a connection tells. */
function earlyDataReason(
  info: Subject['connection']['info'],
  facts: Facts,
  options: Options,
  isResume: boolean,
): string {
  if (!options.enableEarlyData) return 'disabled';
  if (info.version !== 0x0304) return 'protocol_version';
  if (info.earlyData === 'accepted') return 'accept';
  if (!isResume) return 'no_session_offered';
  if (info.helloRetryRequest && !options.server) return 'hello_retry_request';
  if (!info.resumed) return 'session_not_resumed';
  if (info.helloRetryRequest) return 'hello_retry_request';
  if (facts.earlyDataDecision.includes('application protocol')) return 'alpn_mismatch';
  if (facts.earlyDataDecision === 'stale') return 'ticket_age_skew';
  return info.earlyData === 'rejected' && !options.server ? 'peer_declined' : 'unsupported_for_session';
}

/** Compares a failure with what the runner expects of the server's retry_configs; what is wrong with it, if anything. */
export function checkRejection(failure: unknown, options: Options): Mismatch | undefined {
  const wanted = options.expectEchRetryConfigs;
  if (wanted === undefined && !options.expectNoEchRetryConfigs) return undefined;
  if (!(failure instanceof EchRejectedError)) return new Mismatch(`not a rejection: ${failure}`);
  const { retryConfigs } = failure;
  const same = wanted === undefined ? retryConfigs === undefined : sameBytes(retryConfigs, wanted);
  return same ? undefined : new Mismatch('other retry_configs');
}

/** TLS 1.3 gives sessions after the handshake, in front of the application data. */
export function checkLateSessions({ connection }: Subject, options: Options, given: readonly ClientSession[]): void {
  // BoringSSL's shim does not read after it has shut down or sent its alert; this one does.
  if (options.server || options.shimShutsDown || options.sendAlert) return;
  const wanted = connection.info.version === 0x0304 && !options.expectNoSession;
  expectEqual('session given after the handshake', given.length > 0, wanted);
  if (!wanted) return;
  const allowed = (given.at(-1)?.state.maxEarlyDataSize ?? 0) > 0;
  expectEqual('early data with the new session', allowed, options.expectTicketSupportsEarlyData);
}

/** Compares the messages of a whole connection with those of BoringSSL's message callback. */
export function checkMessages({ facts }: Subject, options: Options): void {
  const wanted = options.expectMsgCallback;
  if (wanted !== undefined) expectEqual('messages', facts.messages, wanted);
}

function checkClientHello(facts: Facts, options: Options): void {
  if (options.expectServerName !== undefined) expectEqual('server name', facts.serverName, options.expectServerName);
  if (options.expectNoServerName) expectEqual('server name', facts.serverName, undefined);
  if (options.expectAdvertisedAlpn !== undefined) {
    const got = facts.advertisedAlpn.map((name) => String.fromCharCode(name.length) + name).join('');
    expectEqual('offered application protocols', got, options.expectAdvertisedAlpn);
  }
}

function checkAuthentication({ connection }: Subject, options: Options): void {
  const { info } = connection;
  if (options.expectOcspResponse !== undefined && !sameBytes(info.ocspResponse, options.expectOcspResponse)) {
    throw new Mismatch('another OCSP response');
  }
  const scts = options.expectSignedCertTimestamps;
  if (scts !== undefined && !sameBytes(sctList(info.scts), scts)) throw new Mismatch('other SCTs');
  if (options.expectPeerCertFile !== undefined) {
    const chain = readPem(options.expectPeerCertFile);
    expectEqual('length of the chain', info.peerCertificates.length, chain.length);
    if (!chain.every((certificate, i) => sameBytes(certificate, info.peerCertificates[i]))) {
      throw new Mismatch('another certificate chain');
    }
  }
  const { peerRawPublicKey } = info;
  if (options.expectPeerCertificateType !== undefined) {
    expectEqual(
      'certificate type of the peer',
      peerRawPublicKey === undefined ? 0 : 2,
      options.expectPeerCertificateType,
    );
  }
  if (options.expectNoPeerCert || info.pskIdentity !== undefined)
    expectEqual('certificates of the peer', info.peerCertificates.length, 0);
  else if (peerRawPublicKey !== undefined) return;
  else if ((!options.server || options.requireAnyClientCertificate) && info.peerCertificates.length === 0) {
    throw new Mismatch('the peer showed no certificate');
  }
}
