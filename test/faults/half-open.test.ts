/**
 * Connections whose other end is gone without a word, as after a power loss: they are noticed, and made anew. Those that
 * only wait are not cut. The tests run side by side, because most of their time is silence; each has keys of its own.
 */
import { type Event, type PlanContent, plainDecision, validatePlan } from '@countersign/shared';
import { type EmbeddedRedis, freePort, openStore, type Store, StoreUnavailableError, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startTestRedis, type TestRedis } from '../redis/test-redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const ada = { actor: { id: 'ada', roles: ['admin' as const] } };
const COMMAND_MS = 1_000;
/** ms within which everything is found out: the longest silence is 12 s */
const FOUND_OUT_MS = 40_000;

const eventually = <Value>(check: () => Value | Promise<Value>): Promise<Value> =>
  vi.waitFor(async () => check(), { timeout: FOUND_OUT_MS, interval: 50 });
const whenReady = (store: Store) => eventually(async () => expect(await store.readiness()).toEqual({ ready: true }));

let server: TestRedis;
let cluster: EmbeddedRedis;
let clusterProxy: TcpProxy;
const cleanUps: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startTestRedis();
  // A cluster of one node, which tells its clients that it is where the proxy is.
  clusterProxy = await startTcpProxy(() => cluster.port);
  cluster = await startEmbeddedRedis({
    settings: {
      'cluster-enabled': 'yes',
      'cluster-port': String(await freePort()),
      'cluster-announce-ip': '127.0.0.1',
      'cluster-announce-port': String(clusterProxy.port),
    },
  });
  const node = new Redis(cluster.url);
  await node.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await eventually(async () => expect(await node.cluster('INFO')).toMatch(/cluster_state:ok/));
  node.disconnect();
});
afterAll(async () => {
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()));
  await clusterProxy.close();
  await Promise.all([server.stop(), cluster.stop()]);
});

interface Way {
  /** goes through the proxy */
  store: Store;
  /** goes to Redis itself */
  direct: Store;
  client: Redis;
  proxy: TcpProxy;
  tag: string;
}

async function single(tag: string): Promise<Way> {
  const proxy = await startTcpProxy(() => Number(new URL(server.url).port));
  const store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, tag, commandTimeoutMs: COMMAND_MS });
  const direct = openStore({ redis: { url: server.url }, tag });
  const client = new Redis(server.url);
  cleanUps.push(async () => {
    client.disconnect();
    await Promise.all([store.close(), direct.close()]);
    await proxy.close();
  });
  await whenReady(store);
  return { store, direct, client, proxy, tag };
}

async function content(): Promise<PlanContent> {
  const contract = { name: 'test.read', description: 'Reads.', risk: 'read' as const, idempotent: true, inputSchema: { type: 'object' } };
  const rest = { outputSchema: null, timeoutMs: null, retry: null, queue: null, examples: [] };
  const tools = new Map([['test.read', { ...contract, ...rest }]]);
  const result = validatePlan({ objective: 'be followed', steps: [{ id: 'a', tool: 'test.read' }] }, { tools });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  return result.content;
}

