import { toLatin1 } from '../bytes/bytes.ts';
import type { Reader } from '../bytes/reader.ts';
import type { Writer } from '../bytes/writer.ts';
import { illegalParameter, PeerError } from '../errors.ts';
import { certificateTypes } from './certificate-type.ts';
import { decodeEchConfigList } from './ech-config.ts';
import { Distinct, type ExtensionCodec } from './extensions.ts';

/** One share of a key exchange (RFC 9846, Section 4.2.8). */
export interface KeyShareEntry {
  /** NamedGroup code. */
  group: number;
  keyExchange: Uint8Array;
}

/** RFC 9846, Section 4.2.11. */
export interface PskIdentity {
  identity: Uint8Array;
  obfuscatedTicketAge: number;
}

/** What a client offers in pre_shared_key. */
export interface OfferedPsks {
  identities: PskIdentity[];
  binders: Uint8Array[];
}

/** RFC 9149, Section 2. */
export interface TicketRequest {
  newSessionCount: number;
  resumptionCount: number;
}

function codec<T>(encode: (writer: Writer, value: T) => void, decode: (reader: Reader) => T): ExtensionCodec<T> {
  return { encode, decode };
}

/** An extension whose presence is the message: no body. */
export const flag = codec<true>(
  () => {},
  () => true,
);

/** A body that is passed through as it is. */
export const opaque = codec<Uint8Array>(
  (writer, value) => writer.bytes(value),
  (reader) => reader.rest(),
);

/**
 * server_name in a ClientHello: one host name (RFC 6066, Section 3). Names of other types, which none is defined of, all
 * begin with their length and are passed over.
 */
export const serverNameList = codec<string>(
  (writer, name) => {
    const list = writer.open(2);
    writer.u8(0).vector16(asciiBytes(name));
    writer.close(list, 2);
  },
  (reader) => {
    const list = reader.nested16('server_name', 1);
    let name: string | undefined;
    while (list.remaining > 0) {
      const type = list.u8();
      if (type !== 0) {
        list.vector16();
        continue;
      }
      const bytes = list.vector16(1, 255);
      // "The ServerNameList MUST NOT contain more than one name of the same name_type."
      if (name !== undefined) throw badServerName('it has two names of one type');
      if (bytes.some((byte) => byte <= 0x20 || byte >= 0x7f)) {
        throw badServerName('the host name has a byte that is no visible ASCII character');
      }
      name = toLatin1(bytes);
    }
    return name as string;
  },
);

/** A list of two-byte codes with a two-byte length: supported_groups, signature_algorithms. */
export const codeList16 = codec<number[]>(
  (writer, list) => writer.u16List(2, list),
  (reader) => reader.u16List(2),
);

/** A list of two-byte codes with a one-byte length: supported_versions, compress_certificate. */
export const codeList8 = codec<number[]>(
  (writer, list) => writer.u16List(1, list),
  (reader) => reader.u16List(1),
);

/** compress_certificate: two-byte codes, each once (RFC 8879, Section 3). */
export const compressionAlgorithms = codec<number[]>(
  (writer, list) => writer.u16List(1, list),
  (reader) => {
    const list = reader.u16List(1);
    if (new Set(list).size !== list.length) throw reader.error('an algorithm stands twice');
    return list;
  },
);

/** An extension that is tolerated, whatever it holds, and never sent. */
export const ignored = codec<true>(
  () => {},
  (reader) => {
    reader.bytes(reader.remaining);
    return true;
  },
);

/** One two-byte code: the version or group that a server selected, record_size_limit. */
export const code16 = codec<number>(
  (writer, value) => writer.u16(value),
  (reader) => reader.u16(),
);

/** One one-byte code: the certificate type that a server selected (RFC 7250, Section 3). */
export const code8 = codec<number>(
  (writer, value) => writer.u8(value),
  (reader) => reader.u8(),
);

/** The certificate types that a client has or takes, best first (RFC 7250, Section 3). */
export const certificateTypeList = codec<Uint8Array>(
  (writer, list) => writer.vector8(list),
  (reader) => {
    const list = reader.vector8();
    // "If the client has no remaining certificate types to send …, other than the default X.509 type, it MUST omit the …
    // extension in the client hello." (RFC 7250, Section 4.1)
    if (list.length === 0 || (list.length === 1 && list[0] === certificateTypes.x509)) {
      throw illegalParameter(
        'ERR_TLS_CERTIFICATE_TYPE_LIST',
        `clientHello: a list of certificate types with ${list.length === 0 ? 'nothing' : 'X.509 alone'} in it`,
        'RFC 7250, Section 4.1',
      );
    }
    return list;
  },
);

