/** Holds what was submitted against what came of it: one plan each, calls of the model that are bounded, webhooks that arrive. */

import { OUTCOMES } from './model.ts';
import type { Observed, SeenFault, SeenTask, Violation } from './observed.ts';

/** Calls of the model that one fault may cost: those of the planners that it hit. */
const CALLS_PER_FAULT = 2;
const ENDINGS = new Set(['plan.completed', 'plan.partial', 'plan.failed', 'plan.cancelled', 'plan.rejected', 'plan.expired']);

const during = ({ askedAt, endedAt }: SeenTask, faults: readonly SeenFault[]): number =>
  faults.filter(({ from, until }) => from <= endedAt && until >= askedAt).length;

/** I1: what was submitted once, however often it was sent, is one plan, and no plan came from nowhere. */
export function onePlanEach({ plans, tasks, listed }: Observed): Violation[] {
  const violations: Violation[] = [];
  const report = (planId: string, what: string): void => void violations.push({ invariant: 'I1', planId, stepId: null, what });
  const known = new Set(plans.map(({ id }) => id));
  const byObjective = new Map<string, string>();
  for (const { id, objective, taskId } of listed) {
    const other = byObjective.get(objective);
    if (other !== undefined) report(id, `is a second plan of what was submitted once: ${other} is the first`);
    byObjective.set(objective, id);
    if (!known.has(id) && taskId === null) report(id, 'was told to nobody who submitted something');
  }
  const listedIds = new Set(listed.map(({ id }) => id));
  for (const id of known) if (!listedIds.has(id)) report(id, 'is not in the list of plans');
  const ofTasks = new Map(listed.map(({ taskId, id }) => [taskId, id]));
  for (const { id, status } of tasks) {
    const plan = ofTasks.get(id);
    if (status === 'planned' && plan === undefined) report(id, 'is a task that is planned and has no plan');
    if (status === 'failed' && plan !== undefined) report(plan, `is the plan of the task ${id}, which failed`);
  }
  return violations;
}

/** I7 and I8: each task ends as its model's way leads to, and the model is asked no oftener than that and the faults explain. */
export function plannedOnce({ tasks, faults }: Observed): Violation[] {
  return tasks.flatMap((task) => {
    const { id, way, status, error, calls } = task;
    const found: Violation[] = [];
    const expected = OUTCOMES[way];
    const most = expected.calls + CALLS_PER_FAULT * during(task, faults);
    if (!expected.ends.some((end) => end === status))
      found.push({ invariant: 'I7', planId: id, stepId: null, what: `is a ${way} task and ${status}: ${JSON.stringify(error)}` });
    if (status === 'failed' && !error?.message) found.push({ invariant: 'I7', planId: id, stepId: null, what: 'failed without a reason' });
    if (calls > most)
      found.push({
        invariant: 'I8',
        planId: id,
        stepId: null,
        what: `is a ${way} task that the model was asked for ${calls} times, not ${most}`,
      });
    return found;
  });
}

/** I7: whoever asked to be told how plans end is told of each end, and by nobody else. */
export function toldOfEnds({ plans, told }: Observed): Violation[] {
  if (told === null) return [];
  const missing = plans.flatMap(({ id, audit }) =>
    audit.events
      .filter(({ id: eventId, type }) => ENDINGS.has(type) && !told.events.has(eventId))
      .map(
        ({ id: eventId, type }): Violation => ({
          invariant: 'I7',
          planId: id,
          stepId: null,
          what: `nobody was told of ${type} (${eventId})`,
        }),
      ),
  );
  if (told.forged === 0) return missing;
  return [...missing, { invariant: 'I5', planId: null, stepId: null, what: `${told.forged} webhooks came with a wrong signature` }];
}
