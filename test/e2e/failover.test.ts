/** Services behind Sentinels: the primary dies in the middle of plans, another server takes over, and work goes on. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan } from '@countersign/shared';
import { openStore } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWatchedRedis, type WatchedRedis } from '../redis/sentinels.ts';
import { removeFolder } from '../remove-folder.ts';
import { readLedger } from './ledger.ts';
import { readyUrl, type ServiceProcess, startService } from './processes.ts';
import { recordStep } from './record-step.ts';

const LIMIT = { timeout: 45_000, interval: 50 };
const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
const ledger = join(folder, 'ledger.jsonl');
const goOn = join(folder, 'go-on');
const services: ServiceProcess[] = [];
let redis: WatchedRedis;
let url = '';

beforeAll(async () => {
  redis = await startWatchedRedis();
  const TOOLS_DIR = fileURLToPath(new URL('../fixtures/tools/', import.meta.url));
  const env = { ...redis.env, WORKSPACE_ROOT: folder, TOOLS_DIR, LEDGER: ledger };
  const api = startService('api', { ...env, HOST: '127.0.0.1', PORT: '0' });
  services.push(api, startService('executor', env));
  url = await readyUrl(api);
  await Promise.all(services.map((service) => service.logged(({ message }) => message === 'started')));
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  await redis?.stop();
  removeFolder(folder);
});

async function call(method: string, path: string, body?: object) {
  const response = await fetch(url + path, {
    method,
    // A call whose answer was lost is repeated, and must not count twice.
    headers:
      body === undefined ? {} : { 'Content-Type': 'application/json', 'Idempotency-Key': JSON.stringify([path, body]).slice(0, 200) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field, which is what the test is about
  return { status: response.status, body: (await response.json()) as any };
}

const planOf = async (id: string): Promise<Plan> => (await call('GET', `/v1/plans/${id}`)).body.plan;

test('a failover in the middle of a plan: what replicas had is there, and the plan goes on to its end', async () => {
  const options = { requireApproval: false };
  const steps = [
    recordStep('before'),
    recordStep('held', { holdUntil: goOn }, { dependsOn: ['before'] }),
    recordStep('after', {}, { dependsOn: ['held'] }),
  ];
  const running: Plan = (await call('POST', '/v1/plans', { objective: 'through a failover', steps, options })).body.plan;
  await expect
    .poll(() => readLedger(ledger, running.id).some(({ stepId, what }) => stepId === 'held' && what === 'start'), LIMIT)
    .toBe(true);
  const waiting: Plan = (await call('POST', '/v1/plans', { objective: 'waits for a person', steps: [recordStep('a')] })).body.plan;
  await redis.caughtUp();

  await redis.primary.kill();
  // The tool gives its result while there is no primary: the executor keeps it until one takes it.
  writeFileSync(goOn, '');
  const vote = async (): Promise<number> => {
    const { status, body } = await call('POST', `/v1/plans/${waiting.id}/approve`, { digest: waiting.digest });
    if (status !== 200) expect([status, body.code]).toEqual([503, 'store_unavailable']);
    return status;
  };
  await expect.poll(vote, LIMIT).toBe(200);
  expect(await redis.primaryPort()).toBe(redis.replica.port);
  expect((await call('GET', '/readyz')).status).toBe(200);
  await expect.poll(async () => (await planOf(running.id)).status, LIMIT).toBe('completed');
  const ended = await planOf(running.id);
  expect(ended.steps.map(({ id, status, attempt }) => `${id} ${status} ${attempt}`)).toEqual([
    'before completed 1',
    'held completed 1',
    'after completed 1',
  ]);
  expect(
    readLedger(ledger, running.id)
      .filter(({ what }) => what === 'start')
      .map(({ stepId }) => stepId),
  ).toEqual(['before', 'held', 'after']);

  await expect.poll(async () => (await planOf(waiting.id)).status, LIMIT).toBe('completed');
});

test('a primary that was made a replica is left, although it is alive', async () => {
  const store = openStore({ redis: redis.target, tag: 'own', commandTimeoutMs: 2_000 });
  const admin = new Redis(await redis.primaryPort(), '127.0.0.1', { password: 'data' });
  const connection = async (): Promise<string | undefined> => {
    const own = String(await admin.client('LIST'))
      .split('\n')
      .find((line) => line.includes('name={own0}:'));
    return /^id=(\d+)/.exec(own ?? '')?.[1];
  };
  try {
    await store.announceConditions(['one']);
    const before = await connection();
    expect(before).toBeDefined();
    await admin.replicaof('127.0.0.1', redis.primary.port);
    await expect(store.announceConditions(['two'])).rejects.toThrow('Redis could not do it');
    await admin.replicaof('NO', 'ONE');
    const announce = (): Promise<boolean> =>
      store.announceConditions(['three']).then(
        () => true,
        () => false,
      );
    await expect.poll(announce, LIMIT).toBe(true);
    expect(await connection()).not.toBe(before);
  } finally {
    admin.disconnect();
    await store.close();
  }
});

test('Sentinels that want another password: refused at the start, with the settings to look at', async () => {
  const executor = startService('executor', { ...redis.env, REDIS_SENTINEL_PASSWORD: 'wrong', WORKSPACE_ROOT: folder });
  expect(await executor.ended()).toBe(78);
  expect(
    executor
      .log()
      .map(({ message }) => String(message))
      .join('\n'),
  ).toMatch(/the Sentinels do not accept REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD/);
});
