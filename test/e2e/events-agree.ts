/** Waits for a plan's end, and holds its events against it: folded, they give the state that is read. */
import { foldEvents, type Plan } from '@countersign/shared';
import { expect } from 'vitest';
import type { Fleet } from './fleet.ts';
import { statuses } from './record-step.ts';

export async function untilEventsAgree(fleet: Fleet, planId: string, status: Plan['status']): Promise<Plan> {
  const plan = await fleet.until(planId, status);
  const folded = foldEvents(await fleet.events(planId));
  const told = plan.steps.map(({ id }) => [id, folded.steps.get(id)?.status ?? 'pending']);
  expect([folded.status, Object.fromEntries(told)]).toEqual([plan.status, statuses(plan.steps)]);
  return plan;
}
