/** How an edge case is written down: a plan, calls with the replies they must get, and what must have become of the plan. */
import type { PlanStatus, StepDraft, StepReason, StepStatus } from '@countersign/shared';
import { STALE_DIGEST } from './moves.ts';
import type { Command } from './plan-state.ts';

/** A call and its reply: `ok`, or the word of the refusal. A number is time that passes, in milliseconds. */
export type Call = readonly [Command | ((digest: string) => Command), string] | number;

export interface EdgeCase {
  name: string;
  steps: (Omit<StepDraft, 'tool'> & { tool?: string })[];
  maxParallelSteps?: number;
  /** 0 when left out: the plan starts at once */
  quorum?: number;
  draft?: boolean;
  calls: Call[];
  ends: {
    plan: PlanStatus | null;
    steps: Record<string, StepStatus>;
    attempts?: Record<string, number>;
    /** of each step that has one: its kind, and the failed step behind it where there is one */
    reasons?: Record<string, StepReason['kind'] | `${StepReason['kind']} ${string}`>;
    /** the types of the last events, with their steps */
    events?: string[];
  };
}

export const approve =
  (actor: string) =>
  (digest: string): Command => ({ do: 'approve', actor, digest, comment: null });
export const reject =
  (actor: string) =>
  (digest: string): Command => ({ do: 'reject', actor, digest, reason: 'not like this' });
export const approveStale: Command = { do: 'approve', actor: 'ann', digest: STALE_DIGEST, comment: null };
export const cancel: Command = { do: 'cancel', actor: 'ann', reason: null };
export const claim = (stepId: string, token: string, delivery = 1): Command => ({
  do: 'claim',
  stepId,
  generation: 1,
  delivery,
  token,
  executor: `executor of ${token}`,
});
export const begin = (stepId: string, token: string): Command => ({ do: 'begin', stepId, token, resolvedInput: null });
export const complete = (stepId: string, token: string): Command => ({ do: 'complete', stepId, token, output: '{"done":true}' });
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
