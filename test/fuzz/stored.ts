/** What is left in Redis once all work has ended: what is kept on purpose, and nothing that belongs to nobody. */
import { expect } from 'vitest';
import { bearer, FINISHED_JOBS, KEPT, type Stage } from './stage.ts';

const OPEN = ['draft', 'pending_approval', 'approved', 'executing', 'paused'];
const PATIENCE = { timeout: 90_000, interval: 200 };
/** BullMQ's, of a queue. */
const OF_A_QUEUE =
  /:bull:([a-z]+):(meta|id|wait|active|prioritized|delayed|completed|failed|events|marker|pc|stalled|stalled-check|repeat|limiter|paused)$/;
/** Whose it is. */
const OWNED = /^\{cs0\}:(?:plan|task|webhook|key):((?:pln|tsk|whk|key)_[0-9a-z]{22})(?::|$)/;
/** Words alone name what there is one of, however many plans there are. */
const SINGLE = /^\{cs0\}:[a-z]+(?::[a-z_]+)?$/;

async function call<Body>(stage: Stage, method: string, path: string): Promise<Body | null> {
  const headers = { Authorization: bearer('ada') };
  const response = await fetch(stage.url + path, { method, headers });
  const text = await response.text();
  return response.ok && text !== '' ? (JSON.parse(text) as Body) : null;
}

/** Cancels what is under way and deletes the webhooks, and waits until retention has taken what it takes. */
export async function settle(stage: Stage): Promise<void> {
  const cancelAll = async (): Promise<number> => {
    const pages = await Promise.all(
      OPEN.map((status) => call<{ items: { id: string }[] }>(stage, 'GET', `/v1/plans?status=${status}&limit=200`)),
    );
    const open = pages.flatMap((page) => page?.items.map(({ id }) => id) ?? []);
    await Promise.all(open.map((id) => call(stage, 'POST', `/v1/plans/${id}/cancel`)));
    return open.length;
  };
  const { admin } = stage;
  const count = async (...names: string[]): Promise<number> =>
    (await Promise.all(names.map((name) => admin.zcard(`{cs0}:${name}`)))).reduce((sum, each) => sum + each, 0);
  const left = async () => ({
    // A task that is planned meanwhile brings another plan.
    open: await cancelAll(),
    underWay: await count('plans:executing', 'tasks:queued', 'tasks:planning', 'plans:asking'),
    tooMany: Math.max(0, (await count('plans')) - KEPT),
  });
  await expect.poll(left, PATIENCE).toEqual({ open: 0, underWay: 0, tooMany: 0 });
  const webhooks = await call<{ items: { id: string }[] }>(stage, 'GET', '/v1/webhooks');
  await Promise.all(webhooks?.items.map(({ id }) => call(stage, 'DELETE', `/v1/webhooks/${id}`)) ?? []);
}

/** Keys that nobody owns, that are of no known kind, or of which there are more than are kept. */
export async function leftovers({ admin }: Stage): Promise<string[]> {
  const owners = new Set(
    (await Promise.all(['plans', 'tasks', 'webhooks', 'keys'].map((name) => admin.zrange(`{cs0}:${name}`, '0', '-1')))).flat(),
  );
  const jobs = new Map<string, number>();
  const found: string[] = [];
  for (const key of await admin.keys('*')) {
    const [, owner] = OWNED.exec(key) ?? [];
    const [, queue] = /:bull:([a-z]+):/.exec(key) ?? [];
    if (owner !== undefined) {
      if (!owners.has(owner)) found.push(`${key} belongs to nobody`);
    } else if (queue !== undefined) {
      if (!OF_A_QUEUE.test(key)) jobs.set(queue, (jobs.get(queue) ?? 0) + 1);
    } else if (key.startsWith('{cs0}:idem:')) {
      if ((await admin.pttl(key)) === -1) found.push(`${key} never expires`);
    } else if (!SINGLE.test(key)) found.push(`${key} is of no known kind`);
  }
  // Completed and failed ones, those that are put off, and the schedulers of the duties.
  const most = 2 * FINISHED_JOBS + 50;
  for (const [queue, count] of jobs) if (count > most) found.push(`${count} jobs of the queue ${queue}; at most ${most} are kept`);
  // What counts what steps wait for is of no use to a plan that has ended.
  for (const key of await admin.keys('*:waits')) found.push(`${key}, although its plan has ended`);
  for (const name of ['approvals', 'due', 'plans:asking']) {
    const count = await admin.zcard(`{cs0}:${name}`);
    if (count > 0) found.push(`${count} entries in ${name}, although nothing is under way`);
  }
  return found;
}
