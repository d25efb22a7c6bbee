/** What no executor has any more, and what is left of API keys. */
import { plainDecision, type ToolContract } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN } from './plan-by-hand.ts';

const server = useTestRedis();
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

let now: number;
let store: Store;
let redis: Redis;
beforeAll(() => {
  redis = new Redis(server.url);
});
afterAll(() => redis.disconnect());
beforeEach(() => {
  now = 1_800_000_000_000;
  store = openStore({ redis: { url: server.url }, shards: 2, clock: () => now });
});
afterEach(() => store.close());

const contract = (name: string, description = 'old'): ToolContract => ({
  ...{ name, description, risk: 'read', idempotent: true, inputSchema: { type: 'object' }, outputSchema: null },
  ...{ timeoutMs: null, retry: null, queue: null, examples: [] },
});
const names = async (): Promise<string[]> => (await store.listTools()).map(({ name }) => name);
const NOTHING = { tools: [], conditions: [], queues: [] };

test('a tool and a condition that no executor has announced for a week are forgotten; those that one still has stay', async () => {
  await store.announceTools([contract('here.still'), contract('gone')]);
  await store.announceConditions(['is_here', 'is_gone']);
  now += 6 * DAY_MS;
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual(NOTHING);
  await store.renewAnnouncement({ contracts: [contract('here.still')], conditions: ['is_here'], queues: [] });
  now += 2 * DAY_MS;
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual({ tools: ['gone'], conditions: ['is_gone'], queues: [] });
  expect([await names(), await store.listConditions()]).toEqual([['here.still'], ['is_here']]);
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual(NOTHING);
});

test('an executor that says that it still has a tool brings it back, and leaves the newer contract of another one', async () => {
  await store.announceTools([contract('a', 'old')]);
  await store.announceTools([contract('a', 'new')]);
  await store.renewAnnouncement({ contracts: [contract('a', 'old'), contract('b')], conditions: [], queues: [] });
  expect((await store.listTools()).map(({ name, description }) => [name, description])).toEqual([
    ['a', 'new'],
    ['b', 'old'],
  ]);
  await store.retractTools(['a']);
  expect(await names()).toEqual(['b']);
  expect(await redis.zrange('{cs0}:announced', '0', '-1')).toEqual(['tool:b']);
});

test('what was announced to a release that kept no times has a week from now on', async () => {
  await redis.hset('{cs0}:tools', 'former', JSON.stringify(contract('former')));
  await redis.sadd('{cs0}:conditions', 'was_there');
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual(NOTHING);
  now += 8 * DAY_MS;
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual({ tools: ['former'], conditions: ['was_there'], queues: [] });
});

async function startPlan(): Promise<string> {
  const decision = plainDecision(0, 'for a test');
  const { content, digest } = await createCommand({ plan: { objective: 'x', steps: [{ id: 'a', tool: TOOL }] }, decision, draft: false });
  const tools = Object.fromEntries(Object.entries(content.tools).map(([name, tool]) => [name, { ...tool, queue: 'mail' }]));
  const created = await store.createPlan({ content: { ...content, tools }, digest, origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

test('a queue that no executor has announced for a week goes once no plan under way waits for it, with all that BullMQ kept of it', async () => {
  await store.renewAnnouncement({ contracts: [], conditions: [], queues: ['steps', 'mail'] });
  const plans: string[] = [];
  for (let number = 0; number < 6; number++) plans.push(await startPlan());
  await store.limitQueue('mail', { concurrency: 2 });
  const [last = '', ...others] = plans;
  for (const id of others) await store.cancelPlan(id, { actor: ANN });
  now += 8 * DAY_MS;
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual(NOTHING);
  expect(await store.getPlan(last)).toMatchObject({ status: 'executing' });
  await store.cancelPlan(last, { actor: ANN });
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual({ ...NOTHING, queues: ['mail'] });
  expect(await redis.keys('*:bull:mail:*')).toEqual([]);
  expect(await redis.zrange('{cs0}:announced', '0', '-1')).toEqual(['queue:steps']);
  expect(await store.forgetAnnounced(WEEK_MS)).toEqual(NOTHING);
});

test('an API key that Redis has forgotten leaves the list', async () => {
  const create = (id: string) => store.createKey({ id, digest: 'd', name: id, roles: ['viewer'], expiresAt: null, actor: { id: 'ann' } });
  for (let number = 100; number < 250; number++) await create(`key_${number}`);
  for (let number = 100; number < 230; number++) await redis.del(`{cs0}:key:key_${number}`);
  expect(await store.forgetKeyPlaces()).toBe(130);
  expect(await redis.zcard('{cs0}:keys')).toBe(20);
  expect(await store.forgetKeyPlaces()).toBe(0);
});
