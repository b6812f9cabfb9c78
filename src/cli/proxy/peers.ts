import { BlockList, isIP } from 'node:net';
import { parseIp } from '../../pki/index.ts';
import { usageError } from '../errors.ts';

/** Whether an address is one of those that `--trusted` names; every one where it names none. */
export function readPeers(texts: readonly string[] | undefined): (address: string) => boolean {
  if (texts === undefined) return () => true;
  const list = new BlockList();
  for (const text of texts) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const size = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : 0;
    const length = Number(bits ?? size);
    if (size === 0 || length > size || address.includes('%'))
      throw usageError(`--trusted ${text} is no address`, 'Like this: 10.0.0.5, 10.0.0.0/8, 2001:db8::/32');
    list.addSubnet(address, length, size === 32 ? 'ipv4' : 'ipv6');
  }
  return (address) => {
    const plain = withoutMapping(address);
    return isIP(plain) !== 0 && list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
  };
}

/** An IPv4 address that is written as one of IPv6 (RFC 4291, Section 2.5.5.2) as itself. */
export function withoutMapping(address: string): string {
  if (isIP(address) !== 6) return address;
  const bytes = parseIp(address.replace(/%.*$/, ''));
  if (bytes === undefined || bytes.length !== 16) return address;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.subarray(12).join('.') : address;
}
