/** The settings that let something of ours reach private addresses. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type AddressCheck, addressCheck, type PrivateNetworks } from './network-guard.ts';

/** `true`, `false`, or networks, comma-separated. */
export const privateNetworks = z.string().transform((text, context): PrivateNetworks => {
  if (text === 'true' || text === 'false') return text === 'true';
  const networks = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  try {
    addressCheck(networks);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
  return networks;
});

/**
 * Whether a URL's host can be seen to be a private address without asking anybody: an address, or a name of this machine.
 * A name that leads to one is found out when a connection is made.
 */
export function isPrivateHost(url: string, isAllowed: AddressCheck): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) return !isAllowed(host);
  return /(^|\.)localhost\.?$/.test(host) && !isAllowed('127.0.0.1');
}
