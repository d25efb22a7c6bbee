/** Idempotency-Key: the same call, sent again, gives the first answer again. */
import { type Actor, digestOf, type Json } from '@countersign/shared';
import type { Accepted, Idempotency, Outcome, Replay } from '@countersign/store';
import { type Answer, problem, type Resource, resource } from './answer.ts';
import type { ApiContext, Call } from './operation.ts';
import { refusalAnswer } from './refusals.ts';

/** What a key may look like, and the same in words. */
export const IDEMPOTENCY_KEY = { pattern: /^[\x20-\x7e]{1,255}$/, message: 'must be 1 to 255 printable ASCII characters' } as const;

export type IdempotencyReading = { ok: true; idempotency: Idempotency | undefined } | { ok: false; answer: Answer };

/** Reads the header. A key belongs to its actor and to what it was used on, so that no two calls can meet by accident. */
export async function readIdempotency(
  header: string | string[] | undefined,
  call: { actor: Actor; method: string; path: string; body: Json },
): Promise<IdempotencyReading> {
  if (header === undefined) return { ok: true, idempotency: undefined };
  if (typeof header !== 'string' || !IDEMPOTENCY_KEY.pattern.test(header)) {
    const { message } = IDEMPOTENCY_KEY;
    const issues = [{ path: 'Idempotency-Key', code: 'bad_input', message }];
    return { ok: false, answer: problem('invalid_request', `the header Idempotency-Key ${message}`, { issues }) };
  }
  const [key, fingerprint] = await Promise.all([digestOf([call.actor.id, call.method, call.path, header]), digestOf(call.body)]);
  return { ok: true, idempotency: { key, fingerprint } };
}

const repeated = ({ status, body }: NonNullable<Replay['answer']>): Answer =>
  resource(status, body as Resource, { 'Idempotent-Replayed': 'true' });

/** The answer that this call was given before, or why its name is not its own; null when it has not been answered yet. */
export async function answerGiven(
  { store }: Pick<ApiContext, 'store'>,
  { idempotency, resourceId }: { idempotency: Idempotency | undefined; resourceId: string | undefined },
): Promise<Answer | null> {
  if (idempotency === undefined) return null;
  const found = await store.findAnswer(idempotency, resourceId);
  if (!found.ok) return refusalAnswer(found.refusal);
  return found.value?.answer ? repeated(found.value.answer) : null;
}

/**
 * Answers a creating or deciding call from what the store says of it: its refusal, the answer given before, or `give`,
 * which is kept for the next time.
 */
export async function answerOnce(
  { context, idempotency, log }: Pick<Call, 'context' | 'idempotency' | 'log'>,
  outcome: Outcome<Accepted>,
  give: (id: string) => Promise<Answer>,
): Promise<Answer> {
  if (!outcome.ok) return refusalAnswer(outcome.refusal);
  const { id, replay } = outcome.value;
  if (replay?.answer) return repeated(replay.answer);
  const answer = await give(id);
  if (answer.kind !== 'json') return answer;
  const replayed: Record<string, string> = replay === null ? {} : { 'Idempotent-Replayed': 'true' };
  if (idempotency === undefined) return answer;
  try {
    // Of callers at once one comes first to an answer, and all give that one: what the others have read may be newer.
    const stands = await context.store.saveAnswer(idempotency, { status: answer.status, body: answer.body as Json }, id);
    return resource(stands.status, stands.body as Resource, replayed);
  } catch (error) {
    // What was asked for is done; a repetition will find the resource instead of this answer.
    log.warn({ err: error }, 'could not keep the answer for its Idempotency-Key');
    return { ...answer, headers: { ...answer.headers, ...replayed } };
  }
}
