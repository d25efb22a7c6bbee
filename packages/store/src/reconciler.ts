/** Sweeps over plans and tasks that are under way and puts right what lost its job. What is wrong is decided in the scripts. */
import { LIMITS } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Mending, Reconciler } from './upkeep-contract.ts';

/** ms without a change, after which it is worth a look: well within it, a plan that is well moves on by itself. */
const REST_MS = 5_000;
/** What one sweep of all shards may cost Redis: a look costs about as much as reading this many steps, and then each step of the plan. */
const BUDGET_STEPS = 50_000;
const LOOK_STEPS = 20;
const PAGE = 100;

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

  return {
    async *reconcile({ restMs = REST_MS } = {}) {
      yield* sweep(keys.plans('executing'), (id) => lookAtPlan(id, restMs));
      yield* sweep(keys.tasks('queued'), (id) => lookAtTask(id, restMs));
      yield* sweep(keys.tasks('planning'), (id) => lookAtTask(id, restMs));
      yield* sweep(keys.plansAsking, (id) => lookAtRequest(id, restMs));
    },
  };
}
