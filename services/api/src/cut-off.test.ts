/** The API while Redis does not answer: callers are told so in time, nothing is half done or done twice, and event streams go on without a gap. */
import { type Event, foldEvents, type Plan, type Problem } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../../../test/faults/tcp-proxy.ts';
import { type InspectedRedis, inspectRedis } from '../../../test/redis/inspected-redis.ts';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { readEventStream } from '../test/event-reader.ts';
import { callApi, collectingLogger, TOOLS, twoSteps } from '../test/running-api.ts';
import { type RunningApi, startApi } from './server.ts';

const server = useTestRedis();
let proxy: TcpProxy;
let redis: InspectedRedis;
/** goes to Redis itself */
let direct: Store;
let store: Store;
let api: RunningApi;
beforeEach(async () => {
  proxy = await startTcpProxy(() => Number(new URL(server.url).port));
  redis = inspectRedis(server.url);
  direct = openStore({ redis: { url: server.url } });
  await direct.announceTools(TOOLS);
  store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, commandTimeoutMs: 500 });
  api = await startApi({ store, logger: collectingLogger().logger, keys: null, host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  proxy.blackHole(false);
  await redis.client.call('CLIENT', 'UNPAUSE');
  await api.close();
  await Promise.all([store.close(), direct.close()]);
  redis.close();
  await proxy.close();
});

/** Follows a plan as a browser does: where a stream breaks off, it goes on behind the last event that it has seen. */
async function follow(planId: string): Promise<Event[]> {
  const events: Event[] = [];
  while (events.at(-1)?.type !== 'plan.cancelled') {
    const stream = await readEventStream(`${api.url}/v1/plans/${planId}/events`, { 'Last-Event-ID': events.at(-1)?.id ?? '0' });
    if (stream.status === 200)
      for (let frame = await stream.next(); frame !== null; frame = await stream.next()) if (frame.data) events.push(frame.data);
  }
  return events;
}

const kill = (type: string): Promise<unknown> => redis.client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
/** What happens, and what ends it. */
const FAULTS: Readonly<Record<string, { answers: number[]; begin(): unknown; end(): unknown }>> = {
  'a pause for longer than a command may take': {
    answers: [503],
    begin: () => redis.client.call('CLIENT', 'PAUSE', 60_000, 'WRITE'),
    end: () => redis.client.call('CLIENT', 'UNPAUSE'),
  },
  'a network that loses everything': { answers: [503], begin: () => proxy.blackHole(true), end: () => proxy.blackHole(false) },
  'no way to Redis': { answers: [503], begin: () => proxy.refuse(true), end: () => proxy.refuse(false) },
  'connections that are closed': { answers: [200, 503], begin: () => kill('normal'), end() {} },
  'subscriptions that are closed': { answers: [200], begin: () => kill('pubsub'), end() {} },
};

it.each(Object.entries(FAULTS))('%s', async (_what, { answers, begin, end }) => {
  const { plan } = (await callApi<{ plan: Plan }>(api.url, '/v1/plans', { body: twoSteps() })).body;
  const followed = follow(plan.id);
  const approve = () =>
    callApi<{ plan: Plan } & Problem>(api.url, `/v1/plans/${plan.id}/approve`, { body: { digest: plan.digest }, idempotencyKey: 'once' });
  await begin();
  const first = await approve();
  expect(answers).toContain(first.status);
  if (first.status === 503) expect([first.body.code, first.headers.get('retry-after')]).toEqual(['store_unavailable', '1']);
  await end();
  await expect.poll(async () => (await approve()).status, { timeout: 20_000 }).toBe(200);
  await expect
    .poll(async () => (await callApi(api.url, `/v1/plans/${plan.id}/cancel`, { body: {} })).status, { timeout: 20_000 })
    .not.toBe(503);
  const events = await followed;
  expect(events).toEqual(await direct.readEvents(plan.id));
  expect(events.filter(({ type }) => type === 'plan.voted')).toHaveLength(1);
  expect(foldEvents(events).status).toBe('cancelled');
});
