import { illegalParameter, PeerError } from '../errors.ts';
import type { CommonHandshakeConfig } from './config.ts';

/** What a TLS 1.2 hello of either side says in extensions that both sides judge alike. */
interface HelloExtensions12 {
  readonly renegotiationInfo?: Uint8Array | undefined;
  readonly ecPointFormats?: Uint8Array | undefined;
  readonly extendedMasterSecret?: true | undefined;
}

/**
 * Checks what a peer's TLS 1.2 hello says of renegotiation, point formats and the extended master secret.
 *
 * @param message its name, for errors.
 * @returns whether the extended master secret is used.
 */
export function checkHelloTerms12(
  config: CommonHandshakeConfig,
  extensions: HelloExtensions12,
  message: 'clientHello' | 'serverHello',
): boolean {
  // "… MUST then verify that the length of the "renegotiated_connection" field is zero, and if it is not, MUST abort
  // the handshake." (RFC 5746, Sections 3.4 and 3.6)
  if (extensions.renegotiationInfo !== undefined && extensions.renegotiationInfo.length > 0) {
    throw new PeerError(
      'ERR_TLS_RENEGOTIATION_INFO',
      'handshakeFailure',
      `${message}: renegotiation_info is not empty in a first handshake`,
      { rfc: 'RFC 5746, Section 3.4' },
    );
  }
  if (extensions.ecPointFormats !== undefined && !extensions.ecPointFormats.includes(0)) {
    throw illegalParameter(
      'ERR_TLS_POINT_FORMATS',
      `${message}: ec_point_formats lacks the uncompressed format`,
      'RFC 8422, Section 5.1.2',
    );
  }
  const extendedMasterSecret = extensions.extendedMasterSecret === true;
  if (!extendedMasterSecret && config.requireExtendedMasterSecret) {
    throw new PeerError(
      'ERR_TLS_NO_EXTENDED_MASTER_SECRET',
      'handshakeFailure',
      `${message}: it lacks extended_master_secret, which this side requires`,
      { rfc: 'RFC 7627, Section 5.1' },
    );
  }
  return extendedMasterSecret;
}