/** A list of one-byte codes: ec_point_formats, psk_key_exchange_modes. */
export const codeList1 = codec<Uint8Array>(
  (writer, list) => writer.vector8(list),
  (reader) => reader.vector8(1),
);

/** application_layer_protocol_negotiation (RFC 7301, Section 3.1). Names are byte strings, kept as Latin-1. */
export const protocolNameList = codec<string[]>(
  (writer, names) => {
    const list = writer.open(2);
    for (const name of names) writer.vector8(asciiBytes(name));
    writer.close(list, 2);
  },
  (reader) => {
    const list = reader.nested16('application_layer_protocol_negotiation', 2);
    const names: string[] = [];
    while (list.remaining > 0) names.push(toLatin1(list.vector8(1)));
    return names;
  },
);

/** The one protocol that a server selected. */
export const selectedProtocol = codec<string>(
  (writer, name) => protocolNameList.encode(writer, [name]),
  (reader) => {
    const names = protocolNameList.decode(reader);
    if (names.length !== 1) throw reader.error('a server selects exactly one protocol');
    return names[0] as string;
  },
);

/** status_request in a ClientHello: an OCSP request without responder ids (RFC 6066, Section 8). */
export const ocspStatusRequest = codec<{ type: number }>(
  (writer) => writer.u8(1).u16(0).u16(0),
  (reader) => {
    const type = reader.u8();
    if (type === 1) {
      reader.vector16();
      reader.vector16();
    } else {
      reader.rest();
    }
    return { type };
  },
);

/** status_request in a CertificateEntry, and the body of CertificateStatus: an OCSP response. */
export const ocspResponse = codec<Uint8Array>(
  (writer, response) => writer.u8(1).vector24(response),
  (reader) => {
    const type = reader.u8();
    if (type !== 1) throw reader.error(`status type ${type} is not ocsp`);
    return reader.vector24(1);
  },
);

/** signed_certificate_timestamp with its list (RFC 6962, Section 3.3). */
export const sctList = codec<Uint8Array[]>(
  (writer, list) => {
    const mark = writer.open(2);
    for (const sct of list) writer.vector16(sct);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16('signed_certificate_timestamp', 1);
    const scts: Uint8Array[] = [];
    while (list.remaining > 0) scts.push(list.vector16(1));
    return scts;
  },
);

/** key_share in a ClientHello (RFC 9846, Section 4.2.8). */
export const clientKeyShares = codec<KeyShareEntry[]>(
  (writer, shares) => {
    const mark = writer.open(2);
    for (const share of shares) writer.u16(share.group).vector16(share.keyExchange);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16('key_share');
    const shares: KeyShareEntry[] = [];
    const groups = new Distinct();
    while (list.remaining > 0) {
      const group = list.u16();
      // "Clients MUST NOT offer multiple KeyShareEntry values for the same group." (RFC 9846, Section 4.2.8)
      if (!groups.add(group)) {
        throw new PeerError(
          'ERR_TLS_DUPLICATE_KEY_SHARE',
          'illegalParameter',
          `key_share: group 0x${group.toString(16)} stands twice`,
          { rfc: 'RFC 9846, Section 4.2.8' },
        );
      }
      shares.push({ group, keyExchange: list.vector16(1) });
    }
    return shares;
  },
);

/** key_share in a ServerHello. */
export const serverKeyShare = codec<KeyShareEntry>(
  (writer, share) => writer.u16(share.group).vector16(share.keyExchange),
  (reader) => ({ group: reader.u16(), keyExchange: reader.vector16(1) }),
);

/** cookie (RFC 9846, Section 4.2.2). */
export const cookie = codec<Uint8Array>(
  (writer, value) => writer.vector16(value),
  (reader) => reader.vector16(1),
);

