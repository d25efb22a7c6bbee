/** Who is calling. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Actor, ROLES } from '@countersign/shared';
import { type ProblemAnswer, problem, withHeaders } from './answer.ts';
import { ACTOR_NAME, type ApiKey, findKey } from './api-keys.ts';

export type Identification = { ok: true; actor: Actor } | { ok: false; answer: ProblemAnswer };

/** Names a call without keys; `null` as keys means that there are none. */
export type Identify = (request: { method?: string | undefined; headers: IncomingHttpHeaders }) => Identification;

function unauthenticated(detail: string, headers: IncomingHttpHeaders): Identification {
  // A browser asks for a password only where a person opened a page, not behind the back of a script.
  const forPeople = headers.accept?.includes('text/html') === true;
  const challenge = forPeople ? 'Bearer realm="countersign", Basic realm="countersign", charset="UTF-8"' : 'Bearer realm="countersign"';
  return { ok: false, answer: withHeaders(problem('unauthenticated', detail), { 'WWW-Authenticate': challenge }) };
}

/** The secret of an Authorization header: `Bearer <secret>`, or, so that a browser can read pages, Basic with any name. */
function secretOf(authorization: string, method: string | undefined): string | null {
  const [, scheme = '', credentials = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return credentials;
  // Browsers add Basic to every request of their own accord, so it must not be able to change anything.
  if (scheme.toLowerCase() === 'basic' && (method === 'GET' || method === 'HEAD')) {
    const decoded = Buffer.from(credentials, 'base64').toString('utf8');
    return decoded.includes(':') ? decoded.slice(decoded.indexOf(':') + 1) : null;
  }
  return null;
}

/** With keys: whoever the key belongs to. */
export const identifyByKey =
  (keys: readonly ApiKey[]): Identify =>
  ({ method, headers }) => {
    if (headers.authorization === undefined) return unauthenticated('the call needs the header `Authorization: Bearer <secret>`', headers);
    const secret = secretOf(headers.authorization, method);
    if (secret === null) return unauthenticated('the Authorization header must be `Bearer <secret>`', headers);
    const key = findKey(keys, secret);
    if (key === null) return unauthenticated('there is no such API key', headers);
    return { ok: true, actor: { id: key.id, roles: key.roles } };
  };

/** Without keys: the admin `local`, or whoever the header X-Actor names. */
export const identifyByName: Identify = ({ headers }) => {
  const name = headers['x-actor'] ?? 'local';
  if (typeof name !== 'string' || !ACTOR_NAME.test(name)) {
    const message = "must be 1 to 64 letters, digits, '.', '_', '@' or '-' and start with a letter or digit";
    return {
      ok: false,
      answer: problem('invalid_request', `the header X-Actor ${message}`, { issues: [{ path: 'X-Actor', code: 'bad_input', message }] }),
    };
  }
  return { ok: true, actor: { id: name, roles: ROLES } };
};
