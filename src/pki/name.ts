import { toHex } from '../bytes/bytes.ts';
import { check } from '../bytes/check.ts';
import { der as isDer, nameInput } from './check-arguments.ts';
import { oids } from './der/oid.ts';
import { DerReader, tags } from './der/reader.ts';
import { hasControls, isValidString, stringText } from './der/strings.ts';
import { compareBytes, der, derIa5, derOid, derSequence, derSet, derText } from './der/writer.ts';

const emptyText = new Uint8Array(0);

/** Attributes in one distinguished name. Real names have fewer than 20. */
const maxAttributes = 128;

/** One AttributeTypeAndValue of a distinguished name. */
export interface NameAttribute {
  /** Dotted attribute type. */
  readonly type: string;
  readonly tag: number;
  /** The text, or `#` and the hexadecimal encoding where the value is no string. */
  readonly value: string;
}

/** A distinguished name to encode: pairs of short name (`CN`, `O`, `C` …) or dotted type, and text. */
export type NameInput = readonly (readonly [type: string, value: string])[];

const shortNames: Readonly<Record<string, string>> = {
  CN: oids.commonName,
  SN: oids.surname,
  serialNumber: oids.serialNumber,
  C: oids.country,
  L: oids.locality,
  ST: oids.state,
  street: oids.street,
  O: oids.organization,
  OU: oids.organizationalUnit,
  title: oids.title,
  GN: oids.givenName,
  organizationIdentifier: oids.organizationIdentifier,
  DC: oids.domainComponent,
  UID: oids.userId,
  emailAddress: oids.emailAddress,
};
const shortNameOf = new Map(Object.entries(shortNames).map(([name, oid]) => [oid, name]));

/**
 * Reads a Name (RFC 5280, Section 4.1.2.4) and checks every part of it; what stays is the view of its encoding.
 * @param unsorted accepts a SET OF out of order, values that are no strings, and strings with characters their type lacks or
 * with control characters (old trust anchors).
 */
export function readName(reader: DerReader, field: string, unsorted = false): Uint8Array {
  reader.expect(tags.sequence, field);
  const raw = reader.raw();
  checkRdnSequence(reader.inside(field), unsorted);
  return raw;
}

/** Checks the content of an RDNSequence (RFC 5280, Section 4.1.2.4). */
export function checkRdnSequence(rdns: DerReader, unsorted = false): void {
  let attributes = 0;
  while (rdns.more) {
    rdns.expect(tags.set, 'relative distinguished name');
    const { bytes, stop } = rdns;
    if (rdns.start === stop) throw rdns.error('an empty relative distinguished name');
    let previousStart = -1;
    let previousEnd = -1;
    const set = rdns.inside('relative distinguished name');
    while (set.more) {
      if (++attributes > maxAttributes) throw rdns.error(`more than ${maxAttributes} attributes`);
      set.expect(tags.sequence, 'attribute');
      const { head, stop: end } = set;
      if (previousStart >= 0 && !unsorted) {
        const order = compareBytes(bytes.subarray(previousStart, previousEnd), bytes.subarray(head, end));
        if (order >= 0) throw rdns.error('a SET OF that is not in DER order');
      }
      previousStart = head;
      previousEnd = end;
      const attribute = set.inside('attribute');
      const type = attribute.oid('type');
      const tag = attribute.next();
      checkValueTag(type, tag, attribute, unsorted);
      if (!unsorted && !isValidString(tag, bytes, attribute.start, attribute.stop)) {
        throw rdns.error('a string with characters that its type does not allow');
      }
      if (!unsorted && hasControls(tag, bytes, attribute.start, attribute.stop)) {
        // Some programs end a string there, some drop them, some compare them: a name that is read in two ways is none.
        throw rdns.error(`the value of ${type} has control characters`);
      }
      attribute.done();
    }
  }
}

// RFC 5280, Appendix A lets the value of an attribute be anything; those that it names are DirectoryString, PrintableString or
// IA5String, of which VisibleString is none. Other values than strings are read by some programs and by others not.
function checkValueTag(type: string, tag: number, attribute: DerReader, lenient: boolean): void {
  const universal = tag < 0x20 || tag === tags.sequence || tag === tags.set;
  if (lenient && universal) return;
  if (tag !== tags.visibleString && stringText(tag, emptyText) !== undefined) return;
  throw attribute.error(`the value of ${type} has the type ${tag}, which is no string that names are made of`);
}

