/** Services on a real Redis Cluster: each shard on a node of its own, to whoever calls the API it is one. */
import { type Event, type Plan, type PlanDraft, shardOf } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../redis/test-cluster.ts';
import { Fleet } from './fleet.ts';
import { startService } from './processes.ts';
import { recordStep } from './record-step.ts';

const SHARDS = 3;
const ALL = [0, 1, 2];

let cluster: TestCluster;
let fleet: Fleet;
beforeAll(async () => {
  cluster = await startTestCluster();
  // What the services are told of Redis here goes before the fleet's own server.
  fleet = await Fleet.start({ planner: true, env: { REDIS_URL: cluster.url, REDIS_CLUSTER: 'true', SHARDS: String(SHARDS) } });
}, 60_000);
afterAll(async () => {
  await fleet?.close();
  await cluster?.stop();
});

/** Creates until each shard has got one; gives the last one of each. */
async function oneInEach<Thing extends { id: string }>(create: () => Promise<Thing>): Promise<Thing[]> {
  const found = new Map<number, Thing>();
  while (found.size < SHARDS) {
    const created = await create();
    found.set(shardOf(created.id), created);
  }
  return ALL.map((shard) => found.get(shard) as Thing);
}

const chain = (options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'run on a cluster',
  steps: [recordStep('a'), recordStep('b'), recordStep('c', {}, { dependsOn: ['a', 'b'] })],
  options,
});

/** Follows a plan's events as a browser does: where a stream breaks off it connects again, with the last event that it has seen. */
async function follow(planId: string): Promise<Event[]> {
  const events: Event[] = [];
  while (!/^plan\.(completed|failed|cancelled)$/.test(events.at(-1)?.type ?? '')) {
    const { status, body } = await fleet.call('GET', `/v1/plans/${planId}/events`, {
      headers: { 'last-event-id': events.at(-1)?.id ?? '0' },
    });
    if (status === 200) for (const [, data = ''] of String(body).matchAll(/^data: (.*)$/gm)) events.push(JSON.parse(data) as Event);
  }
  return events;
}

test('the shards lie on three nodes, and plans on each run to their end', async () => {
  const plans = await oneInEach(() => fleet.launch(chain()));
  for (const { id } of plans) expect(await fleet.until(id, 'completed')).toMatchObject({ progress: { percent: 100 } });
  const tags = await Promise.all(
    cluster.masters.map(async ({ client }) => [...new Set((await client.keys('*')).map((key) => /^\{.*?\}/.exec(key)?.[0]))]),
  );
  expect(tags).toEqual([['{cs2}'], ['{cs0}'], ['{cs1}']]);
});

test('tasks are planned in each shard, and each plan lies beside its task', async () => {
  const tasks = await oneInEach(async () => {
    const answer = await fleet.call('POST', '/v1/tasks', { body: { objective: 'wait 5 ms, then wait 6 ms' } });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    return answer.body.task as { id: string };
  });
  for (const { id } of tasks) {
    await expect.poll(async () => (await fleet.task(id)).status, { timeout: 20_000 }).toBe('planned');
    expect(shardOf((await fleet.task(id)).planId ?? '')).toBe(shardOf(id));
  }
});

test('what waits is listed oldest first, decided on, and followed live from each node', async () => {
  const plans = await oneInEach(() => fleet.createPlan(chain()));
  const waiting = (await fleet.call('GET', '/v1/approvals')).body.items.map(({ planId }: { planId: string }) => planId);
  const ids = plans.map(({ id }) => id).sort();
  expect(waiting.filter((id: string) => ids.includes(id))).toEqual(ids);
  const followed = plans.map(({ id }) => follow(id));
  for (const plan of plans) await fleet.approve(plan);
  for (const [at, { id }] of plans.entries()) {
    const events = (await followed[at]) as Event[];
    expect(events.at(-1)?.type).toBe('plan.completed');
    expect(events).toEqual(await fleet.events(id));
  }
});

