import { toLatin1 } from '../bytes/bytes.ts';
import { check, fields, text } from '../bytes/check.ts';
import { encodeOid, oidText } from './der/oid.ts';
import { contextPrimitiveTag, contextTag, type DerReader, tags } from './der/reader.ts';
import { isAscii } from './der/strings.ts';
import { asciiBytes, der, derContext, derContextPrimitive, derOid, derSequence } from './der/writer.ts';
import { formatIp, parseIp } from './ip.ts';
import { checkRdnSequence, formatName } from './name.ts';

/** Names in one GeneralNames. */
const maxNames = 4096;

/** A GeneralName (RFC 5280, Section 4.2.1.6). */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  /** 4 or 16 octets; in name constraints 8 or 32 (address and mask). */
  | { readonly kind: 'ip'; readonly value: Uint8Array }
  /** The encoded Name. */
  | { readonly kind: 'directory'; readonly value: Uint8Array }
  | { readonly kind: 'registeredId'; readonly value: string }
  | { readonly kind: 'other'; readonly type: string; readonly value: Uint8Array }
  | { readonly kind: 'x400' | 'ediParty'; readonly value: Uint8Array };

/** What a {@link GeneralName} is: the alternatives of RFC 5280, Section 4.2.1.6. */
export type GeneralNameKind = GeneralName['kind'];

/**
 * What the names are for, since their syntax differs: identities of a certificate, bases of name constraints, or
 * places to fetch something from (where URIs in use are sloppier than RFC 3986). A `looseConstraint` may be a DNS base with a
 * leading period, which private authorities write and OpenSSL takes for the names below.
 */
export type GeneralNameUse = 'name' | 'constraint' | 'looseConstraint' | 'location';

const isBase = (use: GeneralNameUse): boolean => use === 'constraint' || use === 'looseConstraint';

/** GeneralNames (RFC 5280, Section 4.2.1.6): at least one. The reader stands inside the SEQUENCE. */
export function readGeneralNames(names: DerReader, use: GeneralNameUse = 'name'): GeneralName[] {
  if (!names.more) throw names.error('it holds no name (RFC 5280, Section 4.2.1.6: at least one)');
  const list: GeneralName[] = [];
  while (names.more) {
    if (list.length === maxNames) throw names.error(`it holds more than ${maxNames} names`);
    list.push(readGeneralName(names, use));
  }
  return list;
}

/** One GeneralName (RFC 5280, Section 4.2.1.6), checked by the rules of its kind and use. */
export function readGeneralName(reader: DerReader, use: GeneralNameUse): GeneralName {
  const tag = reader.next();
  switch (tag) {
    case 0xa0: {
      const other = reader.inside('otherName');
      const type = other.oid('type');
      const value = other.enter(contextTag(0), 'value');
      if (!value.more) throw value.error('it is empty');
      value.next();
      const raw = value.raw();
      value.done();
      other.done();
      return { kind: 'other', type, value: raw };
    }
    case contextPrimitiveTag(1):
      return {
        kind: 'email',
        value: checked(
          reader,
          asciiText(reader, 'rfc822Name'),
          isBase(use) ? isMailConstraint : isMailbox,
          'rfc822Name',
        ),
      };
    case contextPrimitiveTag(2):
      return {
        kind: 'dns',
        value: checked(
          reader,
          asciiText(reader, 'dNSName'),
          isBase(use) ? (text) => isDnsConstraint(text, use) : isPresentedDnsName,
          'dNSName',
        ),
      };
    case 0xa3:
      return { kind: 'x400', value: reader.raw() };
    case 0xa4: {
      const choice = reader.inside('directoryName');
      choice.expect(tags.sequence, 'name');
      const raw = choice.raw();
      checkRdnSequence(choice.inside('name'));
      choice.done();
      return { kind: 'directory', value: raw };
    }
    case 0xa5:
      return { kind: 'ediParty', value: reader.raw() };
    case contextPrimitiveTag(6):
      return {
        kind: 'uri',
        value: checked(
          reader,
          asciiText(reader, 'uniformResourceIdentifier'),
          isBase(use) ? isUriConstraint : use === 'name' ? isUri : isLocation,
          'uniformResourceIdentifier',
        ),
      };
    case contextPrimitiveTag(7): {
      const value = reader.value();
      const ok = isBase(use) ? isIpRange(value) : value.length === 4 || value.length === 16;
      if (!ok)
        throw reader.error(
          `an iPAddress of ${value.length} octets that is no ${isBase(use) ? 'address and mask' : 'address'}`,
        );
      return { kind: 'ip', value };
    }
    case contextPrimitiveTag(8):
      return { kind: 'registeredId', value: oidText(reader.bytes, reader.start, reader.stop) };
    default:
      throw reader.error(`a GeneralName with the unknown tag ${tag}`);
  }
}

function asciiText(reader: DerReader, what: string): string {
  const { bytes, start, stop } = reader;
  if (!isAscii(bytes, start, stop)) throw reader.error(`a ${what} with characters outside ASCII`);
  let text = '';
  // Short strings: faster than a TextDecoder.
  if (stop - start < 64) for (let i = start; i < stop; i++) text += String.fromCharCode(bytes[i] as number);
  else text = toLatin1(bytes.subarray(start, stop));
  return text;
}

