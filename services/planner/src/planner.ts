/**
 * What a planner is: something that answers an objective with a plan, or says why it can't; that writes a plan anew when
 * a person or what happened asks for it; and that says in words what a plan came to.
 *
 * - **round**: one try of a planner, recorded on the task, or on what the plan asked.
 * - **draft**: a plan as its author writes it; only validation makes it content that can be signed.
 */
import type {
  Issue,
  JsonObject,
  Plan,
  PlanContent,
  PlanDraft,
  PlannerName,
  PlanningRound,
  PlanOptionsInput,
  PolicyDecision,
  TaskError,
  ToolContract,
  TotalUsage,
} from '@countersign/shared';

interface Asked {
  /** aborts when nobody waits for the answer any more */
  signal: AbortSignal;
  /** called with every round, also one that gave nothing, before the answer is returned */
  onRound(round: PlanningRound): Promise<void>;
  /** what models have taken for this task before; absent: nothing */
  used?: TotalUsage;
}

export interface PlanRequest extends Asked {
  objective: string;
  /** what `{{input...}}` reads */
  input: JsonObject;
  /** the tools that the plan may use; never empty */
  tools: readonly ToolContract[];
  /** the names of the conditions that executors have in code; absent: none */
  conditions?: ReadonlySet<string>;
  options: PlanOptionsInput;
  /** Why policy denies a plan with this content; null where it doesn't. Absent: it denies nothing. */
  denial?: (content: PlanContent) => PolicyDenial | null;
}

/** What policy says of a plan that it denies. */
export type PolicyDenial = Pick<PolicyDecision, 'rule' | 'reason'>;

/** A plan as it stands, to be written anew. Its objective, input and options stay. */
export interface ReplanRequest extends PlanRequest {
  plan: Plan;
}

export interface RevisionRequest extends ReplanRequest {
  /** what a person wants changed */
  feedback: string;
}

export interface SummaryRequest extends Asked {
  /** has ended */
  plan: Plan;
}

/** An accepted draft has passed `validatePlan` with the request's tools. */
export type PlanAnswer = { ok: true; draft: PlanDraft } | { ok: false; error: TaskError };

/** A response is plain text, never empty, at most 10,000 characters. */
export type SummaryAnswer = { ok: true; response: string } | { ok: false; error: TaskError };

export interface Planner {
  readonly name: PlannerName;
  /** of the prompts that it gives a model; absent where it asks none */
  readonly promptVersion?: string;
  plan(request: PlanRequest): Promise<PlanAnswer>;
  revise(request: RevisionRequest): Promise<PlanAnswer>;
  replan(request: ReplanRequest): Promise<PlanAnswer>;
  summarise(request: SummaryRequest): Promise<SummaryAnswer>;
}

/** Characters of a reply that a round keeps. */
const REPLY_LENGTH = 20_000;

/** Issues that a round, and an error, keep; an answer can have tens of thousands. */
export const ISSUES_KEPT = 100;

export const cutReply = (reply: string | null): string | null => (reply === null ? null : reply.slice(0, REPLY_LENGTH));

/** What `validatePlan` has to know for a request. */
export const contextOf = ({ tools, conditions = new Set() }: Pick<PlanRequest, 'tools' | 'conditions'>) => ({
  tools: new Map(tools.map((tool) => [tool.name, tool])),
  conditions,
});

/** The error of a plan that policy denies. */
export const deniedPlan = ({ rule, reason }: PolicyDenial): TaskError => ({ code: 'policy_denied', message: reason, detail: { rule } });

/** The error of a plan that does not pass validation. */
export function invalidPlan(issues: readonly Issue[]): TaskError {
  const [first] = issues;
  const rest = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return {
    code: 'invalid_plan',
    message: `the plan does not pass validation: ${first?.path || 'plan'}: ${first?.message}${rest}`,
    detail: { issues: issues.slice(0, ISSUES_KEPT).map((issue) => ({ ...issue })) },
  };
}
