/** Which addresses tools may connect to. Decided when the connection is made, on the address it goes to: a name can change. */
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import ipaddr from 'ipaddr.js';

/** false: public addresses only; true: any; or the networks, like `10.1.0.0/16`, that are allowed besides. */
export type PrivateNetworks = boolean | readonly string[];

export type AddressCheck = (address: string) => boolean;

/** A connection that was not made. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';

  constructor(host: string, addresses: readonly string[]) {
    const where = addresses.includes(host) ? host : `${host} (${addresses.join(', ')})`;
    super(`${where} is not a public address; an operator can allow its network`);
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An IPv4 address written as an IPv6 one is that IPv4 address. */
const plainAddress = (text: string): Address => ipaddr.process(text);

/** What the registry calls global unicast. Everything that is translated to something else (6to4, NAT64, Teredo) is not. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || (address as ipaddr.IPv6).match([ipaddr.IPv6.parse('2000::'), 3]);
}

const ONE_ADDRESS = { ipv4: 32, ipv6: 128 };

function readNetwork(text: string): [Address, number] {
  try {
    const address = ipaddr.parse(text.replace(/\/.*$/s, ''));
    // `10.1` is read as 10.0.0.1, which is not what anybody means by it.
    if (address.kind() === 'ipv6' || text.startsWith(address.toString()))
      return text.includes('/') ? ipaddr.parseCIDR(text) : [address, ONE_ADDRESS[address.kind()]];
  } catch {
    // Said below, like everything else that is no network.
  }
  throw new Error(`${JSON.stringify(text)} is not a network; write it like "10.1.0.0/16" or "fd00::/8"`);
}

/** Throws an Error when a network can't be read. */
export function addressCheck(allowed: PrivateNetworks): AddressCheck {
  if (allowed === true) return () => true;
  const networks = allowed === false ? [] : allowed.map(readNetwork);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = plainAddress(text);
    return isPublic(address) || networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
  };
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves a name like Node does, and lets only allowed addresses through. */
export function guardedLookup(isAllowed: AddressCheck, lookup: typeof dnsLookup = dnsLookup) {
  return (host: string, options: LookupOptions, callback: LookupCallback): void => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const allowed = found.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      if (first === undefined)
        return callback(
          new AddressRefusedError(
            host,
            found.map(({ address }) => address),
          ),
          [],
        );
      if (options.all === true) return callback(null, allowed);
      return callback(null, first.address, first.family);
    });
  };
}
