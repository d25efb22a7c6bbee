/** The planner without a model: recipes first, then the grammar. The same words and tools give the same plan. */
import type { TaskError } from '@countersign/shared';
import { cutReply, type PlanAnswer, type Planner, type PlanRequest, type ReplanRequest } from '../planner.ts';
import { roundWithoutModel } from '../round-without-model.ts';
import { readObjective } from './read-objective.ts';
import { reviseByRules } from './revise-by-rules.ts';
import { summaryByRules } from './summary-by-rules.ts';

export function createRulesPlanner(now: () => number = Date.now): Planner {
  type Answer = { ok: true } | { ok: false; error: TaskError };
  async function inOneRound<Given extends Answer>(
    { onRound }: Pick<PlanRequest, 'onRound'>,
    work: () => { answer: Given; reply: string | null },
  ): Promise<Given> {
    const startedAt = now();
    const { answer, reply } = work();
    const error = answer.ok ? null : `${answer.error.code}: ${answer.error.message}`;
    await onRound(roundWithoutModel('rules', { startedAt, endedAt: now() }, { reply: cutReply(reply), issues: [], error }));
    return answer;
  }
  return {
    name: 'rules',
    plan: (request) => inOneRound(request, () => planOf(request)),
    revise: (request) => inOneRound(request, () => reviseByRules(request)),
    replan: (request) => inOneRound<PlanAnswer>(request, () => ({ answer: { ok: false, error: samePlan(request) }, reply: null })),
    summarise: (request) =>
      inOneRound(request, () => {
        const response = summaryByRules(request.plan);
        return { answer: { ok: true, response }, reply: response };
      }),
  };
}

function planOf(request: PlanRequest): { answer: PlanAnswer; reply: string | null } {
  const { objective, input, options } = request;
  const reading = readObjective(objective, request);
  if (!reading.ok) return { answer: { ok: false, error: reading.error }, reply: reading.reply };
  const { description, steps, reply } = reading;
  return { answer: { ok: true, draft: { objective, input, options, description, steps } }, reply };
}

function samePlan({ plan }: ReplanRequest): TaskError {
  const failed = plan.steps.filter(({ status }) => status === 'failed').map(({ id }) => id);
  return {
    code: 'no_change',
    message:
      'the rules know nothing of what failed: from the same objective they would write the same plan again. Retry the plan, revise it, or let a language model plan (OPENAI_API_KEY)',
    detail: { failed },
  };
}