async function launch(store: Store): Promise<string> {
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content: await content(), digest: 'sha256:0', origin: 'manual', createdBy: 'ada', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

/** Messages come over the subscription again. */
async function hearsAgain({ store, client, tag }: Omit<Way, 'proxy' | 'direct'>, break_: () => void): Promise<void> {
  const heard: string[] = [];
  await store.onHalt(({ planId }) => heard.push(planId));
  await client.publish(`{${tag}0}:halt`, 'cancel:before');
  await eventually(() => expect(heard).toEqual(['before']));
  break_();
  await client.publish(`{${tag}0}:halt`, 'cancel:lost');
  const told = async () => {
    await client.publish(`{${tag}0}:halt`, 'cancel:after');
    return heard.includes('after');
  };
  await eventually(async () => expect(await told()).toBe(true));
  expect(heard).not.toContain('lost');
}

/** Takes one job of each kind over each worker, from before and after `break_`. */
async function takesWorkAgain({ store, direct }: Pick<Way, 'store' | 'direct'>, break_: () => void): Promise<void> {
  const taken = new Set<string>();
  const options = { concurrency: 2, onError() {} };
  const consumers = [
    store.consumePlanning(async (job) => taken.add('taskId' in job ? job.taskId : ''), options),
    store.consumeSteps(
      async ({ planId }) => {
        taken.add(planId);
        return { word: 'seen' };
      },
      { ...options, executor: 'test', persist: (call) => call() },
    ),
    store.consumeDuties(async ({ duty }) => taken.add(duty), options),
  ];
  cleanUps.unshift(() => Promise.all(consumers.map((consumer) => consumer.close())));
  const giveOut = async (): Promise<string[]> => {
    const created = await direct.createTask({ request: { objective: 'be planned' }, ...ada } as never);
    if (!created.ok) throw new Error(created.refusal.message);
    return [created.value.id, await launch(direct)];
  };
  const before = await giveOut();
  await eventually(() => expect(before.filter((id) => !taken.has(id))).toEqual([]));
  break_();
  // On a cluster nothing goes past the proxy: what is to be found out is found out here, too.
  const after = await eventually(giveOut);
  await direct.scheduleDuty('clock', 500);
  await eventually(() => expect([...after, 'clock'].filter((id) => !taken.has(id))).toEqual([]));
}

test.concurrent('that of commands: the command that finds out fails, and those after it are answered', async () => {
  const { store, proxy } = await single('commands');
  proxy.halfOpen();
  expect(await store.readiness()).toMatchObject({ ready: false });
  await whenReady(store);
});

test.concurrent('that of a subscription: the messages after the lost ones are heard', async () => {
  const way = await single('subscription');
  await hearsAgain(way, () => way.proxy.halfOpen());
});

test.concurrent('that of an event stream: who goes on behind the last event that was seen misses none', async () => {
  const { store, direct, client, proxy, tag } = await single('stream');
  const planId = await launch(direct);
  const seen: Event[] = [];
  const follow = async (): Promise<void> => {
    const { signal } = new AbortController();
    for (;;) {
      try {
        for await (const event of store.tailEvents(planId, { after: seen.at(-1)?.id ?? '0', signal })) seen.push(event);
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
    }
  };
  const followed = follow();
  await direct.pausePlan(planId, ada);
  await eventually(() => expect(seen.at(-1)?.type).toBe('plan.paused'));
  // The connection that waits for events is there, and waits.
  await eventually(async () => expect(await client.client('LIST')).toMatch(new RegExp(`name=\\{${tag}0\\}.* cmd=xread`)));
  proxy.halfOpen();
  await direct.resumePlan(planId, ada);
  await eventually(() => expect(seen.map(({ type }) => type)).toContain('plan.resumed'));
  await direct.cancelPlan(planId, ada);
  await followed;
  expect(seen).toEqual(await direct.readEvents(planId));
});

test.concurrent('those of workers, blocking ones too: steps, tasks and duties are taken again', async () => {
  const way = await single('workers');
  await takesWorkAgain(way, () => way.proxy.halfOpen());
});

test.concurrent('on a cluster: commands, messages and work go on', async () => {
  const tag = 'clustered';
  const redis = { url: `redis://127.0.0.1:${clusterProxy.port}`, cluster: true };
  const store = openStore({ redis, tag, commandTimeoutMs: COMMAND_MS });
  const client = new Redis(cluster.url);
  cleanUps.push(async () => {
    client.disconnect();
    await store.close();
  });
  await whenReady(store);
  await hearsAgain({ store, client, tag }, () => clusterProxy.halfOpen());
  await whenReady(store);
  await takesWorkAgain({ store, direct: store }, () => clusterProxy.halfOpen());
});

test.concurrent('that is none: what only waits is left alone, for longer than the longest silence', async () => {
  const { store, direct, client, tag } = await single('idle');
  await store.onHalt(() => {});
  const over = new AbortController();
  const planId = await launch(direct);
  await direct.pausePlan(planId, ada);
  const followed = (async () => {
    for await (const _event of store.tailEvents(planId, { signal: over.signal }));
  })();
  const consumer = store.consumePlanning(async () => {}, { concurrency: 1, onError() {} });
  cleanUps.unshift(() => consumer.close());
  const connections = async (): Promise<{ id: string; age: number }[]> =>
    `${await client.client('LIST')}`
      .split('\n')
      .filter((line) => line.includes(`name={${tag}0}`))
      .map((line) => ({ id: /^id=(\d+)/.exec(line)?.[1] ?? '', age: Number(/ age=(\d+)/.exec(line)?.[1]) }));
  // Commands, messages and streams, the worker's two; and those of the other store.
  await eventually(async () => expect(await connections()).toHaveLength(6));
  const before = await connections();
  await eventually(async () => expect(Math.min(...(await connections()).map(({ age }) => age))).toBeGreaterThan(13));
  expect((await connections()).map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
  over.abort();
  await followed;
});
