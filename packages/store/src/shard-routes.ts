/**
 * Which shard a call goes to. What is about one task or plan goes where its id says; what is about all of them goes to every
 * shard, and what they answer is put together; what is new gets a shard.
 */
import { createHash, randomInt } from 'node:crypto';
import { shardOf } from '@countersign/shared';
import { approvalItems, oldestWaiting } from './approvals.ts';
import type {
  Accepted,
  Answers,
  Clock,
  EventLog,
  Idempotency,
  Outcome,
  PlanningRequests,
  PlanStore,
  ReviewStore,
  TaskStore,
  TraceStore,
} from './contract.ts';
import { HOME_SHARD } from './keys.ts';
import type { Shard } from './one-shard.ts';
import type { Creation } from './outcome.ts';
import { mergePages } from './paging.ts';
import { overLimits } from './retention.ts';
import type { Halt, StepStore } from './step-contract.ts';
import { together } from './together.ts';
import type { Reconciler, Retention } from './upkeep-contract.ts';

export interface ShardRoutes
  extends TaskStore,
    PlanStore,
    PlanningRequests,
    EventLog,
    StepStore,
    ReviewStore,
    TraceStore,
    Answers,
    Reconciler,
    Clock,
    Retention {}

/** Calls whose first argument is the id of a task or plan. */
const BY_ID = [
  ...['getTaskDraft', 'getTask', 'cancelTask', 'startPlanning', 'recordRound', 'releasePlanning', 'failTask'],
  ...[
    'getPlan',
    'submitPlan',
    'approvePlan',
    'redecidePlan',
    'rejectPlan',
    'cancelPlan',
    'revisePlan',
    'requestRevision',
    'pausePlan',
    'resumePlan',
  ],
  ...['retryPlan', 'retryStep', 'skipStep', 'approveGate', 'rejectGate', 'deletePlan', 'listRevisions', 'getRevision', 'audit'],
  ...['readEvents', 'lastEventId', 'tailEvents', 'readOutcomes', 'readTrace', 'waitingSince', 'taskRecord'],
] as const satisfies readonly (keyof Shard)[];

/** Calls whose first argument names the plan that it is about. */
const BY_PLAN = [
  ...['startRequest', 'recordRequestRound', 'releaseRequest', 'failRequest', 'recordResponse', 'recordReview'],
  ...['claimStep', 'beginStep', 'declineStep', 'askApproval', 'expandStep', 'completeStep', 'failStep', 'releaseStep', 'reportProgress'],
] as const satisfies readonly (keyof Shard)[];

type Routed = (typeof BY_ID)[number] | (typeof BY_PLAN)[number];

/** The number of the shard in which a call of this name begins its life. */
function shardOfCall({ key }: Idempotency, shards: number): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) % shards;
}

/**
 * `shards` are all that this process serves; `shardAt` gives any that an id may name: while the number of shards grows, another process
 * may already have made a plan in one that this process doesn't know of.
 */
