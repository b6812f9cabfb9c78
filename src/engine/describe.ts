import { cipherSuite } from '../crypto/cipher-suites.ts';
import { groupName } from '../crypto/named-groups.ts';
import { signatureScheme } from '../crypto/signature-schemes.ts';
import type { Expectation } from '../handshake/flow.ts';
import { decodeCertificate12, decodeCertificate13 } from '../wire/certificate.ts';
import { decodeCertificateRequest12, decodeCertificateRequest13 } from '../wire/certificate-request.ts';
import { decodeCertificateStatus } from '../wire/certificate-status.ts';
import { decodeCertificateVerify } from '../wire/certificate-verify.ts';
import { decodeClientHello } from '../wire/client-hello.ts';
import { decodeCompressedCertificate } from '../wire/compressed-certificate.ts';
import { decodeEncryptedExtensions } from '../wire/encrypted-extensions.ts';
import { extensionName } from '../wire/extension-type.ts';
import { decodeKeyUpdate } from '../wire/key-update.ts';
import { decodeNewSessionTicket12, decodeNewSessionTicket13 } from '../wire/new-session-ticket.ts';
import { decodeServerKeyExchangePsk } from '../wire/psk12.ts';
import {
  decodeHelloRetryRequest,
  decodeServerHello12,
  decodeServerHello13,
  outlineServerHello,
} from '../wire/server-hello.ts';
import { decodeServerKeyExchange } from '../wire/server-key-exchange.ts';
import { isGrease, type ProtocolVersion, tls13, versionName } from '../wire/versions.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * A message as a viewer shows it: its fields, with names for the codes. Only a trace asks for it. A message that does not
 * parse has no fields; the error follows in the trace.
 *
 * @param raw the message with its header.
 */
export function describeMessage(type: Expectation, raw: Uint8Array, version: ProtocolVersion): Fields {
  if (type === 'changeCipherSpec') return {};
  try {
    return fieldsOf(type, raw.subarray(4), version === tls13);
  } catch {
    return {};
  }
}

function fieldsOf(type: Expectation, body: Uint8Array, isTls13: boolean): Fields {
  switch (type) {
    case 'clientHello': {
      const hello = decodeClientHello(body);
      return {
        ...hello,
        cipherSuites: hello.cipherSuites.map(nameCipherSuite),
        extensions: nameCodes(hello.extensions),
        extensionOrder: hello.extensionOrder.map(nameExtension),
      };
    }
    case 'serverHello':
      return describeServerHello(body);
    case 'encryptedExtensions':
      return describeBlock(decodeEncryptedExtensions(body));
    case 'certificateRequest':
      return isTls13 ? describeBlock(decodeCertificateRequest13(body)) : nameCodes(decodeCertificateRequest12(body));
    case 'certificate':
      return isTls13 ? { ...decodeCertificate13(body, 100) } : { certificateList: decodeCertificate12(body, 100) };
    case 'compressedCertificate':
      return { ...decodeCompressedCertificate(body) };
    case 'certificateStatus':
      return { ocspResponse: decodeCertificateStatus(body) };
    case 'certificateVerify': {
      const { algorithm, signature } = decodeCertificateVerify(body);
      return { algorithm: nameScheme(algorithm), signature };
    }
    case 'serverKeyExchange': {
      // A named curve comes first where a certificate authenticates; a hint, which is shorter, where a PSK does.
      if (body[0] !== 3) return describePskServerKeyExchange(body);
      const { group, publicKey, algorithm, signature } = decodeServerKeyExchange(body);
      return { group: nameGroup(group), publicKey, algorithm: nameScheme(algorithm), signature };
    }
    case 'newSessionTicket':
      return isTls13 ? { ...decodeNewSessionTicket13(body) } : { ...decodeNewSessionTicket12(body) };
    case 'keyUpdate':
      return { updateRequested: decodeKeyUpdate(body) };
    case 'finished':
      return { verifyData: body };
    default:
      return body.length === 0 ? {} : { body };
  }
}

function describePskServerKeyExchange(body: Uint8Array): Fields {
  const { identityHint, share } = decodeServerKeyExchangePsk(body, body.length > 2 + (body[0]! << 8) + body[1]!);
  return { identityHint, ...(share && { group: nameGroup(share.group), publicKey: share.publicKey }) };
}

function describeServerHello(body: Uint8Array): Fields {
  const outline = outlineServerHello(body);
  const hello = outline.isHelloRetryRequest
    ? decodeHelloRetryRequest(body)
    : outline.selectedVersion === tls13
      ? decodeServerHello13(body)
      : decodeServerHello12(body);
  const block = describeBlock(hello);
  const helloRetryRequest = outline.isHelloRetryRequest;
  return { ...block, cipherSuite: nameCipherSuite(hello.cipherSuite), helloRetryRequest };
}

function describeBlock<T extends { extensions: object; extensionOrder: readonly number[] }>(block: T): Fields {
  return {
    ...block,
    extensions: nameCodes(block.extensions),
    extensionOrder: block.extensionOrder.map(nameExtension),
  };
}

/** The extensions that are there, with names in the place of the codes where their values are codes. */
function nameCodes(values: object): Fields {
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const nameOf = namesByField[name];
    if (nameOf === undefined) named[name] = value;
    else named[name] = Array.isArray(value) ? value.map((item) => nameItem(item, nameOf)) : nameItem(value, nameOf);
  }
  return named;
}

const namesByField: Readonly<Record<string, (code: number) => string>> = {
  supportedGroups: nameGroup,
  keyShare: nameGroup,
  signatureAlgorithms: nameScheme,
  signatureAlgorithmsCert: nameScheme,
  supportedVersions: (code) => (isGrease(code) ? 'GREASE' : versionName(code)),
};

function nameItem(item: unknown, nameOf: (code: number) => string): unknown {
  if (typeof item === 'number') return nameOf(item);
  if (typeof item === 'object' && item !== null && 'group' in item) {
    return { ...item, group: nameOf(item.group as number) };
  }
  return item;
}

function nameCipherSuite(code: number): string {
  if (isGrease(code)) return 'GREASE';
  if (code === 0x00ff) return 'TLS_EMPTY_RENEGOTIATION_INFO_SCSV';
  if (code === 0x5600) return 'TLS_FALLBACK_SCSV';
  return cipherSuite(code)?.name ?? hex(code);
}

function nameGroup(code: number): string {
  return isGrease(code) ? 'GREASE' : (groupName(code) ?? hex(code));
}

function nameScheme(code: number): string {
  return isGrease(code) ? 'GREASE' : (signatureScheme(code)?.name ?? hex(code));
}

function nameExtension(type: number): string {
  return isGrease(type) ? 'GREASE' : (extensionName(type) ?? hex(type));
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(4, '0')}`;
}