/** The attributes of a Name in order, flattened. `raw` must have been checked by {@link readName}. */
export function nameAttributes(raw: Uint8Array): NameAttribute[][] {
  check(isDer, raw, 'the name (raw)');
  const rdns = new DerReader(raw, 'name').enter(tags.sequence, 'name');
  const list: NameAttribute[][] = [];
  while (rdns.more) {
    const set = rdns.enter(tags.set, 'relative distinguished name');
    const rdn: NameAttribute[] = [];
    while (set.more) {
      const attribute = set.enter(tags.sequence, 'attribute');
      const type = attribute.oid('type');
      const tag = attribute.next();
      rdn.push({ type, tag, value: textOf(tag, attribute) });
    }
    list.push(rdn);
  }
  return list;
}

function textOf(tag: number, attribute: DerReader): string {
  try {
    return stringText(tag, attribute.value()) ?? `#${toHex(attribute.raw())}`;
  } catch {
    return `#${toHex(attribute.raw())}`; // invalid UTF-8 in a lenient trust anchor
  }
}

/** A Name as people read it, most specific part first: `CN=example.com, O=Example, C=DE`. Control characters are escaped. */
export function formatName(raw: Uint8Array): string {
  const parts = nameAttributes(raw)
    .map((rdn) => rdn.map(({ type, value }) => `${shortNameOf.get(type) ?? type}=${shownText(value)}`).join(' + '))
    .reverse();
  return parts.length === 0 ? '(empty name)' : parts.join(', ');
}

/** The first common name, or `undefined`. */
export function commonName(raw: Uint8Array): string | undefined {
  for (const rdn of nameAttributes(raw)) {
    for (const { type, value } of rdn) if (type === oids.commonName) return value;
  }
  return undefined;
}

/** One canonical key per relative distinguished name; equal where RFC 5280, Section 7.1 calls the names equal. */
export function rdnKeys(raw: Uint8Array): string[] {
  return nameAttributes(raw).map((rdn) =>
    rdn
      .map(({ type, tag, value }) => `${type}=${isString(tag) ? foldText(value) : value}`)
      .sort()
      .join('\u0001'),
  );
}

/** A canonical key of the whole name: equal names (RFC 5280, Section 7.1) have equal keys. */
export function nameKey(raw: Uint8Array): string {
  return rdnKeys(raw).join('\u0002');
}

function isString(tag: number): boolean {
  return stringText(tag, emptyText) !== undefined;
}

// RFC 5280, Section 7.1: string preparation of RFC 4518: case folding, NFKC, white space at the ends removed and
// within collapsed.
function foldText(text: string): string {
  let plain = true;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code < 0x20) {
      plain = false;
      break;
    }
  }
  // RFC 4518, Section 2.2: white space of any kind becomes a space, controls and what is not seen become nothing. (With
  // the controls go the characters that separate the parts of a key.)
  const prepared = plain
    ? text
    : text
        .replace(/[\t-\r\u0085\p{Z}]/gu, ' ')
        .replace(/[\p{Cc}\p{Cf}\u1806\ufffc]|\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]/gu, '')
        .normalize('NFKC');
  return prepared
    .toLowerCase()
    .trim()
    .replace(/\s{2,}/g, ' ');
}

function shownText(text: string): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\\,+"<>;=]/gu, (char) =>
    char >= ' ' && char < '\u007f' ? `\\${char}` : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
}

/** Encodes a distinguished name, each attribute a relative distinguished name of its own. */
export function encodeName(attributes: NameInput): Uint8Array {
  check(nameInput, attributes, 'encodeName: attributes');
  return derSequence(
    ...attributes.map(([name, value]) => {
      const type = shortNames[name] ?? name;
      return derSet(derSequence(derOid(type), attributeValue(type, value)));
    }),
  );
}

function attributeValue(type: string, value: string): Uint8Array {
  if (type === oids.domainComponent || type === oids.emailAddress) return derIa5(value);
  // RFC 5280, Appendix A: these two are PrintableString.
  if (type === oids.country || type === oids.serialNumber) {
    const text = derText(value);
    if (text[0] !== tags.printableString) throw new RangeError(`"${value}" does not fit a PrintableString`);
    return text;
  }
  if (value.length === 0) throw new RangeError('an attribute of a distinguished name may not be empty');
  return der(tags.utf8String, new TextEncoder().encode(value));
}
