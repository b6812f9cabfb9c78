import { fromBase64, toBase64 } from './base64.ts';
import { check, bytes as isBytes, text as isText } from './check.ts';

/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** What stands between BEGIN and the dashes, e.g. `CERTIFICATE`. */
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** Blocks in one text. */
const maxBlocks = 10_000;

/**
 * All blocks of a PEM text; what stands between them is explanatory text (RFC 7468, Section 2) and is passed over.
 * Throws `SyntaxError` for a block that has no end, another end, or content that is no Base64.
 */
export function decodePem(text: string): PemBlock[] {
  check(isText, text, 'decodePem: text');
  const blocks: PemBlock[] = [];
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n?/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] as string;
    const which = (): string => {
      const line = text.slice(0, (match as RegExpExecArray).index).split('\n').length;
      return `the PEM block "${label}" in line ${line}`;
    };
    const end = text.indexOf('-----END ', begin.lastIndex);
    if (end < 0 || !text.startsWith(`${label}-----`, end + 9)) {
      throw new SyntaxError(`${which()} has no line "-----END ${label}-----"`);
    }
    if (blocks.length === maxBlocks) throw new SyntaxError(`more than ${maxBlocks} PEM blocks`);
    const body = text.slice(begin.lastIndex, end);
    if (/^[A-Za-z-]+:/m.test(body)) {
      throw new SyntaxError(
        `${which()} has header lines (the old OpenSSL encryption?): convert it with "openssl pkcs8 -topk8"`,
      );
    }
    const bytes = fromBase64(body);
    if (bytes === undefined) throw new SyntaxError(`${which()} holds what is no Base64`);
    blocks.push({ label, bytes });
    begin.lastIndex = end;
  }
  return blocks;
}

/** One PEM block with lines of 64 characters. */
export function encodePem(label: string, bytes: Uint8Array): string {
  check(isText, label, 'encodePem: label');
  check(isBytes, bytes, 'encodePem: bytes');
  const lines = toBase64(bytes).replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
