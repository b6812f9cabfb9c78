import { isIP, type Socket } from 'node:net';
import { formatIp } from '../../pki/index.ts';
import { withoutMapping } from './peers.ts';

const addresses = new WeakMap<Socket, string>();

/** The client that the PROXY protocol named for a socket. */
export function clientAddress(socket: Socket): string | undefined {
  return addresses.get(socket);
}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const longest = 16 + 4096;

/** A header of the PROXY protocol (versions 1 and 2 of HAProxy's proxy-protocol.txt): its length, and the client's address; `incomplete` or `wrong`. */
export function parseProxyHeader(
  bytes: Uint8Array,
): { readonly length: number; readonly address: string | undefined } | 'incomplete' | 'wrong' {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = Math.min(buffer.length, signature.length);
  if (buffer.subarray(0, start).equals(signature.subarray(0, start))) return version2(buffer);
  const text = buffer.subarray(0, 107).toString('latin1');
  if (!'PROXY '.startsWith(text.slice(0, 6))) return 'wrong';
  const end = text.indexOf('\r\n');
  if (end < 0) return buffer.length >= 107 ? 'wrong' : 'incomplete';
  const [, protocol, source = '', destination = '', ...ports] = text.slice(0, end).split(' ');
  if (protocol === 'UNKNOWN') return { length: end + 2, address: undefined };
  const family = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : undefined;
  const fits = isIP(source) === family && isIP(destination) === family;
  if (!fits || ports.length !== 2 || !ports.every((port) => /^\d{1,5}$/.test(port) && Number(port) < 65_536))
    return 'wrong';
  return { length: end + 2, address: withoutMapping(source) };
}

/** Length of the addresses by family: none, IPv4, IPv6, UNIX. */
const addressSizes = [0, 12, 36, 216] as const;

function version2(buffer: Buffer): ReturnType<typeof parseProxyHeader> {
  if (buffer.length < 16) return 'incomplete';
  const length = 16 + buffer.readUInt16BE(14);
  const [command, family, protocol] = [buffer[12] as number, (buffer[13] as number) >> 4, (buffer[13] as number) & 15];
  const size = addressSizes[family];
  if (command >> 4 !== 2 || (command & 15) > 1 || size === undefined || protocol > 2 || length > longest)
    return 'wrong';
  if (buffer.length < length) return 'incomplete';
  const header = buffer.subarray(0, length);
  // LOCAL: a health check of the balancer itself. What follows is to be skipped, whatever it is.
  if ((command & 15) === 0) return { length, address: undefined };
  if (length < 16 + size || (size > 0 && !extrasHold(header, 16 + size))) return 'wrong';
  if (family === 1) return { length, address: formatIp(new Uint8Array(header.subarray(16, 20))) };
  // Balancers of both families may write IPv4 as IPv6.
  if (family === 2) return { length, address: withoutMapping(formatIp(new Uint8Array(header.subarray(16, 32)))) };
  return { length, address: undefined };
}

const crc32cType = 0x03;

/** Whether the type-length-value fields end where the header does, and its checksum is right where it has one. */
function extrasHold(header: Buffer, start: number): boolean {
  let at = start;
  while (at + 3 <= header.length) {
    const [type, length] = [header[at] as number, header.readUInt16BE(at + 1)];
    const value = at + 3;
    at = value + length;
    if (type !== crc32cType || at > header.length) continue;
    if (length !== 4) return false;
    // "… with the checksum field itself set to zero" (Section 2.2.3).
    const given = header.readUInt32BE(value);
    const zeroed = Buffer.from(header);
    zeroed.fill(0, value, at);
    if (crc32c(zeroed) !== given) return false;
  }
  return at === header.length;
}

/** CRC-32C (Castagnoli), RFC 3309. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/**
 * Reads the header that a balancer puts before the connection; a connection without one is refused, and one of somebody
 * else than the balancers: "the receiver MUST … only" take it from them (Section 5).
 */
export function acceptProxyProtocol(
  trusts: (address: string) => boolean,
  socket: Socket,
  ready: (first: Uint8Array) => void,
): void {
  if (!trusts(socket.remoteAddress ?? '')) {
    socket.destroy();
    return;
  }
  let heard: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), 5000);
  const onData = (bytes: Buffer) => {
    heard = heard.length === 0 ? bytes : Buffer.concat([heard, bytes]);
    const header = parseProxyHeader(heard);
    if (header === 'incomplete') return;
    clearTimeout(timer);
    socket.off('data', onData);
    if (header === 'wrong') {
      socket.destroy();
      return;
    }
    socket.pause();
    if (header.address !== undefined) addresses.set(socket, header.address);
    ready(heard.subarray(header.length));
    socket.resume();
  };
  socket.on('data', onData);
  socket.on('close', () => clearTimeout(timer));
}
