/** How an edge case is written down: a plan, calls with the replies they must get, and what must have become of the plan. */
import {
  DEFAULT_POLICY,
  type Json,
  type PlanDraft,
  type PlanOptionsInput,
  type PlanStatus,
  type PolicyDecision,
  plainDecision,
  type Role,
  type StepDraft,
  type StepReason,
  type StepStatus,
} from '@countersign/shared';
import type { Command } from './commands.ts';
import type { ComparableStep } from './comparable.ts';
import { STALE_DIGEST } from './moves.ts';
import { reviseCommand } from './submission.ts';

/** What a call can need to know of the plan as it stands. */
export interface Present {
  digest: string;
  /** what somebody would change who revises the plan */
  plan: PlanDraft;
}

/** What `complete` gives. */
export const DONE = { done: true };

type CaseStep = Omit<StepDraft, 'tool'> & { tool?: string };

/**
 * A call and its reply: `ok`, or the word of the refusal. More words may follow: the status or the digest that the refusal
 * names, or what a tick did. A number is time that passes, in milliseconds.
 */
export type Call = readonly [Command | ((present: Present) => Command | Promise<Command>), string] | number;

export interface EdgeCase {
  name: string;
  steps: CaseStep[];
  /** of the whole plan; 3 when left out */
  maxParallelSteps?: number;
  options?: PlanOptionsInput;
  input?: { [key: string]: Json };
  /** how many people must approve; 0 when left out: the plan starts at once */
  quorum?: number;
  /** what policy decides, where that is more than a number */
  decision?: PolicyDecision;
  draft?: boolean;
  calls: Call[];
  ends: {
    plan: PlanStatus | null;
    /** and of their children, by their ids */
    steps: Record<string, StepStatus>;
    attempts?: Record<string, number>;
    generations?: Record<string, number>;
    /** of each step that has one: its kind, and the step that caused it where there is one */
    reasons?: Record<string, StepReason['kind'] | `${StepReason['kind']} ${string}` | null>;
    /** what must be so of the gates of these steps; null where nobody was asked */
    gates?: Record<string, Partial<NonNullable<ComparableStep['gate']>> | null>;
    outputs?: Record<string, Json>;
    errors?: Record<string, ComparableStep['error']>;
    /** the children that the last retry kept */
    kept?: string[];
    /** the types of the last events, with their steps */
    events?: string[];
  };
}

/** A step with forEach; how many elements its list has is said where it is expanded. */
export const each = (more: Partial<CaseStep> = {}): CaseStep => ({ id: 'each', forEach: '{{input.list}}', ...more });

/** `version` is that of the policy. */
export const approve =
  (actor: string, { roles = ['approver'], version = DEFAULT_POLICY.version }: { roles?: Role[]; version?: string } = {}) =>
  ({ digest }: Present): Command => ({ do: 'approve', actor, roles, digest, version, comment: null });
export const redecide =
  (decision: PolicyDecision) =>
  ({ digest }: Present): Command => ({ do: 'redecide', digest, decision });
export const reject =
  (actor: string) =>
  ({ digest }: Present): Command => ({ do: 'reject', actor, digest, reason: 'not like this' });
export const approveStale: Command = {
  do: 'approve',
  actor: 'ann',
  roles: ['approver'],
  digest: STALE_DIGEST,
  version: DEFAULT_POLICY.version,
  comment: null,
};
/** One approval is needed, where nothing else is decided. */
export const submit =
  (decision: PolicyDecision = plainDecision(1, 'as the case wants it'), actor = 'ann') =>
  ({ digest }: Present): Command => ({ do: 'submit', actor, digest, decision });
export const cancel: Command = { do: 'cancel', actor: 'ann', reason: null };
export const pause: Command = { do: 'pause', actor: 'ann' };
export const resume: Command = { do: 'resume', actor: 'ann' };
export const tick: Command = { do: 'tick' };
export const retry = (...from: string[]): Command => ({ do: 'retry', actor: 'ann', from: from.length === 0 ? null : from });
export const retryStep = (stepId: string): Command => ({ do: 'retryStep', actor: 'ann', stepId });
export const skip = (stepId: string): Command => ({ do: 'skip', actor: 'ann', stepId });

interface Vote {
  comment?: string;
  data?: Json;
}

