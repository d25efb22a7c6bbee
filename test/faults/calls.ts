/** Calls of tools, put together from the two lines that each writes. */
import type { LedgerLine, SeenFault } from './observed.ts';

export interface Call {
  id: string;
  planId: string;
  stepId: string;
  attempt: number;
  key: string;
  pid: number;
  mark: string;
  seen: unknown;
  hash: string;
  contract: number;
  startedAt: number;
  /** null where the process did not come to write it */
  endedAt: number | null;
  outcome: 'end' | 'failed' | 'aborted' | null;
  /** the place of its start in the ledger */
  place: number;
}

export function callsOf(ledger: readonly LedgerLine[]): Call[] {
  const calls = new Map<string, Call>();
  ledger.forEach((line, place) => {
    if (line.what === 'start') {
      const { call: id, planId, stepId, attempt, key, pid, mark = '', seen = null, hash = '', contract = 1, at } = line;
      calls.set(id, {
        id,
        planId,
        stepId,
        attempt,
        key,
        pid,
        mark,
        seen,
        hash,
        contract,
        startedAt: at,
        endedAt: null,
        outcome: null,
        place,
      });
      return;
    }
    const call = calls.get(line.call);
    if (call === undefined) return;
    call.endedAt = line.at;
    call.outcome = line.what;
  });
  return [...calls.values()];
}

/**
 * Until when a call counts as running: its own end, or that of its process, or the moment when its step was called again,
 * because a call that was overtaken runs for nobody any more.
 */
export function countsUntil(call: Call, next: Call | undefined, faults: readonly SeenFault[]): number {
  const death = faults.find(
    ({ deadly, pids, until }) => deadly && (pids.length === 0 || pids.includes(call.pid)) && until >= call.startedAt,
  );
  return Math.min(
    call.endedAt ?? Number.POSITIVE_INFINITY,
    death?.from ?? Number.POSITIVE_INFINITY,
    next?.startedAt ?? Number.POSITIVE_INFINITY,
  );
}

/** ms between the last look at a step and the call of its tool, within which something may come */
export const GRACE_MS = 250;

/** Whether a process was hit when it made the call: one that was stopped between its last look and the call makes it when it goes on. */
export const isLate = ({ pid, startedAt }: Call, faults: readonly SeenFault[], since: number): boolean =>
  faults.some(({ pids, from, until }) => pids.includes(pid) && from <= startedAt && until + GRACE_MS >= startedAt && until >= since);

/** What came between the start of a call and the next one of the same step that explains that there was a next one. */
export const isExplained = (call: Call, next: Call, faults: readonly SeenFault[]): boolean =>
  isLate(next, faults, call.startedAt) ||
  faults.some(
    ({ pids, from, until }) => (pids.length === 0 || pids.includes(call.pid)) && from <= next.startedAt && until >= call.startedAt,
  );

export function grouped<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
