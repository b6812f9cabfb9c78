/** A ClientHello as a server's program sees it: the raw message, and its fingerprints. */
import { createHash } from 'node:crypto';

/** What `socket.getClientHello()` gives. */
export interface ReceivedClientHello {
  /** The handshake message with its header of four bytes. */
  readonly raw: Buffer;
  /** JA3: the string that is hashed, and its MD5 in hexadecimal. */
  readonly ja3: string;
  readonly ja3Hash: string;
  /** JA4 (FoxIO), e.g. `t13d1516h2_8daaf6152771_b186095e22b6`. */
  readonly ja4: string;
}

interface Parts {
  version: number;
  ciphers: number[];
  extensions: number[];
  groups: number[];
  pointFormats: number[];
  versions: number[];
  signatureAlgorithms: number[];
  alpn: Buffer | undefined;
}

/** The fingerprints of a ClientHello that the engine has read: its lengths are known to be right. */
export function describeClientHello(raw: Uint8Array): ReceivedClientHello {
  const parts = read(Buffer.from(raw.buffer, raw.byteOffset, raw.length));
  const fields = [parts.ciphers, parts.extensions, parts.groups, parts.pointFormats];
  const ja3 = [parts.version, ...fields.map((list) => list.join('-'))].join(',');
  return {
    raw: Buffer.from(raw),
    ja3,
    ja3Hash: createHash('md5').update(ja3).digest('hex'),
    ja4: ja4(parts),
  };
}

/** RFC 8701: values that stand for nothing. */
const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);

function list16(bytes: Buffer): number[] {
  const values: number[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 2) values.push(bytes.readUInt16BE(at));
  return values.filter((value) => !isGrease(value));
}

function read(raw: Buffer): Parts {
  // Header 4, version 2, random 32.
  let at = 38;
  at += 1 + raw.readUInt8(at);
  const ciphersEnd = at + 2 + raw.readUInt16BE(at);
  const parts: Parts = {
    version: raw.readUInt16BE(4),
    ciphers: list16(raw.subarray(at + 2, ciphersEnd)),
    extensions: [],
    groups: [],
    pointFormats: [],
    versions: [],
    signatureAlgorithms: [],
    alpn: undefined,
  };
  at = ciphersEnd;
  at += 1 + raw.readUInt8(at);
  for (at += 2; at + 4 <= raw.length; ) {
    const type = raw.readUInt16BE(at);
    const body = raw.subarray(at + 4, at + 4 + raw.readUInt16BE(at + 2));
    at += 4 + body.length;
    if (isGrease(type)) continue;
    parts.extensions.push(type);
    if (type === 10) parts.groups = list16(body.subarray(2));
    else if (type === 11) parts.pointFormats = [...body.subarray(1)];
    else if (type === 13) parts.signatureAlgorithms = list16(body.subarray(2));
    else if (type === 16 && body.length > 3) parts.alpn = body.subarray(3, 3 + body.readUInt8(2));
    else if (type === 43) parts.versions = list16(body.subarray(1));
  }
  return parts;
}

const versionNames: Readonly<Record<number, string>> = { 772: '13', 771: '12', 770: '11', 769: '10', 768: 's3' };
const hex = (value: number): string => value.toString(16).padStart(4, '0');
const two = (count: number): string => String(Math.min(count, 99)).padStart(2, '0');

function shortHash(text: string): string {
  return text === '' ? '000000000000' : createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function ja4(parts: Parts): string {
  const version = parts.versions.length > 0 ? Math.max(...parts.versions) : parts.version;
  const named = parts.extensions.includes(0) ? 'd' : 'i';
  const first = `t${versionNames[version] ?? '00'}${named}${two(parts.ciphers.length)}${two(parts.extensions.length)}${alpnMark(parts.alpn)}`;
  const ciphers = parts.ciphers.map(hex).sort().join(',');
  const extensions = parts.extensions
    .filter((type) => type !== 0 && type !== 16)
    .map(hex)
    .sort()
    .join(',');
  const algorithms = parts.signatureAlgorithms.map(hex).join(',');
  const last = extensions === '' ? '' : algorithms === '' ? extensions : `${extensions}_${algorithms}`;
  return `${first}_${shortHash(ciphers)}_${shortHash(last)}`;
}

/** First and last character of the first protocol; of its hexadecimal form where they are no letters or digits. */
function alpnMark(alpn: Buffer | undefined): string {
  if (alpn === undefined || alpn.length === 0) return '00';
  const text = alpn.toString('latin1');
  const ends = text[0]! + text.at(-1)!;
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const digits = alpn.toString('hex');
  return digits[0]! + digits.at(-1)!;
}
