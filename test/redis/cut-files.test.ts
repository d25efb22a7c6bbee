/** An append-only file whose end was cut off in the middle of a transaction: what comes after must be whole, at every later start. */
import { foldEvents, type PlanDraft, plainDecision } from '@countersign/shared';
import { openStore, type PrepareLogger, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { seededRandom } from '../random.ts';
import { ANN, planOf } from '../store/plan-by-hand.ts';
import { cutInTransaction } from './append-only-file.ts';
import { BareRedis } from './bare-redis.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const step = (id: string, ...dependsOn: string[]) => ({ id, tool: TOOL, dependsOn });
const PLAN: PlanDraft = {
  objective: 'go on after each start',
  steps: [
    step('a'),
    step('b'),
    step('c'),
    step('d', 'a', 'b', 'c'),
    step('e', 'a', 'b'),
    step('f', 'd', 'e'),
    step('g', 'f'),
    step('h', 'g'),
  ],
  options: { maxParallelSteps: 2 },
};

async function bareRedis(): Promise<BareRedis> {
  const redis = await BareRedis.start();
  cleanUps.push(() => redis.remove());
  return redis;
}

function connect(redis: BareRedis): Redis {
  const client = new Redis(redis.url, { retryStrategy: () => 25, maxRetriesPerRequest: null });
  client.on('error', () => {});
  cleanUps.push(() => client.disconnect());
  return client;
}

interface Line {
  level: 'info' | 'warn' | 'error';
  message: string;
}

async function prepared(url: string): Promise<{ store: Store; lines: Line[] }> {
  const store = openStore({ redis: { url } });
  cleanUps.push(() => store.close());
  const lines: Line[] = [];
  const say = (level: Line['level']) => (_fields: object, message: string) => void lines.push({ level, message });
  const logger: PrepareLogger = { info: say('info'), warn: say('warn'), error: say('error') };
  expect(await store.prepare(logger, AbortSignal.timeout(10_000))).toEqual({ ok: true });
  return { store, lines };
}

const rewritten = async (client: Redis): Promise<void> => {
  const state = async (): Promise<string[]> => {
    const info = await client.info('persistence');
    return ['aof_rewrite_in_progress', 'aof_last_bgrewrite_status', 'aof_last_rewrite_time_sec'].map(
      (name) => new RegExp(`${name}:(\\S+)`).exec(info)?.[1] ?? '',
    );
  };
  await expect.poll(state, { timeout: 20_000 }).toEqual(['0', 'ok', expect.not.stringMatching('-1')]);
};

/** Runs steps as they are queued until so many of the plan have completed. */
async function run(store: Store, client: Redis, { planId, completed }: { planId: string; completed: number }): Promise<void> {
  for (;;) {
    const { progress, steps } = await planOf(store, planId);
    if (progress.completed >= completed) return;
    const next = steps.find(({ status }) => status === 'queued' || status === 'running');
    if (next === undefined) throw new Error(`nothing of ${planId} can run: ${steps.map(({ id, status }) => `${id} ${status}`).join(', ')}`);
    const delivery = Number(((await client.hget(`{cs0}:plan:${planId}:steps`, next.id)) ?? '').split('|')[3]);
    const hold = { planId, stepId: next.id, token: `${next.id}.${delivery}` };
    expect(await store.claimStep({ ...hold, generation: 1, delivery }, { token: hold.token, executor: 'test' })).toMatchObject({
      ok: true,
    });
    expect(await store.completeStep(hold, '1')).toEqual({ ok: true });
  }
}

test.each([1, 2, 3, 4])(
  'the store of a running process has a file that was cut off rewritten, and the plan goes on through the next crash; seed %i',
  async (seed) => {
    const random = seededRandom(seed);
    const redis = await bareRedis();
    const client = connect(redis);
    const { store } = await prepared(redis.url);
    const { content, digest } = await createCommand({ plan: PLAN, decision: plainDecision(0, 'for a test'), draft: false });
    const decision = plainDecision(0, 'nobody has to');
    const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
    if (!created.ok) throw new Error(created.refusal.message);
    const planId = created.value.id;
    await rewritten(client);
    await run(store, client, { planId, completed: random.between(1, 4) });

    await redis.kill();
    cutInTransaction(redis.dataDir, random);
    await redis.start();
    await rewritten(client);
    await run(store, client, { planId, completed: random.between(5, 7) });

    await redis.kill();
    await redis.start();
    expect(redis.log()).not.toContain('MULTI calls can not be nested');
    await run(store, client, { planId, completed: PLAN.steps.length });
    expect((await planOf(store, planId)).status).toBe('completed');
    const events = await store.readEvents(planId);
    expect(foldEvents(events).status).toBe('completed');
    const ends = events.filter(({ type }) => type === 'step.completed').map(({ stepId }) => stepId);
    expect(ends.sort()).toEqual(PLAN.steps.map(({ id }) => id));
  },
);

test('a process that starts has the file rewritten before it writes anything', async () => {
  const redis = await bareRedis();
  const client = connect(redis);
  await client.eval("for i = 1, 5 do redis.call('SET', 'torn' .. i, i) end", 0);
  await redis.kill();
  cutInTransaction(redis.dataDir, seededRandom(1));
  await redis.start();
  await prepared(redis.url);
  // Killed at once, it may have been in the middle of it, and then refuses one start.
  await redis.kill();
  await redis.start().catch(() => redis.start());
  expect(await client.keys('torn*')).toEqual([]);
  expect(await client.hget('{cs0}:layout', 'number')).not.toBeNull();
});

test('a fleet that starts at once has the file rewritten, and whoever comes behind it, or back, asks for nothing', async () => {
  const redis = await bareRedis();
  const client = connect(redis);
  const rewrites = async () => /aof_rewrites:(\d+)/.exec(await client.info('persistence'))?.[1];
  const fleet = await Promise.all(Array.from({ length: 8 }, () => prepared(redis.url)));
  await rewritten(client);
  // The file is small: one of them may look before a rewrite and ask when that is over.
  const asked = await rewrites();
  expect(Number(asked)).toBeGreaterThan(0);
  await prepared(redis.url);
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  for (const { store } of fleet) await expect.poll(() => store.readiness()).toEqual({ ready: true });
  expect(await rewrites()).toBe(asked);
});

test('where it may not be asked for, one warning says what to allow, and the store is used all the same', async () => {
  const redis = await bareRedis();
  const client = connect(redis);
  await client.call('ACL', 'SETUSER', 'limited', 'on', '>word', '~*', '&*', '+@all', '-bgrewriteaof');
  const { store, lines } = await prepared(`redis://limited:word@127.0.0.1:${redis.port}`);
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await expect.poll(() => store.readiness()).toEqual({ ready: true });
  const warnings = lines.filter(({ level }) => level !== 'info').map(({ message }) => message);
  expect(warnings).toEqual([expect.stringContaining('allow +bgrewriteaof')]);
});
