/** The figures of a run, for people. */
import { isEndedPlan } from '@countersign/shared';
import { callsOf, grouped } from './calls.ts';
import type { Observed, Violation } from './observed.ts';
import { recoveriesIn } from './recovery.ts';
import type { RunOptions } from './run.ts';

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

export function reportOf(observed: Observed, violations: readonly Violation[], { seed, appendfsync }: RunOptions): string {
  const { plans, ledger, faults } = observed;
  const calls = callsOf(ledger);
  const again = [...grouped(calls, ({ key, attempt }) => `${key}.${attempt}`).values()].filter(({ length }) => length > 1);
  const recoveries = recoveriesIn(observed);
  const recovered = (of: typeof recoveries): string => {
    const times = of.map(({ ms }) => ms);
    return times.length === 0 ? 'none' : `p50 ${percentile(times, 0.5)} ms, max ${Math.max(...times)} ms (${times.length})`;
  };
  const crashes = recoveries.filter(({ fault }) => fault.deadly && fault.pids.length > 0);
  const rows: [string, string | number][] = [
    ['seed', seed],
    ['appendfsync', appendfsync],
    ['plans', plans.length],
    ['  ended', plans.filter(({ audit }) => isEndedPlan(audit.plan.status)).length],
    ['  revisions', plans.reduce((sum, { audit }) => sum + audit.revisions.length, 0)],
    ['  events', plans.reduce((sum, { audit }) => sum + audit.events.length, 0)],
    ['  followed live', plans.filter(({ followed }) => followed !== null).length],
    ['steps', plans.reduce((sum, { audit }) => sum + audit.plan.steps.length, 0)],
    ['calls of tools', calls.length],
    ['  attempts called more than once, each with a fault', again.length],
    ['tasks', observed.tasks.length],
    ...[...grouped(observed.tasks, ({ status }) => status)].sort().map(([status, of]): [string, number] => [`  ${status}`, of.length]),
    ['  calls of the model', observed.tasks.reduce((sum, { calls: asked }) => sum + asked, 0)],
    ['submits', plans.reduce((sum, { story }) => sum + story.submits, 0)],
    ['webhooks that arrived', observed.told?.messages ?? 0],
    ['faults', faults.length],
    ...[...grouped(faults, ({ kind }) => kind)].sort().map(([kind, of]): [string, number] => [`  ${kind}`, of.length]),
    ['work went on after a crash', recovered(crashes)],
    ['  without another fault in between', recovered(crashes.filter(({ isDisturbed }) => !isDisturbed))],
    ['anything went on after another fault', recovered(recoveries.filter((each) => !crashes.includes(each)))],
    ['violations', violations.length],
    ...violations
      .slice(0, 40)
      .map(({ invariant, planId, stepId, what }): [string, string] => [`  ${invariant} ${planId ?? ''} ${stepId ?? ''}`, what]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
