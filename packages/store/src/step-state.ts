/** A step's state as the scripts keep it: lua/lib/steps.lua has the layout. */
import type { StepStatus } from '@countersign/shared';

export interface StepState {
  status: StepStatus;
  attempt: number;
  generation: number;
  /** ms since 1970; so are the next two, and 0 is not yet */
  notBefore: number;
  startedAt: number;
  finishedAt: number;
  reason: string;
  cause: string;
}

export function readState(text: string | undefined): StepState {
  if (text === undefined)
    return { status: 'pending', attempt: 0, generation: 1, notBefore: 0, startedAt: 0, finishedAt: 0, reason: '', cause: '' };
  const [status, attempt, generation, , , , notBefore, startedAt, finishedAt, reason, cause] = text.split('|');
  return {
    status: status as StepStatus,
    attempt: Number(attempt),
    generation: Number(generation),
    notBefore: Number(notBefore),
    startedAt: Number(startedAt),
    finishedAt: Number(finishedAt),
    reason: reason ?? '',
    cause: cause ?? '',
  };
}
