/** Protocol versions on the wire (RFC 9846, Section 4.2.1). */
export const tls12 = 0x0303;
export const tls13 = 0x0304;

/** A version that this stack speaks. */
export type ProtocolVersion = typeof tls12 | typeof tls13;

/** `TLS 1.3`, `TLS 1.2`, or the number for what isn't spoken here. */
export function versionName(version: number): string {
  if (version === tls13) return 'TLS 1.3';
  if (version === tls12) return 'TLS 1.2';
  if (version === 0x0302) return 'TLS 1.1';
  if (version === 0x0301) return 'TLS 1.0';
  if (version === 0x0300) return 'SSL 3.0';
  return `version 0x${version.toString(16).padStart(4, '0')}`;
}

/** Whether a two-byte value is one of the reserved GREASE values 0x0a0a, 0x1a1a … 0xfafa (RFC 8701, Section 2). */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff);
}