function checked(reader: DerReader, text: string, valid: (text: string) => boolean, what: string): string {
  if (!valid(text)) throw reader.error(`${JSON.stringify(text.slice(0, 100))} is no valid ${what}`);
  return text;
}

/**
 * Whether the text is a host name in the preferred syntax of RFC 1123 (letters, digits, hyphens; underscores, which
 * service names use, are let through): labels of 1 to 63 characters, 253 in all, no dot at either end.
 */
export function isHostName(text: string, from = 0): boolean {
  const length = text.length;
  if (length - from === 0 || length - from > 253) return false;
  let label = 0;
  for (let i = from; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (label === 0) return false;
      label = 0;
      continue;
    }
    const plain =
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x30 && code <= 0x39) ||
      (code >= 0x41 && code <= 0x5a) ||
      code === 0x2d ||
      code === 0x5f;
    if (!plain || ++label > 63) return false;
  }
  return label > 0;
}

// A `*` that is not the whole first label makes a name that matches nothing (RFC 9525, Section 6.3), not a broken one.
function isPresentedDnsName(text: string): boolean {
  if (text.startsWith('*.')) return isHostName(text, 2);
  return isHostName(text.includes('*') ? text.replaceAll('*', 'x') : text);
}

// RFC 5280, Section 4.2.1.10: a host name without wildcard or leading period; the empty one covers all names.
function isDnsConstraint(text: string, use: GeneralNameUse): boolean {
  return text === '' || isHostName(text, use === 'looseConstraint' && text.startsWith('.') ? 1 : 0);
}

const atext = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const quoted = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/;

/** Whether the text is a mailbox as an rfc822Name has it (RFC 5280, Section 4.2.1.6): local part and host, in ASCII. */
export function isMailbox(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || text.length > 320) return false;
  const local = text.slice(0, at);
  return (atext.test(local) || quoted.test(local)) && isHostName(text, at + 1);
}

function isMailConstraint(text: string): boolean {
  if (text === '') return true;
  if (text.includes('@')) return isMailbox(text);
  return isHostName(text, text.startsWith('.') ? 1 : 0);
}

// RFC 5280, Section 4.2.1.6: absolute, with a scheme and more.
function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text) && text.length <= 2048;
}

function isLocation(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x20-\x7e]*$/.test(text) && text.length <= 4096;
}

function isUriConstraint(text: string): boolean {
  return text === '' || isHostName(text, text.startsWith('.') ? 1 : 0);
}

function isIpRange(value: Uint8Array): boolean {
  if (value.length !== 8 && value.length !== 32) return false;
  const half = value.length / 2;
  let zeroSeen = false;
  for (let i = half; i < value.length; i++) {
    for (let bit = 7; bit >= 0; bit--) {
      const set = ((value[i] as number) >> bit) & 1;
      if (set === 1 && zeroSeen) return false;
      if (set === 0) zeroSeen = true;
    }
  }
  return true;
}

/** The host of a URI (RFC 3986, Section 3.2.2), in lower case, or `undefined` where it has none or an IP literal. */
export function uriHost(uri: string): string | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  // Browsers end the authority at a backslash, others go on behind it: a host that is read in two ways is none.
  if (authority === undefined || authority.includes('\\')) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '');
  return isHostName(host) && parseIp(host) === undefined ? host.toLowerCase() : undefined;
}

/** A GeneralName as people read it: `DNS:example.com`, `IP:192.0.2.1`. */
export function formatGeneralName(name: GeneralName): string {
  check(text, fields(name, 'formatGeneralName: name')['kind'], 'formatGeneralName: kind');
  switch (name.kind) {
    case 'dns':
      return `DNS:${name.value}`;
    case 'email':
      return `email:${name.value}`;
    case 'uri':
      return `URI:${name.value}`;
    case 'ip':
      return `IP:${formatIp(name.value)}`;
    case 'directory':
      return `DirName:${formatName(name.value)}`;
    case 'registeredId':
      return `RID:${name.value}`;
    case 'other':
      return `otherName:${name.type}`;
    default:
      return name.kind;
  }
}

/** Encodes a GeneralName (RFC 5280, Section 4.2.1.6); `x400` and `ediParty` are written as they were read. */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  switch (name.kind) {
    case 'email':
      return derContextPrimitive(1, asciiBytes(name.value));
    case 'dns':
      return derContextPrimitive(2, asciiBytes(name.value));
    case 'uri':
      return derContextPrimitive(6, asciiBytes(name.value));
    case 'ip':
      return derContextPrimitive(7, name.value);
    case 'directory':
      return derContext(4, name.value);
    case 'registeredId': {
      const oid = encodeOid(name.value);
      return derContextPrimitive(8, oid);
    }
    case 'other':
      return der(contextTag(0), derOid(name.type), derContext(0, name.value));
    default:
      return name.value;
  }
}

/** GeneralNames (RFC 5280, Section 4.2.1.6), a SEQUENCE. */
export const encodeGeneralNames = (names: readonly GeneralName[]): Uint8Array =>
  derSequence(...names.map((name) => encodeGeneralName(name)));

/** The GeneralName of a host as people write it: an IP literal or a DNS name. */
export function hostGeneralName(host: string): GeneralName {
  check(text, host, 'hostGeneralName: host');
  const ip = parseIp(host);
  return ip === undefined ? { kind: 'dns', value: host } : { kind: 'ip', value: ip };
}
