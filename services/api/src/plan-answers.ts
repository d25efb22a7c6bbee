/** Plans as answers. */
import { planMarkdown, planMermaid } from '@countersign/shared';
import { type Answer, type ProblemAnswer, problem, resource } from './answer.ts';
import type { Call } from './operation.ts';

export const noPlan = (id: string): ProblemAnswer => problem('not_found', `there is no plan \`${id}\``);

/** Answers with the plan as it is now. */
export async function readPlan(call: Pick<Call, 'context'>, id: string, status = 200): Promise<Answer> {
  const plan = await call.context.store.getPlan(id);
  return plan === null ? noPlan(id) : resource(status, { plan });
}

/** The plan for people. */
export async function readPlanAsText(call: Pick<Call, 'context'>, id: string, format: 'markdown' | 'mermaid'): Promise<Answer> {
  const plan = await call.context.store.getPlan(id);
  if (plan === null) return noPlan(id);
  const text = format === 'markdown' ? planMarkdown(plan) : planMermaid(plan);
  return { kind: 'text', status: 200, type: `${TEXT_TYPES[format]}; charset=utf-8`, text, headers: { ETag: `"${plan.digest}"` } };
}

/** Mermaid has no media type that browsers show. */
export const TEXT_TYPES = { markdown: 'text/markdown', mermaid: 'text/plain' } as const;
