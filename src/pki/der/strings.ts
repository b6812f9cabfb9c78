import { toLatin1 } from '../../bytes/bytes.ts';
import { tags } from './reader.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Bytes that PrintableString allows (X.680, Section 41.4).
const printable = new Uint8Array(256);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?") {
  printable[char.charCodeAt(0)] = 1;
}

/** Whether the content of a string type holds what the type allows. Types that aren't strings are not judged. */
export function isValidString(tag: number, bytes: Uint8Array, start: number, stop: number): boolean {
  switch (tag) {
    case tags.utf8String:
      return isUtf8(bytes, start, stop);
    case tags.printableString:
      for (let i = start; i < stop; i++) if (printable[bytes[i] as number] === 0) return false;
      return true;
    case tags.ia5String:
      return isAscii(bytes, start, stop);
    case tags.visibleString:
      for (let i = start; i < stop; i++) if ((bytes[i] as number) < 0x20 || (bytes[i] as number) > 0x7e) return false;
      return true;
    case tags.numericString:
      for (let i = start; i < stop; i++) {
        const byte = bytes[i] as number;
        if (byte !== 0x20 && (byte < 0x30 || byte > 0x39)) return false;
      }
      return true;
    case tags.bmpString:
      return isWide(bytes, start, stop, 2);
    case tags.universalString:
      return isWide(bytes, start, stop, 4);
    default:
      return true;
  }
}

/** Whether the content of a string type has a control character of ASCII: 00 to 1F, 7F. */
export function hasControls(tag: number, bytes: Uint8Array, start: number, stop: number): boolean {
  if (tag === tags.bmpString || tag === tags.universalString) {
    const size = tag === tags.bmpString ? 2 : 4;
    for (let i = start + size - 1; i < stop; i += size) {
      if (!isControl(bytes[i] as number) || bytes[i - 1] !== 0) continue;
      if (size === 2 || (bytes[i - 2] === 0 && bytes[i - 3] === 0)) return true;
    }
    return false;
  }
  if (tag !== tags.utf8String && tag !== tags.ia5String && tag !== tags.teletexString) return false;
  for (let i = start; i < stop; i++) if (isControl(bytes[i] as number)) return true;
  return false;
}

const isControl = (byte: number): boolean => byte < 0x20 || byte === 0x7f;

/** Whole characters of 2 or 4 bytes, none of them a surrogate or beyond Unicode. */
function isWide(bytes: Uint8Array, start: number, stop: number, size: 2 | 4): boolean {
  if ((stop - start) % size !== 0) return false;
  for (let i = start; i < stop; i += size) {
    if (size === 4 && (bytes[i] !== 0 || (bytes[i + 1] as number) > 0x10)) return false;
    const plane = size === 4 ? (bytes[i + 1] as number) : 0;
    if (plane === 0 && ((bytes[i + size - 2] as number) & 0xf8) === 0xd8) return false;
  }
  return true;
}

/** Whether all bytes are below 0x80. */
export function isAscii(bytes: Uint8Array, start: number, stop: number): boolean {
  for (let i = start; i < stop; i++) if ((bytes[i] as number) > 0x7f) return false;
  return true;
}

function isUtf8(bytes: Uint8Array, start: number, stop: number): boolean {
  if (isAscii(bytes, start, stop)) return true;
  try {
    strictUtf8.decode(bytes.subarray(start, stop));
    return true;
  } catch {
    return false;
  }
}

/** The text of a string type, or `undefined` where the type is no string. The content must be valid for the type. */
export function stringText(tag: number, content: Uint8Array): string | undefined {
  switch (tag) {
    case tags.utf8String:
      return strictUtf8.decode(content);
    case tags.printableString:
    case tags.ia5String:
    case tags.visibleString:
    case tags.numericString:
    case tags.teletexString: // T.61 in theory; everybody writes Latin-1
      return toLatin1(content);
    case tags.bmpString: {
      let text = '';
      for (let i = 0; i < content.length; i += 2) {
        text += String.fromCharCode(((content[i] as number) << 8) | (content[i + 1] as number));
      }
      return text;
    }
    case tags.universalString: {
      let text = '';
      for (let i = 0; i + 3 < content.length; i += 4) {
        const point =
          ((content[i + 1] as number) << 16) | ((content[i + 2] as number) << 8) | (content[i + 3] as number);
        text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
      }
      return text;
    }
    default:
      return undefined;
  }
}
