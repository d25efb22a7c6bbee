/** What only this machine can reach. */
import { isIPv4 } from 'node:net';

/** Whether a host name or address, without port, is this machine's loopback: `localhost`, 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** Whether a `Host` header names the loopback, with or without port. */
export function isLoopbackHostHeader(header: string): boolean {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/?#@[\]]+)(?::\d{1,5})?$/.exec(header);
  return match?.[1] !== undefined && isLoopback(match[1]);
}

/** Whether an `Origin` header names a page served from the loopback. `null`, the origin of sandboxes and files, does not. */
export function isLoopbackOrigin(header: string): boolean {
  const match = /^https?:\/\/(.+)$/.exec(header);
  return match?.[1] !== undefined && isLoopbackHostHeader(match[1]);
}
