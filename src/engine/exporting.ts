import { ConfigError } from '../errors.ts';

/** The most that HkdfLabel can name (RFC 9846, Section 7.1). */
const longest = 0xffff;

/**
 * Calls an exporter, and tells of what it cannot give by a `ConfigError` (`ERR_TLS_EXPORTER`): a length that is no whole
 * number or too large for the hash, a label or a context that does not fit its field.
 */
export function exporting(call: string, length: number, take: () => Uint8Array): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length > longest) {
    throw new ConfigError(`${call}: a length of ${length} bytes; 0 to ${longest} can be asked for`, {
      code: 'ERR_TLS_EXPORTER',
    });
  }
  try {
    return take();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConfigError(`${call}: ${cause.message}`, { code: 'ERR_TLS_EXPORTER', cause });
  }
}
