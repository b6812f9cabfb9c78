/** Certificate compression (RFC 8879) by `node:zlib`. */
import * as zlib from 'node:zlib';
import type { CertificateCompression } from '../../engine/config.ts';
import { invalidArgType, invalidArgValue } from '../base/node-errors.ts';

export type CompressionName = 'zlib' | 'brotli' | 'zstd';

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** More than the message announced is never unpacked (RFC 8879, Section 5). */
function algorithm(
  code: number,
  compress: (bytes: Uint8Array) => Uint8Array,
  decompress: Decompress,
): CertificateCompression {
  return {
    algorithm: code,
    compress: (certificate) => asBytes(compress(certificate)),
    decompress: (compressed, length) => {
      const bytes = asBytes(decompress(compressed, { maxOutputLength: Math.max(length, 1) }));
      if (bytes.length !== length) throw new RangeError(`the certificate has ${bytes.length} bytes, not ${length}`);
      return bytes;
    },
  };
}

function asBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Zstandard came with Node 22.15. */
const { zstdCompressSync, zstdDecompressSync } = zlib as unknown as {
  zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  zstdDecompressSync?: Decompress;
};

const algorithms = new Map<CompressionName, CertificateCompression>([
  ['zlib', algorithm(1, zlib.deflateSync, zlib.inflateSync)],
  ['brotli', algorithm(2, zlib.brotliCompressSync, zlib.brotliDecompressSync)],
]);
if (zstdCompressSync && zstdDecompressSync) algorithms.set('zstd', algorithm(3, zstdCompressSync, zstdDecompressSync));

/** `tls.getCertificateCompressionAlgorithms` of Node 26. */
export function getCertificateCompressionAlgorithms(): CompressionName[] {
  return [...algorithms.keys()];
}

/** The option `certificateCompression`: names, most wanted first. */
export function readCertificateCompression(names: unknown): CertificateCompression[] {
  if (!Array.isArray(names)) throw invalidArgType('options.certificateCompression', 'Array', names);
  if (names.length > 3) {
    throw invalidArgValue('options.certificateCompression', names, 'can specify at most 3 algorithms');
  }
  return names.map((name: unknown, index) => {
    const found = algorithms.get(name as CompressionName);
    if (found !== undefined) return found;
    const where = `options.certificateCompression[${index}]`;
    if (name !== 'zstd') throw invalidArgValue(where, name, "must be 'zlib', 'brotli', or 'zstd'");
    throw invalidArgValue(where, name, "must be 'zlib' or 'brotli': this version of Node has no Zstandard");
  });
}
