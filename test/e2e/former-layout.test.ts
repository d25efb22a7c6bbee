/** Data of a release that numbered no layouts, under the services of this one: every task and plan goes on where it was. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan, Task } from '@countersign/shared';
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FORMER_TOOLS_DIR, restoreFormerLayout } from '../redis/former-layout.ts';
import { removeFolder } from '../remove-folder.ts';
import { readyUrl, type ServiceProcess, startService } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
const services: ServiceProcess[] = [];
let redis: EmbeddedRedis;
let url = '';

beforeAll(async () => {
  redis = await startEmbeddedRedis();
  await restoreFormerLayout(redis.url);
  // Its plans ended when the data was made, which is longer ago every day.
  const env = {
    REDIS_URL: redis.url,
    RETENTION_DAYS: 'off',
    WORKSPACE_ROOT: folder,
    TOOLS_DIR: FORMER_TOOLS_DIR,
    GO_ON: join(folder, 'go-on'),
  };
  const api = startService('api', { ...env, HOST: '127.0.0.1', PORT: '0' });
  const rest = [startService('planner', env), startService('executor', env), startService('executor', env)];
  services.push(api, ...rest);
  url = await readyUrl(api);
  await Promise.all(services.map((service) => service.logged(({ message }) => message === 'started')));
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  await redis.stop();
  removeFolder(folder);
});

interface Sent {
  body?: object;
  actor?: string;
}

async function send(method: string, path: string, { body, actor = 'ada' }: Sent = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(url + path, {
    method,
    headers: { 'X-Actor': actor, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

async function call<Body>(method: string, path: string, sent: Sent = {}): Promise<Body> {
  const { status, text } = await send(method, path, sent);
  expect(status, text).toBeLessThan(300);
  return text === '' ? (undefined as Body) : JSON.parse(text);
}

async function planNamed(objective: string): Promise<Plan> {
  const { items } = await call<{ items: Plan[] }>('GET', '/v1/plans');
  const id = items.find((item) => item.objective === objective)?.id;
  return (await call<{ plan: Plan }>('GET', `/v1/plans/${id}`)).plan;
}

const statusOf = async (objective: string): Promise<string> => (await planNamed(objective)).status;
const becomes = (objective: string, status: Plan['status']) =>
  expect.poll(() => statusOf(objective), { timeout: 45_000, interval: 50 }).toBe(status);
async function approve(objective: string, actor: string): Promise<void> {
  const { id, digest } = await planNamed(objective);
  await call('POST', `/v1/plans/${id}/approve`, { body: { digest }, actor });
}

test('one of the processes migrated, and all are ready', async () => {
  const messages = services.flatMap((service) => service.log().map(({ message }) => message));
  expect(messages.filter((message) => message === 'migration to layout 1 is done')).toHaveLength(1);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test('every task and plan is there, as it was', async () => {
  const { items } = await call<{ items: Plan[] }>('GET', '/v1/plans?limit=200');
  expect(items.map(({ objective }) => objective).sort()).toEqual(
    ['Count the lines in docs', 'a draft', 'a gate with a vote', 'cancelled', 'completed', 'failed', 'paused', 'pending', 'rejected']
      .concat(['running, queued, in backoff and waiting', 'two people'])
      .sort(),
  );
  for (const status of ['completed', 'failed', 'rejected', 'cancelled']) expect(await statusOf(status)).toBe(status);
  const audit = await call<{ events: { type: string }[] }>('GET', `/v1/plans/${(await planNamed('completed')).id}/audit`);
  expect(audit.events.at(-1)?.type).toBe('plan.completed');
});

test('what ran, was queued, was in backoff and waited goes on and completes', async () => {
  writeFileSync(join(folder, 'go-on'), '');
  await becomes('running, queued, in backoff and waiting', 'completed');
  const { steps } = await planNamed('running, queued, in backoff and waiting');
  expect(steps.map(({ id, status }) => `${id} ${status}`)).toEqual(
    ['backoff', 'held', 'also', 'more', 'waiting', 'last'].map((id) => `${id} completed`),
  );
  // The attempt that had failed counts; those that were cut off go on as they were.
  expect(steps.map(({ attempt }) => attempt)).toEqual([2, 1, 1, 1, 1, 1]);
  expect(steps.at(-1)?.output).toEqual({ text: 'held backoff' });
});

test('votes on a gate and on a plan count', async () => {
  expect((await planNamed('two people')).policy).toMatchObject({ rule: null, demands: [{ count: 2, have: 1 }] });
  await approve('two people', 'bo');
  const gate = await planNamed('a gate with a vote');
  await call('POST', `/v1/plans/${gate.id}/steps/ask/approve`, { body: {}, actor: 'bo' });
  await becomes('two people', 'completed');
  await becomes('a gate with a vote', 'completed');
});

test('people go on with drafts, waiting, paused and failed plans', async () => {
  await approve('pending', 'ada');
  await call('POST', `/v1/plans/${(await planNamed('a draft')).id}/submit`, { body: {} });
  const draft = await planNamed('a draft');
  await call('POST', `/v1/plans/${draft.id}/approve`, { body: { digest: draft.digest } });
  await call('POST', `/v1/plans/${(await planNamed('paused')).id}/resume`, { body: {} });
  for (const objective of ['pending', 'a draft', 'paused']) await becomes(objective, 'completed');
  await call('POST', `/v1/plans/${(await planNamed('failed')).id}/retry`, { body: {} });
  await expect.poll(async () => (await planNamed('failed')).steps[0]?.generation).toBe(2);
  await becomes('failed', 'failed');
});

test('tasks: the one that was planned has its plan, and the queued one is planned', async () => {
  const find = async (objective: string) =>
    (await call<{ items: Task[] }>('GET', '/v1/tasks')).items.find((task) => task.objective === objective);
  expect((await find('Count the lines in docs'))?.planId).toBe((await planNamed('Count the lines in docs')).id);
  await expect.poll(async () => (await find('Count the words in packages'))?.finishedAt, { timeout: 30_000 }).not.toBeNull();
});

test('an ended plan can be deleted', async () => {
  await call('DELETE', `/v1/plans/${(await planNamed('completed')).id}`);
  const { items } = await call<{ items: Plan[] }>('GET', '/v1/plans?limit=200');
  expect(items.map(({ objective }) => objective)).not.toContain('completed');
});
