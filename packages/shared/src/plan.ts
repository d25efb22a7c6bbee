/**
 * A plan: what its author writes (`PlanDraft`), what is signed and run (`PlanContent`), and what people read (`Plan`).
 * A draft becomes content in `validate.ts`; content never changes once it is stored as a revision.
 */
import { z } from 'zod';
import type { Role } from './actor.ts';
import type { Json, JsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import type { PlanPolicy } from './policy.ts';
import { type RetryPolicy, retryPolicySchema } from './retry.ts';
import type { PlannerName, PlanningRound, TaskError, TotalUsage } from './task.ts';
import type { Risk, SignedToolContract } from './tool-contract.ts';
import type { PlanStatus, StepStatus } from './transitions.ts';

export const RUN_IF = ['none_failed_min_one_success', 'all_success', 'none_failed', 'all_done'] as const;
export type RunIf = (typeof RUN_IF)[number];
export const ON_ERROR = ['stop', 'continue'] as const;
export type OnError = (typeof ON_ERROR)[number];

const duration = z.int().positive().max(2_147_483_647);

/** The highest priority; the lowest is as far below 0. */
const PRIORITY = 100_000;

/** The options of a plan, with their defaults. Times in milliseconds. */
export const planOptionsSchema = z.strictObject({
  requireApproval: z.boolean().default(true),
  autoApprove: z.boolean().default(false),
  stopOnError: z.boolean().default(true),
  allowParallel: z.boolean().default(true),
  maxParallelSteps: z.int().min(1).max(10_000).default(3),
  stepTimeoutMs: duration.default(30_000),
  planTimeoutMs: duration.nullable().default(null),
  approvalTimeoutMs: duration.nullable().default(null),
  retry: retryPolicySchema.default(() => retryPolicySchema.parse({})),
  replan: z.strictObject({ maxRevisions: z.int().min(0).max(10).default(0) }).default({ maxRevisions: 0 }),
  summarize: z.boolean().default(false),
  /** higher goes first */
  priority: z.int().min(-PRIORITY).max(PRIORITY).default(0),
  startAt: z.iso.datetime({ offset: true }).nullable().default(null),
});
export type PlanOptions = z.infer<typeof planOptionsSchema>;
/** Options as somebody writes them: every one may be left out. */
export type PlanOptionsInput = z.input<typeof planOptionsSchema>;

/** A gate: a step that waits for a person before it runs. */
export interface GateOptions {
  message: string;
  quorum: number;
}

/** A step as its author writes it. Everything but `id` and `tool` may be left out. */
export interface StepDraft {
  id: string;
  tool: string;
  description?: string;
  input?: JsonObject;
  dependsOn?: string[];
  when?: string | null;
  runIf?: RunIf;
  retry?: Partial<RetryPolicy>;
  timeoutMs?: number;
  onError?: OnError;
  approval?: { message?: string; quorum?: number } | null;
  forEach?: string | Json[] | null;
  maxItems?: number | null;
  /** of a condition step: the steps that run when it is true */
  ifTrue?: string[];
  ifFalse?: string[];
}

/** A plan as its author (a model, the rules, a person) writes it. */
export interface PlanDraft {
  objective: string;
  description?: string;
  input?: JsonObject;
  steps: StepDraft[];
  options?: PlanOptionsInput;
}

/** A step with every default filled in and every implied dependency written out. */
export interface Step {
  id: string;
  tool: string;
  description: string;
  input: JsonObject;
  dependsOn: string[];
  when: string | null;
  runIf: RunIf;
  retry: RetryPolicy;
  timeoutMs: number;
  onError: OnError;
  approval: GateOptions | null;
  forEach: string | Json[] | null;
  maxItems: number | null;
  /** of a condition step: the steps that hang on it; they have it among their dependencies */
  ifTrue: string[];
  ifFalse: string[];
}

/** What people approve: the digest is that of this object. */
export interface PlanContent {
  objective: string;
  description: string;
  input: JsonObject;
  steps: Step[];
  options: PlanOptions;
  /** the contracts of the tools that the steps name, by name */
  tools: Record<string, SignedToolContract>;
}

/** The id of a forEach step's child. */
export const childId = (stepId: string, index: number): string => `${stepId}[${index}]`;

const CHILD_ID = /^(.+)\[(\d+)\]$/;

/** The step and the index that a child's id names; null for the id of a step. */
export function parseChildId(id: string): { stepId: string; index: number } | null {
  const [, stepId, index] = CHILD_ID.exec(id) ?? [];
  return stepId === undefined ? null : { stepId, index: Number(index) };
}

/** Where a revision came from. */
export type RevisionOrigin = 'manual' | PlannerName;

export interface Revision {
  revision: number;
  digest: string;
  origin: RevisionOrigin;
  /** of the prompts that a model was given; null where none wrote it */
  promptVersion: string | null;
  createdAt: string;
  createdBy: string;
}

/** Why a step waits, or did not run (again): a word for a machine, a sentence for a person, and what the word is about. */
export interface StepReason {
  kind:
    | 'dependencies'
    | 'cap'
    | 'queued'
    | 'backoff'
    | 'paused'
    | 'approval'
    | 'plan_not_started'
    | 'dependency_failed'
    | 'dependency_skipped'
    | 'plan_stopped'
    | 'plan_cancelled'
    | 'plan_timeout'
    | 'condition_false'
    | 'branch_not_taken'
    | 'skipped_by_hand'
    | 'pinned';
  text: string;
  detail: JsonObject;
}

export const STEP_ERROR_CODES = [
  'tool_error',
  'timeout',
  'invalid_input',
  'bad_condition',
  'rejected',
  'expired',
  'tool_changed',
  'unknown_tool',
  'output_too_large',
  'limit_exceeded',
  'aborted',
] as const;
export type StepErrorCode = (typeof STEP_ERROR_CODES)[number];

export interface StepError {
  code: StepErrorCode;
  message: string;
  retryable: boolean;
}

export interface Approval {
  actor: string;
  /** those that the actor had then; empty where they were not recorded */
  roles: Role[];
  /** the version of the policy that it was given under */
  policy: string;
  at: string;
  digest: string;
  comment: string | null;
}

export interface Progress {
  total: number;
  completed: number;
  failed: number;
  skipped: number;
  cancelled: number;
  running: number;
  waiting: number;
  percent: number;
}

export type Effects = Record<Risk, number>;

/** A vote on a gate. */
export interface GateVote {
  actor: string;
  at: string;
  decision: 'approved' | 'rejected';
  comment: string | null;
  data: Json;
}

/** A gate that has asked. */
export interface GateView {
  /** the question, with its references resolved */
  message: string;
  since: string;
  deadline: string | null;
  need: number;
  have: number;
  /** null while it waits */
  decision: 'approved' | 'rejected' | 'expired' | null;
  votes: GateVote[];
  /** what `{{step.approval.data}}` reads */
  data: Json;
}

/** Where the run of a step, or of its child for one element, stands. */
interface StepRun {
  /** the input with its references resolved, once it has been; null where the input has none or the step never ran */
  resolvedInput: Json;
  status: StepStatus;
  reason: StepReason | null;
  attempt: number;
  generation: number;
  startedAt: string | null;
  finishedAt: string | null;
  durationMs: number | null;
  output: Json;
  error: StepError | null;
  progress: StepProgress | null;
}

/** The run of a forEach step for one element. */
export interface ChildView extends StepRun {
  /** like `count[0]` */
  id: string;
  index: number;
  item: Json;
}

/** The last attempt's report: 0 to 1, and what the tool said; null where it said none. */
export interface StepProgress {
  fraction: number | null;
  message: string | null;
}

/** A step as read: its definition and where it stands. */
export interface StepView extends Step, StepRun {
  risk: Risk;
  /** the names of the secrets that its tool is given */
  secrets: string[];
  /** what the step will do, in words; null where its tool doesn't say, and until an executor has looked at the revision */
  effects: string | null;
  /** what the tool's dry run gave; null where there was none */
  dryRun: Json;
  /** null where the step has not asked anybody */
  gate: GateView | null;
  /** null where the step has no forEach, or has not been expanded */
  children: ChildView[] | null;
}

/** What the planner was asked to do about a plan, last. */
export interface PlanningRequest {
  number: number;
  kind: 'revise' | 'replan' | 'summarise';
  status: 'queued' | 'planning' | 'done' | 'failed' | 'dropped';
  /** null where the engine asked */
  requestedBy: string | null;
  /** those that they had then */
  requestedByRoles: Role[];
  requestedAt: string;
  /** what the person said; null where the engine asked */
  feedback: string | null;
  rounds: PlanningRound[];
  error: TaskError | null;
}

/** A plan as lists show it: without its input, its steps and what they gave. */
export interface PlanSummary {
  id: string;
  taskId: string | null;
  revision: number;
  digest: string;
  status: PlanStatus;
  objective: string;
  description: string;
  options: PlanOptions;
  createdBy: string;
  createdAt: string;
  updatedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  durationMs: number | null;
  policy: PlanPolicy;
  /** how many different people must approve it: the most that one demand of its policy asks for */
  quorum: number;
  approvals: Approval[];
  /** why nobody had to approve it; null where people must */
  autoApproved: string | null;
  rejection: { actor: string; at: string; digest: string; reason: string } | null;
  cancellation: { actor: string; at: string; reason: string | null } | null;
  progress: Progress;
  effects: Effects;
}

/** A plan as read. */
export interface Plan extends PlanSummary {
  /** where the current revision came from */
  origin: RevisionOrigin;
  promptVersion: string | null;
  /** when an executor looked at what the current revision's steps will do; null until then */
  reviewedAt: string | null;
  /** what models took for it */
  usage: TotalUsage;
  input: JsonObject;
  steps: StepView[];
  response: string | null;
  error: { code: string; message: string; stepId: string | null } | null;
  /** null where the planner was asked nothing since the plan was made */
  planning: PlanningRequest | null;
}

/** How many ended steps make how much: rounded down, 100 exactly when the plan is completed. */
export function percentOf(ended: number, total: number, status: PlanStatus): number {
  if (status === 'completed') return 100;
  return total === 0 ? 0 : Math.min(99, Math.floor((ended * 100) / total));
}

const emptyEffects = (): Effects => ({ read: 0, write: 0, destructive: 0 });

/** How many steps of each risk a plan has. */
export function effectsOf(content: Pick<PlanContent, 'steps' | 'tools'>): Effects {
  const effects = emptyEffects();
  for (const step of content.steps) effects[content.tools[step.tool]?.risk ?? 'destructive']++;
  return effects;
}

export const TEXT = z.string().max(LIMITS.textLength);
