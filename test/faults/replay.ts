/** A plan's events, replayed one by one: what every moment of them allowed. */
import {
  canMove,
  type Event,
  isEndedStep,
  PLAN_TRANSITIONS,
  type PlanStatus,
  parseChildId,
  planStatusAfter,
  STEP_TRANSITIONS,
  type Step,
  type StepStatus,
  stepStatusAfter,
} from '@countersign/shared';
import type { AuditRecord } from '@countersign/store';
import type { Violation } from './observed.ts';

type Found = Omit<Violation, 'planId'>;

/** How a dependency that ended counts. */
type Ending = 'success' | 'failed' | 'skipped';

const ACCEPTS: Record<Step['runIf'], (endings: readonly Ending[]) => boolean> = {
  none_failed_min_one_success: (all) => all.length === 0 || (!all.includes('failed') && all.includes('success')),
  all_success: (all) => all.every((ending) => ending === 'success'),
  none_failed: (all) => !all.includes('failed'),
  all_done: () => true,
};

const BEHIND_A_FAILURE = 'dependency_failed';

/** Replays the log against the lifecycles (I6), the dependencies (I2), the cap (I3), the cancel (I4) and the approval (I5). */
export function replayPlan({ plan, revisions, events }: AuditRecord): Found[] {
  const found: Found[] = [];
  const report = (invariant: Found['invariant'], event: Pick<Event, 'id' | 'type' | 'stepId'>, what: string): void => {
    found.push({ invariant, stepId: event.stepId ?? null, what: `${event.type} (${event.id}): ${what}` });
  };
  const contents = new Map(revisions.map(({ revision, content }) => [revision, content]));
  const stepsOf = (revision: number): Map<string, Step> => new Map(contents.get(revision)?.steps.map((step) => [step.id, step]));
  let planStatus: PlanStatus | null = null;
  let steps = stepsOf(1);
  let approved: number | null = null;
  let isCancelled = false;
  const statuses = new Map<string, StepStatus>();
  const endings = new Map<string, Ending>();
  /** steps that stand for their children, and take no place of their own */
  const expanded = new Set<string>();
  const rejected = new Set<string>();
  const deliveries = new Map<string, number>();
  const forget = (isGone: (stepId: string, id: string) => boolean): void => {
    for (const id of [...statuses.keys()]) {
      const stepId = parseChildId(id)?.stepId ?? id;
      if (!isGone(stepId, id)) continue;
      statuses.delete(id);
      endings.delete(id);
      expanded.delete(id);
    }
  };
  const names = (value: unknown): Set<string> => new Set(Array.isArray(value) ? value.map(String) : []);

  let last: Event | null = null;
  for (const event of events) {
    if (last !== null && compareIds(last.id, event.id) >= 0) report('I6', event, `comes after ${last.id}`);
    last = event;
    const { stepId } = event;
    const status = stepId === undefined ? undefined : stepStatusAfter(event.type);
    if (stepId !== undefined && status !== undefined) {
      const parent = parseChildId(stepId)?.stepId;
      const from = statuses.get(stepId) ?? 'pending';
      // A rejected gate fails its step: both are said.
      const isSaidTwice = event.type === 'step.failed' && rejected.has(stepId);
      rejected.delete(stepId);
      if (event.type === 'step.rejected') rejected.add(stepId);
      const isTakeover = event.type === 'step.started' && event.data.takeover !== undefined && from === 'running';
      // Handed to the queue once more: its job was lost, or went by while the plan was paused.
      const isAgain = event.type === 'step.queued' && from === 'queued' && Number(event.data.delivery) > (deliveries.get(stepId) ?? 0);
      if (event.type === 'step.queued') deliveries.set(stepId, Number(event.data.delivery));
      if (!isTakeover && !isSaidTwice && !isAgain && !canMove(STEP_TRANSITIONS, from, status)) report('I6', event, `the step was ${from}`);
      if (isCancelled && status === 'running') report('I4', event, 'the plan was cancelled');
      if (status === 'running') {
        if (approved === null || approved !== event.revision)
          report('I5', event, `revision ${event.revision} runs, approved was ${approved ?? 'none'}`);
        const step = steps.get(parent ?? stepId);
        if (step === undefined) report('I5', event, 'is no step of the revision that was approved');
        else if (parent === undefined) {
          const before = step.dependsOn.map((id) => [id, endings.get(id)] as const);
          const waiting = before.filter(([, ending]) => ending === undefined);
          if (waiting.length > 0) report('I2', event, `${waiting.map(([id]) => id).join(', ')} had not ended`);
          else if (!ACCEPTS[step.runIf](before.map(([, ending]) => ending as Ending)))
            report('I2', event, `${step.runIf} does not accept ${before.map(([id, ending]) => `${id}: ${ending}`).join(', ')}`);
        }
      }
      if (parent !== undefined) expanded.add(parent);
      statuses.set(stepId, status);
      if (isEndedStep(status)) endings.set(stepId, endingOf(status, event));
      const { maxParallelSteps = 1, allowParallel = true } = contents.get(event.revision)?.options ?? {};
      const cap = allowParallel ? maxParallelSteps : 1;
      const inFlight = [...statuses].filter(([id, each]) => (each === 'queued' || each === 'running') && !expanded.has(id)).length;
      if (status === 'queued' && inFlight > cap) report('I3', event, `${inFlight} steps are in flight, the cap is ${cap}`);
      continue;
    }
    if (event.type === 'plan.revised') {
      steps = stepsOf(event.revision);
      approved = null;
      const pinned = names(event.data.pinned);
      forget((id) => !pinned.has(id));
    }
    if (event.type === 'plan.retried') {
      const [retried, kept] = [names(event.data.steps), names(event.data.kept)];
      forget((step, id) => retried.has(step) && !kept.has(id));
    }
    if (event.type === 'plan.approved') approved = event.revision;
    if (event.type === 'plan.cancelled') isCancelled = true;
    const next = planStatusAfter(event.type);
    if (next === undefined || (event.type === 'plan.retried' && planStatus === 'paused')) continue;
    const isFirst = planStatus === null && event.type === 'plan.created';
    if (!isFirst && planStatus !== next && (planStatus === null || !canMove(PLAN_TRANSITIONS, planStatus, next)))
      report('I6', event, `the plan was ${planStatus}`);
    planStatus = next;
  }

  const whole = { id: last?.id ?? 'none', type: last?.type ?? 'plan.created' } as const;
  if (planStatus !== plan.status) report('I6', whole, `the events lead to ${planStatus}, the plan is ${plan.status}`);
  for (const { id, status, children } of plan.steps) {
    for (const each of [{ id, status }, ...(children ?? [])]) {
      const told = statuses.get(each.id) ?? 'pending';
      if (told !== each.status) report('I6', { ...whole, stepId: each.id }, `the events lead to ${told}, the step is ${each.status}`);
    }
  }
  return found;
}

/** A step that was skipped behind a failure counts as failed to those behind it. */
function endingOf(status: StepStatus, { data }: Event): Ending {
  if (status === 'completed') return 'success';
  if (status !== 'skipped') return 'failed';
  return (data.reason as { kind?: string } | undefined)?.kind === BEHIND_A_FAILURE ? 'failed' : 'skipped';
}

/** Ids of a Redis stream, `<ms>-<n>`. */
function compareIds(one: string, other: string): number {
  const [[ms = 0, n = 0], [otherMs = 0, otherN = 0]] = [one.split('-').map(Number), other.split('-').map(Number)];
  return ms - otherMs || n - otherN;
}