export const approveGate = (stepId: string, actor = 'ann', { comment, data }: Vote = {}): Command => ({
  do: 'approveGate',
  actor,
  stepId,
  comment: comment ?? null,
  ...(data === undefined ? {} : { data }),
});
export const rejectGate = (stepId: string, actor = 'ann', { comment, data }: Vote = {}): Command => ({
  do: 'rejectGate',
  actor,
  stepId,
  comment: comment ?? null,
  ...(data === undefined ? {} : { data }),
});

interface Revision {
  quorum?: number;
  decision?: PolicyDecision;
  actor?: string;
  basedOn?: string;
  toolVersion?: number;
}

/** A revision by hand: `edit` gives the plan as it is to be. */
export const revise =
  (edit: (plan: PlanDraft) => PlanDraft, { quorum = 1, decision, actor = 'ann', basedOn, toolVersion = 1 }: Revision = {}) =>
  ({ digest, plan }: Present): Promise<Command> =>
    reviseCommand({
      plan: edit(plan),
      decision: decision ?? plainDecision(quorum, 'as the case wants it'),
      actor,
      basedOn: basedOn ?? digest,
      toolVersion,
    });

export const sameAgain = (plan: PlanDraft): PlanDraft => plan;
/** Edits that give one step other fields. */
export const changeStep =
  (stepId: string, change: Partial<StepDraft>) =>
  (plan: PlanDraft): PlanDraft => ({ ...plan, steps: plan.steps.map((step) => (step.id === stepId ? { ...step, ...change } : step)) });
export const dropStep =
  (stepId: string) =>
  (plan: PlanDraft): PlanDraft => ({ ...plan, steps: plan.steps.filter(({ id }) => id !== stepId) });

/** Which delivery of a step: a number is one of the first generation; what is left out is 1. */
type At = number | { delivery?: number; generation?: number };

const atOf = (at: At): { delivery: number; generation: number } => ({
  delivery: 1,
  generation: 1,
  ...(typeof at === 'number' ? { delivery: at } : at),
});

export const claim = (stepId: string, token: string, at: At = 1): Command => ({
  do: 'claim',
  stepId,
  ...atOf(at),
  token,
  executor: `executor of ${token}`,
});
export const begin = (stepId: string, token: string): Command => ({ do: 'begin', stepId, token, resolvedInput: null });
export const decline = (stepId: string, token: string): Command => ({ do: 'decline', stepId, token });
export const ask = (stepId: string, token: string): Command => ({
  do: 'ask',
  stepId,
  token,
  resolvedInput: '{"seen":[1]}',
  message: 'Really?',
});
/** One child for each element: numbers from 0. */
export const expand = (stepId: string, token: string, count: number): Command => ({
  do: 'expand',
  stepId,
  token,
  items: Array.from({ length: count }, (_, index) => String(index)),
});
export const complete = (stepId: string, token: string): Command => ({ do: 'complete', stepId, token, output: JSON.stringify(DONE) });
/** A condition step completes with its value. */
const decide = (stepId: string, token: string, value: boolean): Command => ({
  do: 'complete',
  stepId,
  token,
  output: String(value),
});
export const fail = (stepId: string, token: string): Command => ({
  do: 'fail',
  stepId,
  token,
  error: { code: 'tool_error', message: 'no use', retryable: false },
  delayMs: 0,
});
export const failRetryable = (stepId: string, token: string, delayMs: number): Command => ({
  do: 'fail',
  stepId,
  token,
  error: { code: 'timeout', message: 'try again', retryable: true },
  delayMs,
});
export const release = (stepId: string, token: string): Command => ({ do: 'release', stepId, token });

const held = (stepId: string, at: At): string => `${stepId} ${atOf(at).generation}.${atOf(at).delivery}`;

/** A step is claimed and completes. */
export const runs = (stepId: string, at: At = 1): Call[] => [
  [claim(stepId, held(stepId, at), at), 'ok'],
  [complete(stepId, held(stepId, at)), 'ok'],
];
/** A step is claimed and expanded. */
export const expands = (stepId: string, count: number, at: At = 1): Call[] => [
  [claim(stepId, held(stepId, at), at), 'ok'],
  [expand(stepId, held(stepId, at), count), 'ok'],
];
/** A condition step is claimed and completes with its value. */
export const decides = (stepId: string, value: boolean, at: At = 1): Call[] => [
  [claim(stepId, held(stepId, at), at), 'ok'],
  [decide(stepId, held(stepId, at), value), 'ok'],
];
/** A step is claimed and fails for good. */
export const fails = (stepId: string, at: At = 1): Call[] => [
  [claim(stepId, held(stepId, at), at), 'ok'],
  [fail(stepId, held(stepId, at)), 'ok'],
];
