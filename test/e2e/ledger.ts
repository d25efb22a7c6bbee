/** What the test tools wrote down, outside Redis. */
import { readJsonLines } from '../json-lines.ts';

export interface LedgerLine {
  /** a tool was called or its call ended; or it was asked what a step will do, or tried dry */
  what: 'start' | 'end' | 'failed' | 'aborted' | 'asked' | 'tried';
  planId: string;
  stepId: string;
  attempt: number;
  key: string;
  pid: number;
  value?: unknown;
}

/** The lines of these plans, in the order in which they were written. */
export function readLedger(file: string, ...planIds: string[]): LedgerLine[] {
  return readJsonLines<LedgerLine>(file).filter(({ planId }) => planIds.includes(planId));
}

/** The most calls that ran at the same time. */
export function mostAtOnce(lines: readonly LedgerLine[]): number {
  let running = 0;
  let most = 0;
  for (const { what } of lines) {
    running += what === 'start' ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}

/** Where in the ledger a step started and ended. */
export const placeOf = (lines: readonly LedgerLine[], stepId: string, what: LedgerLine['what']): number =>
  lines.findIndex((line) => line.stepId === stepId && line.what === what);
