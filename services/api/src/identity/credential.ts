/** What a call brings to say who is calling, and how it is answered when that is not enough. */
import type { IncomingHttpHeaders } from 'node:http';
import { type ProblemAnswer, problem, withHeaders } from '../answer.ts';

export interface Caller {
  method?: string | undefined;
  headers: IncomingHttpHeaders;
}

/** The call is not from a known actor. `detail` must never say which part of a credential was wrong. */
export function unauthenticated(detail: string, { headers }: Pick<Caller, 'headers'>): ProblemAnswer {
  // A browser asks for a password only where a person opened a page, not behind the back of a script.
  const forPeople = headers.accept?.includes('text/html') === true;
  const challenge = forPeople ? 'Bearer realm="countersign", Basic realm="countersign", charset="UTF-8"' : 'Bearer realm="countersign"';
  return withHeaders(problem('unauthenticated', detail), { 'WWW-Authenticate': challenge });
}

/**
 * The secret of the Authorization header: `Bearer <secret>`, or, so that a browser can show pages, Basic with any name.
 * Browsers add Basic to every request of their own accord, so with it nothing can be changed, unless it is known that the
 * request is from a page of ours.
 */
export function secretOf({ method, headers }: Caller, { fromOwnPage }: { fromOwnPage: boolean }): string | null {
  const [, scheme = '', credentials = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() === 'basic' && (fromOwnPage || method === 'GET' || method === 'HEAD')) {
    const decoded = Buffer.from(credentials, 'base64').toString('utf8');
    return decoded.includes(':') ? decoded.slice(decoded.indexOf(':') + 1) : null;
  }
  return null;
}
