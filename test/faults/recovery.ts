/** How long after a fault the work that it hit went on. */
import type { Event } from '@countersign/shared';
import { callsOf, grouped } from './calls.ts';
import type { Observed, SeenFault } from './observed.ts';

export interface Recovery {
  fault: SeenFault;
  /** from the crash of a process, or from the end of any other fault, to the moment when the last piece of its work went on */
  ms: number;
  /** whether another fault came in between: then it says nothing about this one */
  isDisturbed: boolean;
}

const atOf = ({ id }: Pick<Event, 'id'>): number => Number(id.split('-')[0]);

const MOVES = new Set(['step.started', 'step.retrying', 'step.completed', 'step.failed', 'step.cancelled', 'step.skipped']);

/** Of a fault that ended processes: until every step that they ran was run by another one, or ended. Of any other: until anything happened. */
export function recoveriesIn({ ledger, plans, faults }: Pick<Observed, 'ledger' | 'plans' | 'faults'>): Recovery[] {
  const calls = callsOf(ledger);
  const moves = plans.flatMap(({ id, audit }) =>
    audit.events.filter(({ type }) => MOVES.has(type)).map((event) => ({ planId: id, event })),
  );
  const byStep = grouped(moves, ({ planId, event }) => `${planId}.${event.stepId}`);
  const times = moves.map(({ event }) => atOf(event)).sort((one, other) => one - other);
  const recoveries: Recovery[] = [];
  for (const fault of faults) {
    let goesOnAt: number | undefined;
    if (fault.deadly && fault.pids.length > 0) {
      const hit = calls.filter(
        ({ pid, startedAt, endedAt }) => fault.pids.includes(pid) && startedAt < fault.from && (endedAt === null || endedAt > fault.from),
      );
      const next = hit.map(({ planId, stepId }) => byStep.get(`${planId}.${stepId}`)?.find(({ event }) => atOf(event) > fault.from)?.event);
      const known = next.filter((event) => event !== undefined).map(atOf);
      if (known.length > 0) goesOnAt = Math.max(...known);
    } else goesOnAt = times.find((at) => at > fault.until);
    if (goesOnAt === undefined) continue;
    const end = goesOnAt;
    const since = fault.deadly && fault.pids.length > 0 ? fault.from : fault.until;
    const isDisturbed = faults.some((other) => other !== fault && other.from < end && other.until > since);
    recoveries.push({ fault, ms: end - since, isDisturbed });
  }
  return recoveries;
}
