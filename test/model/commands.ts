/** What can be done to a plan, and what comes back. The names are those of docs/engine.md. */
import type { Json, PlanContent, PolicyDecision, RevisionOrigin, Role, StepError } from '@countersign/shared';

/** What policy decided about a revision. */
export interface Decision {
  decision: PolicyDecision;
}

type Each<Verbs extends string, Rest> = Verbs extends string ? { do: Verbs } & Rest : never;

export type Command =
  | ({ do: 'create'; actor: string; content: PlanContent; digest: string; draft: boolean } & Decision)
  | ({ do: 'revise'; actor: string; content: PlanContent; digest: string; origin: RevisionOrigin; basedOn: string } & Decision)
  | ({ do: 'submit'; actor: string; digest: string } & Decision)
  | ({ do: 'redecide'; digest: string } & Decision)
  | Each<'pause' | 'resume', { actor: string }>
  /** `version` is that of the policy that the vote is given under */
  | { do: 'approve'; actor: string; roles: readonly Role[]; digest: string; version: string; comment: string | null }
  | { do: 'reject'; actor: string; digest: string; reason: string }
  | { do: 'cancel'; actor: string; reason: string | null }
  | { do: 'delete' }
  /** `from` is null where every step that did not end well is meant */
  | { do: 'retry'; actor: string; from: readonly string[] | null }
  | Each<'retryStep' | 'skip', { actor: string; stepId: string }>
  /** `data` is left out where the vote has none */
  | Each<'approveGate' | 'rejectGate', { actor: string; stepId: string; comment: string | null; data?: Json }>
  /** everything that is due by now */
  | { do: 'tick' }
  | { do: 'claim'; stepId: string; generation: number; delivery: number; token: string; executor: string }
  | { do: 'begin'; stepId: string; token: string; resolvedInput: string | null }
  | { do: 'decline'; stepId: string; token: string }
  | { do: 'ask'; stepId: string; token: string; resolvedInput: string | null; message: string }
  /** `items` are JSON texts; at least one */
  | { do: 'expand'; stepId: string; token: string; items: readonly string[] }
  | { do: 'complete'; stepId: string; token: string; output: string }
  | { do: 'fail'; stepId: string; token: string; error: StepError; delayMs: number }
  | { do: 'release'; stepId: string; token: string };

type Verb = Command['do'];
export type CommandOf<Verbs extends Verb> = Extract<Command, { do: Verbs }>;

/** A claim and what an executor says of the step that it holds. */
export type ExecutorCommand = Extract<Command, { stepId: string; token: string }>;
/** A person's hand on one step. */
export type StepCommand = Exclude<Extract<Command, { stepId: string }>, ExecutorCommand>;

/** What a reference to a step can read. */
export interface Referenced {
  status: string;
  output: Json;
  gate: { decision: string | null; data: Json } | null;
}

/** What a clock did. */
export interface DueDone {
  what: 'plan_started' | 'plan_expired' | 'plan_timed_out' | 'gate_expired';
  stepId: string | null;
}

/**
 * A claim gives the attempt and what the step's references read. A tick gives what it did. A refusal gives what helps the
 * caller on: when the step is due, which status the plan or the step is in, which digest is the current one.
 */
export type Reply =
  | { ok: true; attempt?: number; referenced?: Readonly<Record<string, Referenced>>; due?: readonly DueDone[] }
  | { ok: false; refusal: string; notBefore?: number; detail?: Readonly<Record<string, string>> };
