/** What waits for people: plans, and gates of plans under way. */
import type { ApprovalItem } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import { readPlan, readSummary, type StoredPlan } from './plan-view.ts';
import { isoTime } from './time.ts';

/** How many are listed at the most: the oldest. */
const MOST = 1_000;

type Load = (planId: string, whole: boolean) => Promise<StoredPlan | null>;

function planItem(stored: StoredPlan, since: string): ApprovalItem {
  const { id, digest, objective, effects, quorum, approvals } = readSummary(stored);
  const deadline = isoTime(stored.plan.expiresAt);
  return {
    kind: 'plan',
    planId: id,
    digest,
    title: objective,
    since,
    ...(deadline === null ? {} : { deadline }),
    effects,
    approvals: { count: quorum, have: approvals.length },
  };
}

function gateItem(stored: StoredPlan, stepId: string): ApprovalItem | null {
  const { id: planId, digest, steps } = readPlan(stored);
  const step = steps.find(({ id }) => id === stepId);
  if (step?.status !== 'awaiting_approval' || step.gate === null) return null;
  const { message, since, deadline, need, have } = step.gate;
  return {
    kind: 'gate',
    planId,
    stepId,
    digest,
    title: message || step.description || `${step.id}: ${step.tool}`,
    since,
    ...(deadline === null ? {} : { deadline }),
    effects: { read: 0, write: 0, destructive: 0, [step.risk]: 1 },
    ...(step.effects === null ? {} : { review: step.effects }),
    approvals: { count: need, have },
  };
}

export async function listApprovals(connection: StoreConnection, load: Load): Promise<ApprovalItem[]> {
  const { keys, redis } = connection;
  const flat = await connection.attempt(() => redis.zrange(keys.approvals, '0', String(MOST - 1), 'WITHSCORES'));
  const waiting: { planId: string; stepId: string | undefined; since: number }[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [planId = '', stepId] = (flat[i] as string).split(':');
    waiting.push({ planId, stepId, since: Number(flat[i + 1]) });
  }
  // A plan with many gates is read once.
  const whole = new Set(waiting.flatMap(({ planId, stepId }) => (stepId === undefined ? [] : [planId])));
  const planIds = [...new Set(waiting.map(({ planId }) => planId))];
  const stored = new Map(await Promise.all(planIds.map(async (id) => [id, await load(id, whole.has(id))] as const)));
  const items = waiting.map(({ planId, stepId, since }) => {
    const plan = stored.get(planId);
    if (plan == null) return null;
    return stepId === undefined ? planItem(plan, isoTime(since) as string) : gateItem(plan, stepId);
  });
  return items.filter((item) => item !== null);
}
