/** What waits for people: plans, and gates of plans under way. */
import { type ApprovalItem, sumOf } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import { readPlan, readSummary, type StoredPlan } from './plan-view.ts';
import { isoTime } from './time.ts';

/** How many are listed at the most: the oldest. */
const MOST = 1_000;

export type Load = (planId: string, whole: boolean) => Promise<StoredPlan | null>;

function planItem(stored: StoredPlan, since: string): ApprovalItem {
  const { id, digest, objective, effects, policy } = readSummary(stored);
  const deadline = isoTime(stored.plan.expiresAt);
  return {
    kind: 'plan',
    planId: id,
    digest,
    title: objective,
    since,
    ...(deadline === null ? {} : { deadline }),
    effects,
    approvals: sumOf(policy.demands),
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

/** A plan or a gate that waits. */
export interface Waiting {
  planId: string;
  stepId: string | null;
  /** ms since 1970 */
  since: number;
}

const textOf = ({ planId, stepId }: Waiting): string => (stepId === null ? planId : `${planId}:${stepId}`);

/** The oldest of what each shard has, oldest first. */
export function oldestWaiting(lists: readonly (readonly Waiting[])[]): Waiting[] {
  const [only = []] = lists;
  if (lists.length === 1) return [...only];
  const order = (a: Waiting, b: Waiting): number => a.since - b.since || (textOf(a) < textOf(b) ? -1 : 1);
  return lists.flat().sort(order).slice(0, MOST);
}

/** What waits in one shard, oldest first. */
export async function readWaiting({ attempt, keys, redis }: StoreConnection): Promise<Waiting[]> {
  const flat = await attempt(() => redis.zrange(keys.approvals, '0', String(MOST - 1), 'WITHSCORES'));
  return Array.from({ length: flat.length / 2 }, (_, at) => {
    const [planId = '', stepId = null] = (flat[2 * at] as string).split(':');
    return { planId, stepId, since: Number(flat[2 * at + 1]) };
  });
}

/** What people are shown of them. What has been decided in the meantime is left out. */
export async function approvalItems(waiting: readonly Waiting[], load: Load): Promise<ApprovalItem[]> {
  // A plan with many gates is read once.
  const whole = new Set(waiting.flatMap(({ planId, stepId }) => (stepId === null ? [] : [planId])));
  const planIds = [...new Set(waiting.map(({ planId }) => planId))];
  const stored = new Map(await Promise.all(planIds.map(async (id) => [id, await load(id, whole.has(id))] as const)));
  const items = waiting.map(({ planId, stepId, since }) => {
    const plan = stored.get(planId);
    if (plan == null) return null;
    return stepId === null ? planItem(plan, isoTime(since) as string) : gateItem(plan, stepId);
  });
  return items.filter((item) => item !== null);
}
