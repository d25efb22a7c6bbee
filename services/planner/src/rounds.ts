/** Asking a model until its answer will do, with each round recorded. */
import type { Completion, Message, Model, OutputSchema } from '@countersign/llm';
import { inSpan } from '@countersign/service';
import { digestOf, type Issue, type JsonObject, type PlanningRound, shorten, type TaskError } from '@countersign/shared';
import { type Budget, budgetError, NOTHING_USED, withRound } from './budget.ts';
import { cutReply, ISSUES_KEPT, type PlanRequest } from './planner.ts';
import { CUT_OFF_PROMPT, NOT_JSON_PROMPT, PROMPT_VERSION } from './prompts.ts';
import { ROUND_SPAN, roundAttributes } from './round-span.ts';

const ROUNDS = 3;
/** Characters of an answer that the model is shown when it writes it again: as many as of a plan that is there. */
const MOST_GIVEN_BACK = 150_000;
/** Answers that the same model may well do better with when told what was wrong. */
const WORTH_ASKING_AGAIN: Readonly<Record<string, string>> = { model_not_json: NOT_JSON_PROMPT, model_cut_off: CUT_OFF_PROMPT };

/** What a round came to: an answer, or what the model is told next, and what it is when that was the last round. */
export type Verdict<Answer> =
  | { answer: Answer; issues: Issue[] }
  | { issues: Issue[]; next: string; otherwise: (rounds: number) => TaskError };

interface Conversation<Answer> {
  model: Model;
  /** how it opens */
  messages: readonly Message[];
  schema: OutputSchema;
  judge(reply: JsonObject): Verdict<Answer>;
  request: Pick<PlanRequest, 'signal' | 'onRound' | 'used'>;
  budget: Budget;
  now: () => number;
}

type Failed = { ok: false; error: TaskError };

export async function askInRounds<Answer extends object>(conversation: Conversation<Answer>): Promise<Answer | Failed> {
  const { model, schema, judge, request, budget, now } = conversation;
  const messages = [...conversation.messages];
  let used = request.used ?? NOTHING_USED;
  for (let round = 1; ; round++) {
    const tooMuch = budgetError(used, budget);
    if (tooMuch !== null) return { ok: false, error: tooMuch };
    const { completion, verdict } = await inSpan(ROUND_SPAN, { attributes: { 'countersign.round.number': round } }, async (span) => {
      const startedAt = now();
      const completion = await model.complete<JsonObject>({ messages, schema, signal: request.signal });
      const verdict: Verdict<Answer | Failed> = completion.ok ? judge(completion.value) : withoutAnswer(completion.error);
      const record: PlanningRound = {
        round,
        planner: 'openai',
        model: model.name,
        format: completion.format,
        promptVersion: PROMPT_VERSION,
        promptHash: await digestOf(completion.messages),
        startedAt: new Date(startedAt).toISOString(),
        durationMs: Math.max(0, Math.round(now() - startedAt)),
        reply: cutReply(completion.raw),
        issues: verdict.issues.slice(0, ISSUES_KEPT),
        error: completion.ok ? null : `${completion.error.code}: ${completion.error.message}`,
        usage: completion.usage,
      };
      span.set(roundAttributes(record));
      if (!completion.ok) span.fail(completion.error.code);
      await request.onRound(record);
      return { completion, verdict };
    });
    used = withRound(used, completion.usage);
    if ('answer' in verdict) return verdict.answer;
    if (round === ROUNDS) return { ok: false, error: verdict.otherwise(ROUNDS) };
    if (completion.raw !== null) messages.push({ role: 'assistant', content: givenBack(completion.raw) });
    messages.push({ role: 'user', content: verdict.next });
  }
}

/** An answer of megabytes must not become a question of megabytes. */
const givenBack = (reply: string): string =>
  reply.length <= MOST_GIVEN_BACK
    ? reply
    : `${shorten(reply, MOST_GIVEN_BACK)} (${reply.length - MOST_GIVEN_BACK} more characters of this answer are left out here)`;

function withoutAnswer({ code, message, retryable }: Extract<Completion, { ok: false }>['error']): Verdict<Failed> {
  const error: TaskError = { code, message, detail: { retryable } };
  const next = WORTH_ASKING_AGAIN[code];
  if (next === undefined) return { answer: { ok: false, error }, issues: [] };
  return { issues: [], next, otherwise: (rounds) => ({ ...error, message: `${message}, ${rounds} times` }) };
}
