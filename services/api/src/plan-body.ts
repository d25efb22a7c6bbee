/** A plan as it comes in a body. */
import { createPlanBody, type Issue, type ValidationResult, validatePlan } from '@countersign/shared';
import { issuesOf } from './issues.ts';
import type { ApiContext } from './operation.ts';

export type PlanBody = Record<string, unknown>;

/** `draft` belongs to the call, all the rest to the plan. */
export async function checkPlan(
  body: PlanBody,
  { tools }: Pick<ApiContext, 'tools'>,
): Promise<{ draft: boolean; issues: Issue[]; result: ValidationResult }> {
  const { draft, ...written } = body;
  const parsed = createPlanBody.safeParse({ draft });
  const result = validatePlan(written, await tools.validation());
  const draftIssues = parsed.success ? [] : issuesOf(parsed.error);
  return { draft: parsed.data?.draft ?? false, issues: [...draftIssues, ...result.issues], result };
}
