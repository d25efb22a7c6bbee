/**
 * What a planner is: something that answers an objective with a plan, or says why it can't.
 *
 * - **round**: one try of a planner, recorded on the task.
 * - **draft**: a plan as its author writes it; only validation makes it content that can be signed.
 */
import type { Issue, JsonObject, PlanDraft, PlanningRound, PlanOptionsInput, TaskError, ToolContract } from '@countersign/shared';

export interface PlanRequest {
  objective: string;
  /** what `{{input...}}` reads */
  input: JsonObject;
  /** the tools that the plan may use; never empty */
  tools: readonly ToolContract[];
  options: PlanOptionsInput;
  /** aborts when nobody waits for the plan any more */
  signal: AbortSignal;
  /** called with every round, also one that gave nothing, before the answer is returned */
  onRound(round: PlanningRound): Promise<void>;
}

/** An accepted draft has passed `validatePlan` with the request's tools. */
export type PlanAnswer = { ok: true; draft: PlanDraft } | { ok: false; error: TaskError };

export interface Planner {
  readonly name: 'openai' | 'rules';
  plan(request: PlanRequest): Promise<PlanAnswer>;
}

/** Characters of a reply that a round keeps. */
const REPLY_LENGTH = 20_000;

export const cutReply = (reply: string | null): string | null => (reply === null ? null : reply.slice(0, REPLY_LENGTH));

export const toolsByName = (tools: readonly ToolContract[]): ReadonlyMap<string, ToolContract> =>
  new Map(tools.map((tool) => [tool.name, tool]));

/** The error of a plan that does not pass validation. */
export function invalidPlan(issues: readonly Issue[]): TaskError {
  const [first] = issues;
  const rest = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return {
    code: 'invalid_plan',
    message: `the plan does not pass validation: ${first?.path || 'plan'}: ${first?.message}${rest}`,
    detail: { issues: issues.slice(0, 100).map((issue) => ({ ...issue })) },
  };
}
