/** The store's lists of plans, held against where a plan stands. */
import { type ApprovalItem, PLAN_STATUSES, shardOf } from '@countersign/shared';
import { expect } from 'vitest';
import type { PlanState } from './plan-state.ts';
import type { Trial } from './trial.ts';
import { haveOf, needOf } from './votes.ts';

type Waiting = Pick<ApprovalItem, 'kind' | 'stepId' | 'digest' | 'deadline'> & { count: number; have: number };

/** What can stand elsewhere in the lists when it changes. */
export const indexedOf = (state: PlanState | null): string => JSON.stringify([state?.status, waitingFor(state)]);

/**
 * Expects the plan in the list of its own status alone, and among the approvals once while people must decide on it and
 * once for each of its gates that asks; and among what has ended, by when it did, once it has.
 */
export async function expectIndexesAgree({ store, redis }: Trial, planId: string, state: PlanState | null): Promise<void> {
  const lists = await Promise.all(PLAN_STATUSES.map((status) => store.listPlans({ status, limit: 10 })));
  const listedAs = PLAN_STATUSES.filter((_status, at) => lists[at]?.items.some(({ id }) => id === planId));
  expect(listedAs, 'the statuses that the plan is listed under').toEqual(state === null ? [] : [state.status]);

  const all = await store.listPlans({ limit: 10 });
  expect(all.items.filter(({ id }) => id === planId).length, 'how often the plan is listed').toBe(state === null ? 0 : 1);

  const endedAt = await redis.zscore(`{cs${shardOf(planId)}}:plans:ended`, planId);
  const finishedAt = (await store.getPlan(planId))?.finishedAt ?? null;
  expect(endedAt === null ? null : Number(endedAt), 'when it ended').toBe(finishedAt === null ? null : Date.parse(finishedAt));

  const items = (await store.listApprovals()).filter((item) => item.planId === planId);
  const seen = items.map(
    ({ kind, stepId, digest, deadline, approvals: { count, have } }): Waiting => ({ kind, stepId, digest, deadline, count, have }),
  );
  expect(byStep(seen), 'what waits for people').toEqual(byStep(waitingFor(state)));
}

function waitingFor(state: PlanState | null): Waiting[] {
  if (state === null) return [];
  const { digest, approvalDeadline } = state;
  if (state.status === 'pending_approval') {
    return [{ kind: 'plan', stepId: undefined, digest, deadline: timeOf(approvalDeadline), count: needOf(state), have: haveOf(state) }];
  }
  return state.steps.flatMap(({ id, status, gate }): Waiting[] => {
    if (status !== 'awaiting_approval' || gate === null) return [];
    return [{ kind: 'gate', stepId: id, digest, deadline: timeOf(gate.deadline), count: gate.need, have: gate.votes.length }];
  });
}

const timeOf = (deadline: number | null): string | undefined => (deadline === null ? undefined : new Date(deadline).toISOString());

const byStep = (items: Waiting[]): Waiting[] => items.sort((one, other) => ((one.stepId ?? '') < (other.stepId ?? '') ? -1 : 1));
