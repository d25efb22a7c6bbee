/** Nothing grows for ever: a fleet that keeps a handful of what has ended, under work of every kind. */
import type { Plan, PlanDraft } from '@countersign/shared';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';

const KEPT = 12;
const FINISHED_JOBS = 20;
/** Of each kind of work, in each round. */
const ROUND = 20;
/** What BullMQ and the stream of all plans keep. They are filled before anything is measured. */
const CAPPED = 10_000;

let fleet: Fleet;
let redis: Redis;
beforeAll(async () => {
  fleet = await Fleet.start({
    planner: { RETENTION_FINISHED_JOBS: String(FINISHED_JOBS) },
    env: {
      RETENTION_PLANS: String(KEPT),
      RETENTION_TASKS: String(KEPT),
      RETENTION_FINISHED_JOBS: String(FINISHED_JOBS),
      RETENTION_EVERY_MS: '100',
      LOG_LEVEL: 'info',
    },
  });
  redis = new Redis(fleet.redis.url);
});
afterAll(async () => {
  redis?.disconnect();
  await fleet?.close();
});

const render = (id: string, more: object = {}) => ({ id, tool: 'template.render', input: { template: `for ${id}` }, ...more });
const chain: PlanDraft = { objective: 'render twice', steps: [render('a'), render('b', { dependsOn: ['a'] })] };
const failing: PlanDraft = {
  objective: 'fail',
  steps: [{ id: 'a', tool: 'fs.read', input: { path: 'is-not-there' } }, render('b', { dependsOn: ['a'] })],
};

/** A call as programs make it: with a name of its own. */
async function post(path: string, body: object): Promise<{ plan: Plan; task: { id: string } }> {
  const { status, body: answer } = await fleet.call('POST', path, { body, headers: { 'Idempotency-Key': crypto.randomUUID() } });
  expect([200, 201, 202], JSON.stringify(answer)).toContain(status);
  return answer;
}

const WORK: readonly (() => Promise<unknown>)[] = [
  () => post('/v1/plans', { ...chain, options: { requireApproval: false } }),
  () => post('/v1/plans', { ...failing, options: { requireApproval: false } }),
  async () => {
    const { plan } = await post('/v1/plans', chain);
    await post(`/v1/plans/${plan.id}/approve`, { digest: plan.digest });
  },
  async () => {
    const { plan } = await post('/v1/plans', chain);
    await post(`/v1/plans/${plan.id}/cancel`, {});
  },
  () => post('/v1/tasks', { objective: 'Count the files', options: { autoApprove: true } }),
];

/** What a key is one of: its name without what is its own. */
const kindOf = (key: string): string =>
  key
    .replace(
      /:bull:([a-z]+):(?!(?:meta|id|wait|active|prioritized|delayed|completed|failed|events|marker|pc|stalled|stalled-check|repeat)$).*/,
      ':bull:$1:<job>',
    )
    .replace(/(pln|tsk)_[A-Za-z0-9]+/, '<id>')
    .replace(/:idem:.*/, ':idem:<call>');

/** BullMQ's events of a queue, and the stream of all plans: they are bounded by their length. */
const isCapped = (key: string): boolean => /^\{cs0\}:(events|bull:[a-z]+:events)$/.test(key);

/**
 * How many keys of each kind there are, and their bytes; of capped streams whether they keep to their length. Answers to calls
 * expire by themselves: they are looked at and left out.
 */
async function measure(): Promise<{ keys: Record<string, number>; bytes: Record<string, number> }> {
  const keys: Record<string, number> = {};
  const bytes: Record<string, number> = {};
  for (const key of await redis.keys('*')) {
    const kind = kindOf(key);
    const [size, ttl] = await Promise.all([redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'), redis.ttl(key)]);
    if (kind.endsWith(':idem:<call>')) expect(ttl, key).toBeGreaterThan(0);
    else if (isCapped(key)) expect(await redis.xlen(key), key).toBeLessThan(CAPPED + 200);
    else if (size !== null) {
      keys[kind] = (keys[kind] ?? 0) + 1;
      bytes[kind] = (bytes[kind] ?? 0) + Number(size);
    }
  }
  return { keys, bytes };
}

async function workRound(): Promise<void> {
  const jobs = Array.from({ length: ROUND }, () => WORK).flat();
  const worker = async (): Promise<void> => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) await job();
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const left = async (): Promise<number[]> => {
    const underWay = await Promise.all(['plans:executing', 'tasks:queued', 'tasks:planning'].map((name) => redis.zcard(`{cs0}:${name}`)));
    const all = await Promise.all([redis.zcard('{cs0}:plans'), redis.zcard('{cs0}:tasks')]);
    return [underWay.reduce((sum, count) => sum + count, 0), ...all.map((count) => Math.max(0, count - KEPT))];
  };
  await expect.poll(left, { timeout: 30_000, interval: 50 }).toEqual([0, 0, 0]);
}

async function fillStreams(): Promise<void> {
  for (const key of await redis.keys('*')) {
    if (!isCapped(key)) continue;
    const add = `for i = 1, ${CAPPED} do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${CAPPED}, '*', 'event', 'filled', 'jobId', 'none') end`;
    await redis.eval(add, 1, key);
  }
}

test('keys and memory stay as they are, kind by kind, however many plans and tasks come and go', async () => {
  await workRound();
  await fillStreams();
  await workRound();
  const before = await measure();
  await workRound();
  const after = await measure();
  const kinds = [...new Set([...Object.keys(before.keys), ...Object.keys(after.keys)])];
  /** Those of which there is more by `most` than before. */
  const grown = (what: 'keys' | 'bytes', most: (kind: string) => number) =>
    kinds
      .map((kind) => [kind, before[what][kind] ?? 0, after[what][kind] ?? 0] as const)
      .filter(([kind, earlier, later]) => later - earlier > most(kind));
  // Which of what is kept it is differs from round to round.
  expect(grown('keys', () => KEPT)).toEqual([]);
  expect(grown('bytes', (kind) => (kind.includes('<') ? 50_000 : 1_000))).toEqual([]);
});
