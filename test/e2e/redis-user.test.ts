/** The user that docs/operations.md describes is enough for everything that the services do, and for nothing else. */
import { openStore, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeDocumentedUser, refusedByRedis } from '../redis/documented-user.ts';
import { restoreFormerLayout } from '../redis/former-layout.ts';
import { Fleet } from './fleet.ts';
import { recordStep } from './record-step.ts';

let fleet: Fleet;
let userUrl = '';
beforeAll(async () => {
  fleet = await Fleet.start({
    planner: true,
    redisUrl: async (redis) => {
      userUrl = await makeDocumentedUser(redis);
      return userUrl;
    },
    env: { QUEUES: '{"narrow":{"concurrency":1,"rate":{"max":100,"durationMs":1000}}}' },
  });
});
afterAll(() => fleet?.close());

test('everything that the services do is allowed', async () => {
  const gated = await fleet.launch({
    objective: 'a gate, a retry, a list and a queue of its own',
    steps: [
      recordStep('again', { failAttempts: 1 }, { retry: { maxAttempts: 2, backoff: 'fixed', delayMs: 50 } }),
      recordStep('ask', {}, { approval: { message: 'Go on?', quorum: 1 } }),
      recordStep('each', { value: '{{item}}' }, { forEach: '{{input.list}}', maxItems: 3 }),
      { ...recordStep('own'), tool: 'test.queued' },
    ],
    input: { list: [1, 2] },
  });
  const stream = fetch(`${fleet.url}/v1/plans/${gated.id}/events`).then((response) => response.text());
  await expect.poll(async () => (await fleet.plan(gated.id)).steps[1]?.status).toBe('awaiting_approval');
  await fleet.act(gated.id, 'steps/ask/approve');
  await fleet.until(gated.id, 'completed');
  expect(await stream).toContain('event: plan.completed');

  const { file } = fleet.gate('never');
  const held = await fleet.launch({
    objective: 'held',
    steps: [recordStep('held', { holdUntil: file }), recordStep('behind', {}, { dependsOn: ['held'] })],
  });
  await fleet.untilLedger(held.id, ({ what }) => what === 'start');
  await fleet.act(held.id, 'pause');
  await fleet.act(held.id, 'resume');
  await fleet.act(held.id, 'cancel');
  await fleet.untilLedger(held.id, ({ what }) => what === 'aborted');

  const failed = await fleet.launchUntil({ objective: 'failed', steps: [recordStep('a', { failAttempts: 1, fatal: true })] }, 'failed');
  const revised = await fleet.revise(failed, { steps: [recordStep('b')] });
  expect(revised.status).toBe(200);
  await fleet.until(failed.id, 'completed');
  expect((await fleet.call('DELETE', `/v1/plans/${failed.id}`)).status).toBe(204);

  const task = await fleet.call('POST', '/v1/tasks', {
    body: { objective: 'Count the lines in .' },
    headers: { 'Idempotency-Key': 'one' },
  });
  await expect.poll(async () => (await fleet.task(task.body.task.id)).status).toBe('planned');
  for (const path of [
    '/v1/plans',
    '/v1/tasks',
    '/v1/approvals',
    '/v1/tools',
    '/readyz',
    '/metrics',
    '/admin/queues/api/queues?activeQueue=steps',
  ])
    await fleet.call('GET', path);
  expect((await fleet.call('GET', '/readyz')).status).toBe(200);
  expect(await refusedByRedis(fleet.redis)).toEqual([]);
});

test('nothing else is allowed', async () => {
  const user = new Redis(userUrl);
  try {
    for (const [command = '', ...args] of [
      ['GET', 'other'],
      ['SET', 'cs0:x', '1'],
      ['EVAL', "return redis.call('GET', 'other')", '0'],
      ['EVAL', "return redis.call('KEYS', '*')", '0'],
      ['PUBLISH', 'other', 'x'],
      ['SUBSCRIBE', 'other'],
      ['KEYS', '*'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', 'dir'],
      ['ACL', 'LIST'],
      ['CLIENT', 'KILL', 'ID', '1'],
      ['SCRIPT', 'FLUSH'],
      ['SHUTDOWN'],
      ['REPLICAOF', 'NO', 'ONE'],
      ['MONITOR'],
    ])
      await expect(user.call(command, ...args), command).rejects.toThrow(/NOPERM|permission|The user executing the script can't/i);
  } finally {
    user.disconnect();
  }
});

test('the migration is allowed, too', async () => {
  const redis = await startEmbeddedRedis();
  try {
    await restoreFormerLayout(redis.url);
    const store = openStore({ redis: { url: await makeDocumentedUser(redis) } });
    const said: string[] = [];
    const log = (_fields: object, message: string): number => said.push(message);
    expect(await store.prepare({ info: log, warn: log, error: log }, AbortSignal.timeout(20_000))).toEqual({ ok: true });
    await store.close();
    expect(said).toEqual([expect.stringContaining('BGREWRITEAOF'), expect.stringContaining('begins'), 'migration to layout 1 is done']);
    expect(await refusedByRedis(redis)).toEqual([]);
  } finally {
    await redis.stop();
  }
});
