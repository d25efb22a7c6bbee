/** From the words that scripts reply to the results that callers get: the one place where they meet. */
import { createHash, randomUUID } from 'node:crypto';
import type { PolicyDecision } from '@countersign/shared';
import type { Accepted, Idempotency, Outcome, Refusal } from './contract.ts';
import type { ScriptReply } from './scripts.ts';

const DAY_SECONDS = 86_400;
const MINUTE_SECONDS = 60;

export interface CallRecord {
  hash: string;
  /** what every script that keeps such a record takes first: fingerprint and sending, and how many seconds the record lives */
  args: [string, number];
}

/**
 * The idempotency record of a call. A call that doesn't name itself gets a name of its own for a minute: when a reply is
 * lost and the connection sends the command again, it is still carried out once.
 */
export function callRecord(idempotency: Idempotency | undefined): CallRecord {
  const sending = randomUUID();
  if (idempotency === undefined) return { hash: sending, args: [`-|${sending}`, MINUTE_SECONDS] };
  const hash = createHash('sha256').update(idempotency.key).digest('hex');
  return { hash, args: [`${idempotency.fingerprint}|${sending}`, DAY_SECONDS] };
}

export const refused = (code: Refusal['code'], message: string, detail: Record<string, string> = {}): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code, message, detail },
});

/** The answer to a call whose name another call has already. */
export const IDEMPOTENCY_CONFLICT = 'this Idempotency-Key was used before with another body; use a new key for a new call';

/** What came of creating something in a shard: the outcome; or the shard that has the call of this name. */
export type Creation = { outcome: Outcome<Accepted> } | { elsewhere: number };

interface Subject {
  id: string;
  what: string;
  verb: string;
  stepId?: string | undefined;
  /** what policy decided, where the call brought it along */
  decision?: PolicyDecision | undefined;
}

export const creationOf = (reply: ScriptReply, subject: Subject): Creation =>
  reply[0] === 'elsewhere' ? { elsewhere: Number(reply[1]) } : { outcome: outcomeOf(reply, subject) };

export function outcomeOf(reply: ScriptReply, { id, what, verb, stepId, decision }: Subject): Outcome<Accepted> {
  const [word, first, second] = reply.map(String);
  const status = word?.startsWith('wrong_state:') ? word.slice('wrong_state:'.length) : first;
  switch (word?.split(':')[0]) {
    case 'ok':
      return { ok: true, value: { id, replay: null } };
    case 'repeat':
      return { ok: true, value: { id: first ?? id, replay: null } };
    case 'replay':
      return { ok: true, value: { id: first ?? id, replay: { resourceId: first ?? id, answer: second ? JSON.parse(second) : null } } };
    case 'idempotency_conflict':
      return refused('idempotency_conflict', IDEMPOTENCY_CONFLICT);
    case 'not_found':
      return refused('not_found', `there is no ${what} ${id}`);
    case 'wrong_state':
      return refused('wrong_state', `the ${what} is ${status}, so you cannot ${verb} it`, { status: status ?? '' });
    case 'step_not_found':
      return refused('not_found', `the plan has no step \`${stepId}\``);
    case 'unknown_step':
      return refused('not_found', `the plan has no step \`${first}\``);
    case 'wrong_step_state':
      return refused('wrong_state', `step \`${stepId}\` is ${status}, so you cannot ${verb} it`, {
        status: status ?? '',
      });
    case 'asked_already':
      return refused('wrong_state', 'the planner is writing a revision of this plan already; wait for it', { status: 'planning' });
    case 'stale_token':
      return refused('wrong_state', `another planner has taken the ${what} over`, { status: 'planning' });
    case 'stale_digest':
      return refused('stale_digest', `the plan's current digest is ${first}; read it before you decide`, { currentDigest: first ?? '' });
    case 'not_approved':
      return refused('wrong_state', `there is no approval on record of the ${what}'s current revision, so you cannot ${verb} it`, {});
    case 'policy_changed':
      return refused('policy_changed', `the ${what} was decided under another version of the policy`);
    case 'policy_denied':
      return refused('policy_denied', decision?.reason ?? '', { rule: decision?.rule ?? '' });
    case 'cannot_count':
      return refused('forbidden', 'your vote counts for nothing that the policy asks');
    case 'already_voted':
      return refused('already_voted', `you have voted on this ${stepId === undefined ? 'digest' : 'step'} already`);
    default:
      throw new Error(`a script replied ${JSON.stringify(reply)}`);
  }
}
