/** The parts of a SubjectPublicKeyInfo (RFC 5280, Section 4.1), as views. */
export interface SpkiParts {
  /** The contents of the algorithm's OBJECT IDENTIFIER. */
  readonly algorithm: Uint8Array;
  /** The parameters, with tag and length; empty where they are absent. */
  readonly parameters: Uint8Array;
  /** The BIT STRING's bytes. */
  readonly key: Uint8Array;
}

/** Takes a SubjectPublicKeyInfo apart; `undefined` where it is not one in DER. */
export function splitSpki(spki: Uint8Array): SpkiParts | undefined {
  const outer = element(spki, 0, 0x30);
  if (outer === undefined || outer.end !== spki.length) return undefined;
  const identifier = element(spki, outer.start, 0x30);
  if (identifier === undefined) return undefined;
  const oid = element(spki, identifier.start, 0x06);
  if (oid === undefined || oid.end > identifier.end) return undefined;
  const bits = element(spki, identifier.end, 0x03);
  // The first byte counts the unused bits: 0, since keys are whole bytes.
  if (bits === undefined || bits.end !== outer.end || bits.end === bits.start || spki[bits.start] !== 0)
    return undefined;
  return {
    algorithm: spki.subarray(oid.start, oid.end),
    parameters: spki.subarray(oid.end, identifier.end),
    key: spki.subarray(bits.start + 1, bits.end),
  };
}

/** Where the contents of a DER element start and end. */
export interface DerElement {
  readonly start: number;
  readonly end: number;
}

/** The DER element at `at`, which must have the tag (of one byte); `undefined` where it has not, or is none in DER. */
export function element(der: Uint8Array, at: number, tag: number): DerElement | undefined {
  const first = der[at + 1];
  if (der[at] !== tag || first === undefined) return undefined;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    // DER: the shortest form; more than three bytes of length is no key.
    if (count === 0 || count > 3 || start + count > der.length) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) length = (length << 8) | (der[start + i] as number);
    if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)))) return undefined;
    start += count;
  }
  const end = start + length;
  return end <= der.length ? { start, end } : undefined;
}
