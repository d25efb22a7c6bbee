/** What all decisions about a plan have in common: a POST that names itself once, changes one thing and answers with the plan. */
import { type ErrorCode, type Json, PLAN_TRANSITIONS } from '@countersign/shared';
import type { Accepted, Outcome } from '@countersign/store';
import type { z } from 'zod';
import type { Answer } from './answer.ts';
import { planAnswer } from './documented.ts';
import { answerOnce } from './idempotency.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { readPlan } from './plan-answers.ts';
import { inTraceOfPlan } from './traced.ts';

const ERRORS = [
  'invalid_json',
  'not_found',
  'wrong_state',
  'idempotency_conflict',
  'too_large',
  'unsupported_media_type',
  'invalid_request',
] as const satisfies readonly ErrorCode[];

export interface PlanDecision<Body extends z.ZodType>
  extends Pick<Operation, 'path' | 'id' | 'tag' | 'summary' | 'description' | 'access'> {
  body: { schema: Body; example: Json };
  /** what the answer shows */
  answer: string;
  /** 202 where what was asked for happens later */
  status?: 200 | 202;
  /** further errors */
  errors?: readonly ErrorCode[];
  possible: string;
  /** What is wrong with the call besides its shape. */
  refuse?(call: Call<unknown, z.output<Body>>): Promise<Answer | null>;
  decide(call: Call<unknown, z.output<Body>>): Promise<Outcome<Accepted>>;
}

export function planDecision<Body extends z.ZodType>(definition: PlanDecision<Body>): Operation {
  const { answer, status = 200, errors = [], refuse, decide, ...rest } = definition;
  const headers: Record<string, string> = status === 202 ? { Location: 'where the plan can be read' } : {};
  return operation({
    ...rest,
    method: 'post',
    idempotent: true,
    answers: { [status]: planAnswer(answer, headers) },
    errors: [...ERRORS, ...errors],
    handle: async (call) => {
      const refusal = await refuse?.(call);
      if (refusal) return refusal;
      const outcome = await inTraceOfPlan(definition, call, () => decide(call));
      return answerOnce(call, outcome, (id) => readPlan(call, id, status));
    },
  });
}

/** `executing, paused or failed` */
export const oneOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/** From which statuses a verb leads on, in words: `a plan can be paused while it is executing`. */
export function possibleFor(verb: string, participle: string): string {
  const from = PLAN_TRANSITIONS.filter((transition) => transition.verb === verb).flatMap((transition) => transition.from);
  return `a plan can be ${participle} while it is ${oneOf(from)}`;
}
