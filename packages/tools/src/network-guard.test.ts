import type { lookup as dnsLookup, LookupAddress, LookupAllOptions } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { AddressRefusedError, addressCheck, guardedLookup } from './network-guard.ts';

const isPublic = addressCheck(false);

test.each([
  '1.1.1.1',
  '93.184.216.34',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '169.253.1.1',
  '2606:4700:4700::1111',
  '::ffff:8.8.8.8',
])('%s is public', (address) => expect(isPublic(address)).toBe(true));

test.each([
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.169.254', 'link-local: cloud metadata'],
  ['100.64.0.1', 'carrier-grade NAT'],
  ['100.100.100.200', 'carrier-grade NAT: cloud metadata'],
  ['192.0.0.192', 'IETF: cloud metadata'],
  ['192.0.2.1', 'documentation'],
  ['198.18.0.1', 'benchmarks'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::127.0.0.1', 'IPv4-compatible'],
  ['::7f00:1', 'IPv4-compatible'],
  ['::ffff:127.0.0.1', 'IPv4-mapped'],
  ['::ffff:7f00:1', 'IPv4-mapped'],
  ['0:0:0:0:0:ffff:a9fe:a9fe', 'IPv4-mapped'],
  ['::ffff:0:127.0.0.1', 'translated'],
  ['64:ff9b::7f00:1', 'NAT64'],
  ['64:ff9b:1::1', 'local NAT64'],
  ['2002:7f00:1::', '6to4'],
  ['2001::1', 'Teredo'],
  ['2001:db8::1', 'documentation'],
  ['fc00::1', 'unique local'],
  ['fd00:ec2::254', 'unique local: cloud metadata'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['100::1', 'discard'],
  ['4000::1', 'not assigned'],
  ['localhost', 'no address'],
  ['', 'no address'],
])('%s is not public: %s', (address) => expect(isPublic(address)).toBe(false));

describe('networks that are allowed besides', () => {
  const check = addressCheck(['10.1.0.0/16', '127.0.0.1', 'fd00::/8']);

  test.each([
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['127.0.0.1', true],
    ['fd12::1', true],
    ['8.8.8.8', true],
    ['10.2.0.1', false],
    ['127.0.0.2', false],
    ['::1', false],
  ])('%s: %s', (address, allowed) => expect(check(address)).toBe(allowed));

  test('true allows every address', () => expect(addressCheck(true)('127.0.0.1')).toBe(true));

  test.each(['10.0.0.0/33', 'localhost', '10.0.0', 'x/8', ''])('%j is no network', (network) =>
    expect(() => addressCheck([network])).toThrow('is not a network'),
  );
});

describe('a name is judged by the addresses it has at that moment', () => {
  /** A resolver that answers from a table, in the place of the system's. */
  const resolver = (addresses: readonly string[]): typeof dnsLookup =>
    ((_host: string, _options: LookupAllOptions, callback: (error: Error | null, found: LookupAddress[]) => void) =>
      callback(
        addresses.length === 0 ? new Error('ENOTFOUND') : null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )) as never;

  const resolve = (addresses: readonly string[], all: boolean) =>
    new Promise((fulfil, reject) => {
      guardedLookup(isPublic, resolver(addresses))('name.example', { all }, (error, found, family) =>
        error ? reject(error) : fulfil([found, family]),
      );
    });

  test('the first public one is used', async () => {
    expect(await resolve(['127.0.0.1', '1.1.1.1'], false)).toEqual(['1.1.1.1', 4]);
  });

  test('of several only public ones are left', async () => {
    expect(await resolve(['::1', '1.1.1.1', '10.0.0.1', '2606:4700::1'], true)).toEqual([
      [
        { address: '1.1.1.1', family: 4 },
        { address: '2606:4700::1', family: 6 },
      ],
      undefined,
    ]);
  });

  test('a name without any is refused, with what it stands for', async () => {
    for (const all of [true, false]) {
      const refused = resolve(['10.0.0.1', '::ffff:127.0.0.1'], all);
      await expect(refused).rejects.toBeInstanceOf(AddressRefusedError);
      await expect(refused).rejects.toThrow('name.example (10.0.0.1, ::ffff:127.0.0.1) is not a public address');
    }
  });

  test('a name that does not exist fails as it does without the guard', async () => {
    await expect(resolve([], true)).rejects.toThrow('ENOTFOUND');
  });
});