test('pages of plans are full and in order', async () => {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const { body } = await fleet.call('GET', `/v1/plans?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`);
    seen.push(...body.items.map(({ id }: Plan) => id));
    cursor = body.nextCursor;
    if (cursor !== null) expect(body.items).toHaveLength(3);
  } while (cursor !== null);
  expect(seen).toEqual([...seen].sort().reverse());
  expect(new Set(seen.map(shardOf)).size).toBe(SHARDS);
});

test('the same Idempotency-Key makes one plan, whichever node it is on', async () => {
  for (let i = 0; i < 8; i++) {
    const call = { body: { ...chain(), draft: true }, headers: { 'idempotency-key': `cluster-${i}` } };
    const answers = await Promise.all([1, 2, 3].map(() => fleet.call('POST', '/v1/plans', call)));
    expect(new Set(answers.map(({ body }) => body.plan.id)).size).toBe(1);
  }
});

test('a cancel reaches the running step of each shard', async () => {
  const gate = fleet.gate('after the cancels');
  const plans = await oneInEach(() => fleet.launch({ objective: 'hold', steps: [recordStep('held', { holdUntil: gate.file })] }));
  for (const { id } of plans) {
    await fleet.untilLedger(id, ({ what }) => what === 'start');
    await fleet.act(id, 'cancel');
    await fleet.untilLedger(id, ({ what }) => what !== 'start');
  }
  // Of a shard that got more than one, the others are still held.
  gate.open();
});

test('the dashboard tells the queues of the shards apart', async () => {
  const { body } = await fleet.call('GET', '/admin/queues/api/queues');
  const names = body.queues.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(ALL.map((shard) => `shard ${shard}: steps`)));
  expect(names.filter((name: string) => name.endsWith('maintenance'))).toEqual(['shard 0: maintenance']);
});

test('a service that is told wrongly what Redis is ends with code 78 and says what to set', async () => {
  const wrong = {
    'REDIS_CLUSTER: Redis is a node of a cluster; set REDIS_CLUSTER=true': { REDIS_URL: cluster.masters[0]?.server.url ?? '' },
    'REDIS_CLUSTER: is true, and Redis is no cluster': { REDIS_URL: fleet.redis.url, REDIS_CLUSTER: 'true' },
  };
  await Promise.all(
    Object.entries(wrong).map(async ([words, env]) => {
      const planner = startService('planner', { PLANNER: 'rules', ...env });
      expect(await planner.ended()).toBe(78);
      expect(planner.log().map(({ message }) => message)).toContainEqual(expect.stringContaining(words));
    }),
  );
});

test('a master that is killed is replaced by its replica: its plans go on, and so do those who follow them', async () => {
  const gate = fleet.gate('after the failover');
  const draft: PlanDraft = {
    objective: 'outlive a node',
    steps: [recordStep('held', { holdUntil: gate.file }), recordStep('after', {}, { dependsOn: ['held'] })],
  };
  const plans = await oneInEach(() => fleet.launch(draft));
  for (const { id } of plans) await fleet.untilLedger(id, ({ what }) => what === 'start');
  const followed = plans.map(({ id }) => follow(id));
  await cluster.replicated();
  await cluster.masters.at(-1)?.server.kill();
  await expect.poll(async () => `${await cluster.replica.client.call('ROLE')}`, { timeout: 20_000 }).toMatch(/^master/);
  gate.open();
  for (const [at, { id }] of plans.entries()) {
    await fleet.until(id, 'completed');
    expect(await followed[at]).toEqual(await fleet.events(id));
  }
  const after = await oneInEach(() => fleet.launch(chain()));
  for (const { id } of after) await fleet.until(id, 'completed');
}, 60_000);

test('every service ends in good order', async () => {
  const services = [fleet.api, fleet.planner, ...fleet.executors];
  const codes = await Promise.all(services.map((service) => service?.end('SIGTERM')));
  const words = services.filter((_service, at) => codes[at] !== 0).map((service) => service?.log().slice(-8));
  expect(codes, JSON.stringify(words)).toEqual([0, 0, 0, 0]);
});
