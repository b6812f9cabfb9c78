import { isIP, type Socket } from 'node:net';
import { formatIp } from '../../pki/index.ts';

const addresses = new WeakMap<Socket, string>();

/** The client that the PROXY protocol named for a socket. */
export function clientAddress(socket: Socket): string | undefined {
  return addresses.get(socket);
}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const longest = 16 + 4096;

/** A PROXY protocol header: its length, and the client's address; `incomplete` or `wrong`. */
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
  return { length: end + 2, address: source };
}

function version2(buffer: Buffer): ReturnType<typeof parseProxyHeader> {
  if (buffer.length < 16) return 'incomplete';
  const length = 16 + buffer.readUInt16BE(14);
  const [command, family] = [buffer[12] as number, (buffer[13] as number) >> 4];
  if (command >> 4 !== 2 || (command & 15) > 1 || length > longest) return 'wrong';
  if (buffer.length < length) return 'incomplete';
  const size = family === 1 ? 4 : family === 2 ? 16 : 0;
  // LOCAL: a health check of the balancer itself.
  if ((command & 15) === 0 || size === 0) return { length, address: undefined };
  if (length < 16 + 2 * size + 4) return 'wrong';
  return { length, address: formatIp(new Uint8Array(buffer.subarray(16, 16 + size))) };
}

/** Reads the header that a balancer puts before the connection; a connection without one is refused. */
export function acceptProxyProtocol(socket: Socket, ready: (first: Uint8Array) => void): void {
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
