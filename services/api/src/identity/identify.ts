/** Who is calling: the one function that HTTP, MCP and the dashboard ask. */
import type { Logger } from '@countersign/service';
import { ACTOR_NAME, type Actor, ROLES } from '@countersign/shared';
import { type ApiKeyStore, keyIdOf, type RateLimiter } from '@countersign/store';
import { type ProblemAnswer, problem } from '../answer.ts';
import { tooMany } from '../rate-limit.ts';
import { addressToCount } from './client-address.ts';
import { type ConfiguredKey, findKey } from './configured-keys.ts';
import { type Caller, secretOf, unauthenticated } from './credential.ts';
import { ownerOfKey } from './managed-keys.ts';
import type { TokenReader } from './tokens.ts';
import type { Verdict } from './verdict.ts';

export type Identification = { ok: true; actor: Actor } | { ok: false; answer: ProblemAnswer };

export interface IdentifiedCall extends Caller {
  /** of whoever is at the other end, as far as trusted proxies say */
  address: string | undefined;
  log: Logger;
  /** whether it is known that a page of ours sends it */
  fromOwnPage?: boolean;
}
export type Identify = (call: IdentifiedCall) => Promise<Identification>;

export interface IdentityOptions {
  /** the keys of API_KEYS; null: access is not controlled */
  configured: readonly ConfiguredKey[] | null;
  managed: Pick<ApiKeyStore, 'findKey' | 'noteKeyUse'>;
  /** reads tokens of the identity provider; null: there is none */
  tokens: TokenReader | null;
  /** counts wrong credentials by address; null: they are not limited */
  failures: RateLimiter | null;
}

const refuse = (answer: ProblemAnswer): Identification => ({ ok: false, answer });
const tooManyFailures = (resetMs: number): Identification =>
  refuse(tooMany('too many wrong keys or tokens came from this address; go on after the time in Retry-After', resetMs));

/** Without access control: the admin `local`, or whoever the header X-Actor names. */
function identifyByName({ headers }: IdentifiedCall): Identification {
  const name = headers['x-actor'] ?? 'local';
  if (typeof name === 'string' && ACTOR_NAME.test(name)) return { ok: true, actor: { id: name, roles: ROLES } };
  const message = "must be 1 to 64 letters, digits, '.', '_', '@' or '-' and start with a letter or digit";
  return refuse(problem('invalid_request', `the header X-Actor ${message}`, { issues: [{ path: 'X-Actor', code: 'bad_input', message }] }));
}

export function identification({ configured, managed, tokens, failures }: IdentityOptions): Identify {
  const verdictOn = async (secret: string, log: Logger): Promise<Verdict> =>
    (await ownerOfKey(managed, secret, { now: Date.now(), log })) ??
    (await tokens?.read(secret)) ?? { word: 'wrong', why: 'neither a key of API_KEYS, nor a managed key, nor a token' };

  const identifyBySecret = async (secret: string, call: IdentifiedCall): Promise<Identification> => {
    const address = addressToCount(call.address);
    const key = findKey(configured ?? [], secret);
    if (key !== null) {
      // People choose these secrets, so they can be guessed: who guesses too often does not learn when it was right.
      const guesses = await failures?.look(address);
      return guesses?.allowed === false ? tooManyFailures(guesses.resetMs) : { ok: true, actor: { id: key.id, roles: key.roles } };
    }
    const verdict = await verdictOn(secret, call.log);
    if (verdict.word === 'known') return { ok: true, actor: verdict.actor };
    if (verdict.word === 'unavailable') {
      call.log.warn({ why: verdict.why }, 'a token could not be checked');
      return refuse(problem('identity_unavailable', 'the keys of the identity provider cannot be read right now; try again in a moment'));
    }
    call.log.info({ why: verdict.why, address }, 'a wrong key or token');
    const failed = await failures?.take(address);
    return failed?.allowed === false ? tooManyFailures(failed.resetMs) : refuse(unauthenticated('the key or token is not valid', call));
  };

  return async (call) => {
    const secret = secretOf(call, { fromOwnPage: call.fromOwnPage === true });
    // A managed key can be tried out before keys are required.
    if (configured === null) return secret !== null && keyIdOf(secret) !== null ? identifyBySecret(secret, call) : identifyByName(call);
    if (call.headers.authorization === undefined)
      return refuse(unauthenticated('the call needs the header `Authorization: Bearer <secret>`', call));
    if (secret === null) return refuse(unauthenticated('the Authorization header must be `Bearer <secret>`', call));
    return identifyBySecret(secret, call);
  };
}