export function shardRoutes(shards: readonly Shard[], shardAt: (number: number) => Shard): ShardRoutes {
  const home = shardAt(HOME_SHARD);
  const shardOfId = (id: string): Shard => shardAt(shardOf(id));
  const call = (shard: Shard, name: Routed, args: unknown[]): unknown => (shard[name] as (...args: unknown[]) => unknown)(...args);
  const routed = Object.fromEntries([
    ...BY_ID.map((name) => [name, (...args: unknown[]) => call(shardOfId(String(args[0])), name, args)]),
    ...BY_PLAN.map((name) => [name, (...args: unknown[]) => call(shardOfId((args[0] as { planId: string }).planId), name, args)]),
  ]) as unknown as Pick<Shard, Routed>;

  /** Creates it in one shard. A call that names itself is carried out where it was before, whatever the number of shards was then. */
  const createIn = async (
    { idempotency, shard }: { idempotency?: Idempotency | undefined; shard?: number },
    create: (shard: Shard) => Promise<Creation>,
  ): Promise<Outcome<Accepted>> => {
    let number = shard ?? (idempotency === undefined ? randomInt(shards.length) : shardOfCall(idempotency, shards.length));
    // The home shard looks by itself whether the call was carried out before.
    if (shard === undefined && idempotency !== undefined && number !== HOME_SHARD) number = await home.claimCall(idempotency, number);
    const created = await create(shardAt(number));
    if ('outcome' in created) return created.outcome;
    const again = await create(shardAt(created.elsewhere));
    if ('outcome' in again) return again.outcome;
    throw new Error(`shard ${created.elsewhere} has not the call that shard ${number} said it has`);
  };

  return {
    ...routed,
    createTask: (input) => createIn(input, (shard) => shard.createTask(input)),
    createPlan: (input) =>
      createIn(input.task === undefined ? { idempotency: input.idempotency } : { shard: shardOf(input.task.id) }, (shard) =>
        shard.createPlan(input),
      ),
    async listTasks(request) {
      const { ids, nextCursor } = mergePages(await Promise.all(shards.map((shard) => shard.taskIds(request))), request.limit);
      const tasks = await Promise.all(ids.map((id) => shardOfId(id).getTask(id)));
      return { items: tasks.filter((task) => task !== null), nextCursor };
    },
    async listPlans(request) {
      const { ids, nextCursor } = mergePages(await Promise.all(shards.map((shard) => shard.planIds(request))), request.limit);
      const plans = await Promise.all(ids.map((id) => shardOfId(id).getSummary(id)));
      return { items: plans.filter((plan) => plan !== null), nextCursor };
    },
    async listApprovals() {
      const waiting = oldestWaiting(await Promise.all(shards.map((shard) => shard.waiting())));
      return approvalItems(waiting, (planId, whole) => shardOfId(planId).loadPlan(planId, whole));
    },
    async onHalt(handler) {
      const subscriptions = await Promise.all(shards.map((shard) => shard.onHalt(handler)));
      return () => {
        for (const unsubscribe of subscriptions) unsubscribe();
      };
    },
    async haltedPlans(planIds) {
      const byShard = new Map<number, string[]>();
      for (const id of planIds) byShard.set(shardOf(id), [...(byShard.get(shardOf(id)) ?? []), id]);
      const looks = await Promise.allSettled([...byShard].map(([number, ids]) => shardAt(number).haltedPlans(ids)));
      const [failed] = looks.filter((look) => look.status === 'rejected');
      // One shard that is away must not hide what is to be stopped in the others.
      if (failed !== undefined && looks.every(({ status }) => status === 'rejected')) throw failed.reason;
      return looks.flatMap((look): Halt[] => (look.status === 'fulfilled' ? look.value : []));
    },
    saveAnswer: (idempotency, answer, resourceId) => shardOfId(resourceId).saveAnswer(idempotency, answer),
    async findAnswer(idempotency, resourceId) {
      const found = await (resourceId === undefined ? home : shardOfId(resourceId)).findAnswer(idempotency);
      if ('outcome' in found) return found.outcome;
      const there = await shardAt(found.elsewhere).findAnswer(idempotency);
      return 'outcome' in there ? there.outcome : { ok: true, value: null };
    },
    reconcile: (options) => together(shards.map((shard) => shard.reconcile(options))),
    async outlived(kind, limits, most) {
      const looks = await Promise.allSettled(shards.map((shard) => shard.oldestEnded(kind, most)));
      const [failed] = looks.filter((look) => look.status === 'rejected');
      // A shard that is away keeps what it has: that of the others goes all the same.
      if (failed !== undefined && looks.every(({ status }) => status === 'rejected')) throw failed.reason;
      const there = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
      return overLimits(there, limits, most);
    },
    removeEnded: (ended, recordedTo) => shardOfId(ended.id).removeEnded(ended, recordedTo),
    runDue: () => together(shards.map((shard) => shard.runDue())),
  };
}
