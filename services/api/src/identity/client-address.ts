/** Where a call comes from, as failed attempts are counted. */
import { isIPv6 } from 'node:net';

/** The 64 bits of an IPv6 address that its network gave out; whoever has them has 2^64 addresses to come from. */
function network(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(8 - before.length - after.length, 0) }, () => '0');
  const groups = [...before, ...zeros, ...after].map((group) => group.replace(/^0+(?=.)/, '').toLowerCase());
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** An IPv4 address as it is, an IPv6 address as its network. */
export function addressToCount(address: string | undefined): string {
  const plain = (address ?? '').split('%')[0] ?? '';
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain) ?? [];
  if (mapped !== undefined) return mapped;
  return isIPv6(plain) ? network(plain) : plain;
}