/** pre_shared_key in a ClientHello (RFC 9846, Section 4.2.11). */
export const offeredPsks = codec<OfferedPsks>(
  (writer, offer) => {
    const identities = writer.open(2);
    for (const { identity, obfuscatedTicketAge } of offer.identities) {
      writer.vector16(identity).u32(obfuscatedTicketAge);
    }
    writer.close(identities, 2);
    const binders = writer.open(2);
    for (const binder of offer.binders) writer.vector8(binder);
    writer.close(binders, 2);
  },
  (reader) => {
    const identityList = reader.nested16('pre_shared_key identities', 7);
    const identities: PskIdentity[] = [];
    while (identityList.remaining > 0) {
      identities.push({ identity: identityList.vector16(1), obfuscatedTicketAge: identityList.u32() });
    }
    // A binder of the wrong length is a wrong binder; in TLS 1.2 nobody looks at it.
    const binderList = reader.nested16('pre_shared_key binders', 1);
    const binders: Uint8Array[] = [];
    while (binderList.remaining > 0) binders.push(binderList.vector8());
    return { identities, binders };
  },
);

/** certificate_authorities: distinguished names in DER (RFC 9846, Section 4.2.4). */
export const distinguishedNames = codec<Uint8Array[]>(
  (writer, names) => {
    const mark = writer.open(2);
    for (const name of names) writer.vector16(name);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16('certificate_authorities', 3);
    const names: Uint8Array[] = [];
    while (list.remaining > 0) names.push(list.vector16(1));
    return names;
  },
);

/** max_early_data_size in a NewSessionTicket (RFC 9846, Section 4.2.10). */
export const maxEarlyData = codec<number>(
  (writer, size) => writer.u32(size),
  (reader) => reader.u32(),
);

/** ticket_request in a ClientHello (RFC 9149, Section 2). */
export const ticketRequest = codec<TicketRequest>(
  (writer, request) => writer.u8(request.newSessionCount).u8(request.resumptionCount),
  (reader) => ({ newSessionCount: reader.u8(), resumptionCount: reader.u8() }),
);

/** ticket_request in EncryptedExtensions: how many tickets the server will send. */
export const expectedTickets = codec<number>(
  (writer, count) => writer.u8(count),
  (reader) => reader.u8(),
);

/** renegotiation_info: empty on a first handshake (RFC 5746, Section 3.2). */
export const renegotiationInfo = codec<Uint8Array>(
  (writer, verifyData) => writer.vector8(verifyData),
  (reader) => reader.vector8(),
);

/** padding (RFC 7685): what it holds is ignored. */
export const padding = codec<number>(
  (writer, size) => writer.bytes(new Uint8Array(size)),
  (reader) => {
    const size = reader.remaining;
    reader.rest();
    return size;
  },
);

/**
 * encrypted_client_hello in a ClientHello (RFC 9849, Section 5): its body, of which only the type is looked at. Who can
 * decrypt it reads the rest of an outer one; for all others it is noise.
 */
export const clientEch = codec<Uint8Array>(
  (writer, body) => writer.bytes(body),
  (reader) => {
    const body = reader.rest();
    if (body.length === 0) throw reader.error('it is empty');
    const type = body[0];
    if (type === 1 && body.length > 1) throw reader.error('the inner form has no body');
    if (type === 0 || type === 1) return body;
    throw illegalParameter(
      'ERR_TLS_ECH_TYPE',
      `clientHello, encryptedClientHello: type ${type} is neither outer nor inner`,
      'RFC 9849, Section 7',
    );
  },
);

/** encrypted_client_hello in a HelloRetryRequest: the confirmation, eight bytes (RFC 9849, Section 5). */
export const echConfirmation = codec<Uint8Array>(
  (writer, confirmation) => writer.bytes(confirmation),
  (reader) => reader.bytes(8),
);

/** encrypted_client_hello in EncryptedExtensions: an ECHConfigList, as its bytes (RFC 9849, Section 5). */
export const echRetryConfigs = codec<Uint8Array>(
  (writer, list) => writer.bytes(list),
  (reader) => {
    const list = reader.rest();
    decodeEchConfigList(list);
    return list;
  },
);

/** session_ticket (RFC 5077, Section 3.2): empty, or a ticket. */
export const sessionTicket = opaque;

function badServerName(problem: string): PeerError {
  return illegalParameter('ERR_TLS_SERVER_NAME', `server_name: ${problem}`, 'RFC 6066, Section 3');
}

function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
