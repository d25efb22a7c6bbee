/** The API on a Redis that was emptied under it: no call may read as if there were nothing. */
import type { Plan, Problem } from '@countersign/shared';
import { openStore, type Store, startEmbeddedRedis } from '@countersign/store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { send } from '../../../test/redis/test-redis.ts';
import { readEventStream } from '../test/event-reader.ts';
import { callApi, collectingLogger, TOOLS, twoSteps } from '../test/running-api.ts';
import { OPERATIONS } from './operations.ts';
import { filledPath } from './perform.ts';
import { type RunningApi, startApi } from './server.ts';

let url: string;
let store: Store;
let running: RunningApi;
let redisUrl: string;
const { logger, lines } = collectingLogger();
const cleanUps: (() => unknown)[] = [];
beforeAll(async () => {
  const redis = await startEmbeddedRedis();
  cleanUps.push(() => redis.stop());
  redisUrl = redis.url;
  store = openStore({ redis: { url: redisUrl } });
  cleanUps.push(() => store.close());
  expect(await store.prepare(logger, AbortSignal.timeout(30_000), { checkEveryMs: 25 })).toEqual({ ok: true });
  running = await startApi({ store, logger, keys: null, host: '127.0.0.1', port: 0 });
  cleanUps.push(() => running.close());
  url = running.url;
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

/** They answer from what this process knows by itself. */
const WITHOUT_STORE = ['health', 'metrics', 'openapi', 'docs', 'listTemplates', 'readPolicy'];

const ID = '0000000000000000000000';
const PREFIXES: Record<string, string> = { tasks: 'tsk', plans: 'pln', webhooks: 'whk', keys: 'key' };

it('every call is refused as store_replaced, until the right store is back', async () => {
  await store.announceTools(TOOLS);
  const { plan } = (await callApi<{ plan: Plan }>(url, '/v1/plans', { body: twoSteps() })).body;
  const stream = await readEventStream(`${url}/v1/plans/${plan.id}/events`);
  const identity = (await send(redisUrl, 'GETRANGE {cs0}:store 0 -1')).split('\r\n')[1];
  await send(redisUrl, 'FLUSHALL');

  await stream.rest();
  await expect
    .poll(() => lines.filter(({ level }) => level === 'error'))
    .toEqual([expect.objectContaining({ code: 'replaced', message: expect.stringContaining('Redis holds no store under {cs0}') })]);
  // The tools are remembered for a moment.
  await expect.poll(async () => (await callApi<Problem>(url, '/v1/tools')).body.code).toBe('store_replaced');
  const answers: Record<string, unknown> = {};
  for (const definition of OPERATIONS) {
    const kind = definition.path.split('/')[2] ?? '';
    const path = filledPath(definition, { id: `${PREFIXES[kind]}_${ID}`, n: '1', stepId: 'a', deliveryId: `whd_${ID}` });
    const query = definition.id === 'diffRevisions' ? '?from=1&to=2' : '';
    const { status, body } = await callApi<Problem>(url, path + query, {
      method: definition.method.toUpperCase(),
      ...(definition.body && { body: definition.body.example }),
      headers: { 'If-Match': plan.digest, 'Idempotency-Key': definition.id },
    });
    answers[definition.id] = body?.code ?? status;
  }
  const others = Object.entries(answers).filter(([, answer]) => answer !== 'store_replaced');
  expect(others.map(([id]) => id).sort()).toEqual([...WITHOUT_STORE].sort());
  expect((await callApi<Problem>(url, '/admin/queues/api/queues')).body.code).toBe('store_replaced');
  const { body, headers } = await callApi<Problem>(url, '/v1/plans');
  expect([body.detail, headers.get('retry-after')]).toEqual([expect.stringContaining('bring the right one back, or restart'), null]);

  await send(redisUrl, `SET {cs0}:store ${identity}`);
  await expect.poll(async () => (await callApi(url, '/readyz')).status).toBe(200);
  expect((await callApi(url, '/v1/plans')).status).toBe(200);
});
