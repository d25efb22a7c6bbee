/** Sweeps over plans and tasks that are under way and puts right what lost its job. What is wrong is decided in the scripts. */
import { LIMITS, PLAN_STATUSES, TASK_STATUSES } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Mending, Reconciler } from './upkeep-contract.ts';

/** ms without a change, after which it is worth a look: well within it, a plan that is well moves on by itself. */
const REST_MS = 5_000;
/** What one sweep of all shards may cost Redis: a look costs about as much as reading this many steps, and then each step of the plan. */
const BUDGET_STEPS = 50_000;
const LOOK_STEPS = 20;
const PAGE = 100;
/** How many plans, and how many tasks, one sweep of all shards holds against their indexes: a look costs as much as reading ten steps. */
const PLACES = 1_000;

interface Look {
  /** steps that were read */
  steps: number;
  mended: Mending[];
}

/** The plans and tasks of one of `shards` shards. */
export function reconciler(connection: StoreConnection, { shards }: { shards: number }): Reconciler {
  const { keys, redis } = connection;

  const lookAtPlan = async (planId: string, restMs: number): Promise<Look> => {
    const reply = await connection.run('reconcile-plan', { keys: [keys.plan(planId)], id: planId, args: [restMs, LIMITS.crashes] });
    const [word, steps, ...triples] = reply.map(String);
    if (word !== 'ok') return { steps: 0, mended: [] };
    const mended: Mending[] = [];
    for (let i = 0; i < triples.length; i += 3) {
      const [what, why, stepId] = triples.slice(i, i + 3) as [Mending['what'], Mending['why'], string];
      mended.push({ planId, taskId: null, stepId: stepId || null, what, why });
    }
    return { steps: Number(steps), mended };
  };

  const lookAtVotes = async (planId: string): Promise<Look> => {
    const [word] = await connection.run('mend-approval', { keys: [keys.plan(planId)], id: planId });
    const found = { planId, taskId: null, stepId: null };
    if (word === 'approved') return { steps: 0, mended: [{ ...found, what: 'plan_approved', why: 'votes_suffice' }] };
    if (word === 'undecided') return { steps: 0, mended: [{ ...found, what: 'decision_dropped', why: 'other_revision' }] };
    return { steps: 0, mended: [] };
  };

  const lookAtTask = async (taskId: string, restMs: number): Promise<Look> => {
    const [word, why] = await connection.run('requeue-task', { keys: [keys.task(taskId)], id: taskId, args: [restMs] });
    if (word !== 'ok') return { steps: 0, mended: [] };
    return { steps: 0, mended: [{ planId: null, taskId, stepId: null, what: 'task_queued', why: why as Mending['why'] }] };
  };

  const lookAtRequest = async (planId: string, restMs: number): Promise<Look> => {
    const [word, why] = await connection.run('requeue-request', { keys: [keys.plan(planId)], id: planId, args: [restMs] });
    if (word !== 'ok') return { steps: 0, mended: [] };
    return { steps: 0, mended: [{ planId, taskId: null, stepId: null, what: 'request_queued', why: why as Mending['why'] }] };
  };

  /**
   * Goes through an index by id, one look after the other, because a script holds up everybody. Where the budget ends it
   * leaves a mark and the next sweep goes on, so that many plans that only wait their turn don't hide the others.
   */
  const sweep = async function* (index: string, look: (id: string) => Promise<Look>): AsyncGenerator<Mending> {
    let mark = (await connection.attempt(() => redis.hget(keys.reconcile, index))) ?? '';
    let budget = BUDGET_STEPS / shards;
    let page: string[];
    do {
      page = await connection.attempt(() => redis.zrangebylex(index, mark === '' ? '-' : `(${mark}`, '+', 'LIMIT', 0, PAGE));
      for (const id of page) {
        if (budget <= 0) break;
        const seen = await look(id);
        yield* seen.mended;
        budget -= LOOK_STEPS + seen.steps;
        mark = id;
      }
    } while (page.length === PAGE && budget > 0);
    if (budget > 0) mark = '';
    await connection.attempt(() => redis.hset(keys.reconcile, index, mark));
  };

  /** Looks at what stands in `index`, a page at a time, all of it over many sweeps. */
  const mendPlaces = async function* (kind: 'plan' | 'task'): AsyncGenerator<Mending> {
    const index = kind === 'plan' ? keys.plans() : keys.tasks();
    const statuses = (kind === 'plan' ? PLAN_STATUSES : TASK_STATUSES).join(',');
    let mark = (await connection.attempt(() => redis.hget(keys.reconcile, index))) ?? '';
    for (let left = PLACES / shards; left > 0; left -= PAGE) {
      const page = await connection.attempt(() => redis.zrangebylex(index, mark === '' ? '-' : `(${mark}`, '+', 'LIMIT', 0, PAGE));
      if (page.length > 0) {
        const [, ...pairs] = (await connection.run('mend-places', { keys: [index], id: '', args: [kind, statuses, ...page] })).map(String);
        for (let i = 0; i < pairs.length; i += 2) {
          const [id = '', why] = pairs.slice(i, i + 2) as [string, Mending['why']];
          yield { planId: kind === 'plan' ? id : null, taskId: kind === 'task' ? id : null, stepId: null, what: 'placed', why };
        }
      }
      mark = page.length < PAGE ? '' : (page.at(-1) ?? '');
      if (mark === '') break;
    }
    await connection.attempt(() => redis.hset(keys.reconcile, index, mark));
  };

  return {
    async *reconcile({ restMs = REST_MS } = {}) {
      // First: what stands in the wrong index is not looked at below.
      yield* mendPlaces('plan');
      yield* mendPlaces('task');
      yield* sweep(keys.plans('pending_approval'), lookAtVotes);
      yield* sweep(keys.plans('executing'), (id) => lookAtPlan(id, restMs));
      yield* sweep(keys.tasks('queued'), (id) => lookAtTask(id, restMs));
      yield* sweep(keys.tasks('planning'), (id) => lookAtTask(id, restMs));
      yield* sweep(keys.plansAsking, (id) => lookAtRequest(id, restMs));
    },
  };
}
