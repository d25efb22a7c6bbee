/**
 * Plans of layout 0 know how many people must approve them, and nothing else of a policy: they get the decision that the default
 * policy comes to, and those that were approved the record that they were. Their votes have no roles.
 *
 * States that it may meet: a plan without a decision, some of whose votes and records may be written already; a plan that has
 * one, which is left alone. The decision is written last.
 */
import { DEFAULT_POLICY, type PlanStatus, plainDecision } from '@countersign/shared';
import type { Cluster, Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { decisionTexts } from '../plan-fields.ts';
import { parsePlanState } from '../plan-state.ts';

const BATCH = 200;
/** Where somebody, or the options, had approved the current revision. */
const APPROVED: readonly PlanStatus[] = ['approved', 'executing', 'paused', 'completed', 'partial', 'failed'];
const ASKED = 'the plan asks for an approval';

async function nameVotes(redis: Redis | Cluster, key: string): Promise<void> {
  const votes = await redis.lrange(key, 0, -1);
  for (const [at, vote] of votes.entries()) {
    const named = { roles: [], policy: DEFAULT_POLICY.version, ...(JSON.parse(vote) as object) };
    await redis.lset(key, at, JSON.stringify(named));
  }
}

async function decide(redis: Redis | Cluster, keys: Keys, id: string): Promise<void> {
  const plan = keys.plan(id);
  const [decided, quorum, autoReason, createdBy] = await redis.hmget(plan, 'policy', 'quorum', 'autoReason', 'createdBy');
  const text = await redis.hget(keys.planSteps(id), '@');
  if (decided != null || createdBy == null || text === null) return;
  const { status, revision } = parsePlanState(text);
  const writer = (await redis.hget(`${plan}:rev:${revision}`, 'createdBy')) ?? createdBy;
  await nameVotes(redis, `${plan}:votes`);
  if (APPROVED.includes(status)) await redis.hset(keys.planSteps(id), '=', revision);
  const reason = autoReason == null ? ASKED : (JSON.parse(autoReason) as string);
  const [policy] = decisionTexts(plainDecision(Number(quorum), reason));
  await redis.hset(plan, {
    submitter: JSON.stringify({ actor: writer, roles: [] }),
    submitters: JSON.stringify([...new Set([createdBy, writer])]),
    policy,
  });
}

/** `count` is told how many plans were looked at. */
export async function decideFormerPlans(redis: Redis | Cluster, keys: Keys, count: (plans: number) => Promise<void>): Promise<void> {
  for (let from = 0; ; from += BATCH) {
    const ids = await redis.zrange(keys.plans(), `${from}`, `${from + BATCH - 1}`);
    if (ids.length === 0) return;
    await Promise.all(ids.map((id) => decide(redis, keys, id)));
    await count(ids.length);
  }
}
