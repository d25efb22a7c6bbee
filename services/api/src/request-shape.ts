/**
 * What Node lets through, but what two readers of one request may read differently: a proxy could let in for one host, key
 * or type what is then done for another one.
 */
import type { IncomingMessage } from 'node:http';
import { type ProblemAnswer, problem } from './answer.ts';
import { HEADERS, URL_BYTES } from './http-limits.ts';

/** Headers that decide something, of which Node would take the first, or join all. */
const ONCE: readonly string[] = [
  ...['host', 'authorization', 'origin', 'content-type', 'content-encoding', 'content-length', 'transfer-encoding'],
  ...['x-actor', 'idempotency-key', 'last-event-id', 'sec-fetch-site'],
];

/** A request that can't be taken as it is. `status` where it is not 400. */
export const malformed = (detail: string, status?: number): ProblemAnswer => ({
  ...problem('malformed_request', detail),
  ...(status !== undefined && { status }),
});

/** Why a request is not looked at; null when there is no reason. */
export function refuseShape({ httpVersion, url = '', rawHeaders }: IncomingMessage): ProblemAnswer | null {
  if (url.length > URL_BYTES) return malformed(`the path with its query has ${url.length} bytes; it may have ${URL_BYTES}`, 414);
  const names = rawHeaders.filter((_text, index) => index % 2 === 0).map((name) => name.toLowerCase());
  if (names.length > HEADERS) return malformed(`the request has ${names.length} headers; it may have ${HEADERS}`, 431);
  const twice = ONCE.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) return malformed(`the header ${twice} stands there more than once; send it once`);
  if (httpVersion === '1.1' && !names.includes('host')) return malformed('the header Host is missing');
  return null;
}
