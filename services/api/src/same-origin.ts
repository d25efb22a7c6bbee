/** Whether a browser says that a request is from a page of ours, and not from another site behind a person's back. */
import type { IncomingHttpHeaders } from 'node:http';

/** Needs a sign that it is: browsers send one with everything that changes something, and other sites cannot forge it. */
export function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  return origin !== undefined && host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
