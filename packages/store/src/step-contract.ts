/** What executors do to steps. Refusals are values here too: contract.ts. */
import type { StepError } from '@countersign/shared';

/** One delivery of a step by the queue. */
export interface Delivery {
  planId: string;
  stepId: string;
  generation: number;
  delivery: number;
}

/** The lock of the job that brought a delivery. */
export interface JobLock {
  /** of the job */
  queue: string;
  /** what its worker keeps in it */
  token: string;
}

/** A claim on a step: everything recorded for it names this token. */
export interface Hold {
  planId: string;
  stepId: string;
  token: string;
}

export type ClaimRefusal =
  | 'not_found'
  | 'plan_not_executing'
  | 'not_approved'
  | 'stale_delivery'
  | 'lock_lost'
  | 'not_queued'
  | 'plan_stopping'
  | 'too_many_crashes'
  | 'not_due'
  | 'parked';

export interface ClaimedStep {
  revision: number;
  attempt: number;
  taskId: string | null;
}

/** How a step ended, for the references of those behind it. `output` and `error` are JSON texts. */
export interface StepOutcome {
  status: string;
  output: string | null;
  error: string | null;
  /** of a gate that has asked; `data` is JSON text */
  gate: { decision: 'approved' | 'rejected' | 'expired' | null; data: string | null } | null;
  /** of a forEach step's child: its element, as JSON text */
  item: string | null;
}

/** A plan whose running steps are to abort: with `stop` but for clean-up steps (runIf all_done), with `cancel` all. */
export interface Halt {
  planId: string;
  kind: 'stop' | 'cancel';
}

export type ClaimReply = { ok: true; claim: ClaimedStep } | { ok: false; refusal: ClaimRefusal; notBefore?: number; dueInMs?: number };

export type RecordRefusal = 'not_found' | 'plan_not_executing' | 'not_approved' | 'plan_stopping' | 'stale_token';
export type RecordReply = { ok: true } | { ok: false; refusal: RecordRefusal };

/** What executors do to steps; docs/engine.md says exactly what each does. */
export interface StepStore {
  /** `lock`: that of the job, which must be held still; absent: the delivery came without a job. */
  claimStep(delivery: Delivery, input: { token: string; executor: string; lock?: JobLock }): Promise<ClaimReply>;
  /** The outcomes of steps that the claimed step's references name: they have ended, so they don't change any more. */
  readOutcomes(planId: string, stepIds: readonly string[]): Promise<ReadonlyMap<string, StepOutcome>>;
  /** The last look before a tool is called. `resolvedInput` is JSON text, or null when the input had no references. */
  beginStep(hold: Hold, resolvedInput: string | null): Promise<RecordReply>;
  /** The step's condition is false: skipped. */
  declineStep(hold: Hold): Promise<RecordReply>;
  /**
   * The step is a gate: it lets go of its place and waits for people. `resolvedInput` as in beginStep; `effects` is what the
   * step will do with it, in words, where that is known.
   */
  askApproval(hold: Hold, question: { resolvedInput: string | null; message: string; effects?: string | null }): Promise<RecordReply>;
  /** One child for each element, given as JSON texts; at least one. */
  expandStep(hold: Hold, items: readonly string[]): Promise<RecordReply>;
  /** `output` is JSON text. */
  completeStep(hold: Hold, output: string): Promise<RecordReply>;
  /** `delayMs` is the backoff before the next attempt, used when there is one. */
  failStep(hold: Hold, input: { error: StepError; delayMs: number }): Promise<RecordReply>;
  /** The step stopped without a result: cancelled while its plan is stopping, else handed back to the queue. */
  releaseStep(hold: Hold): Promise<RecordReply>;
  /** Not an event in the log of states: how far a running tool is. */
  reportProgress(hold: Hold, progress: { fraction: number | null; message: string | null }): Promise<RecordReply>;
  /** Calls `handler` for each plan whose running steps are to abort. It can be lost: see haltedPlans. */
  onHalt(handler: (halt: Halt) => void): Promise<() => void>;
  /** Which of these plans have running steps that are to abort: stopping; or cancelled, or gone. */
  haltedPlans(planIds: readonly string[]): Promise<Halt[]>;
}
