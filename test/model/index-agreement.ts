/** The store's lists of plans, held against where a plan stands. */
import { PLAN_STATUSES } from '@countersign/shared';
import type { Store } from '@countersign/store';
import { expect } from 'vitest';
import type { PlanState } from './plan-state.ts';

/** Expects the plan in the list of its own status alone and, while people must decide, once among the approvals. */
export async function expectIndexesAgree(store: Store, planId: string, state: PlanState | null): Promise<void> {
  const lists = await Promise.all(PLAN_STATUSES.map((status) => store.listPlans({ status, limit: 10 })));
  const listedAs = PLAN_STATUSES.filter((_status, at) => lists[at]?.items.some(({ id }) => id === planId));
  expect(listedAs, 'the statuses that the plan is listed under').toEqual(state === null ? [] : [state.status]);

  const all = await store.listPlans({ limit: 10 });
  expect(all.items.filter(({ id }) => id === planId).length, 'how often the plan is listed').toBe(state === null ? 0 : 1);

  const approvals = (await store.listApprovals()).filter((item) => item.planId === planId);
  const open = approvals.map(({ kind, digest, approvals: { count, have } }) => ({ kind, digest, count, have }));
  const expected = { kind: 'plan', digest: state?.digest, count: state?.quorum, have: state?.votes.length };
  expect(open, 'what waits for people').toEqual(state?.status === 'pending_approval' ? [expected] : []);
}
