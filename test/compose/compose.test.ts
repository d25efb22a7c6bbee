/** The images and docker-compose.yml: four executors share a plan, one is killed, all are restarted under load. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Event, Plan, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ComposeProject } from './compose-project.ts';

const EXECUTORS = 4;
const STEPS = 200;
const SERVICES = ['redis', 'api', 'planner', 'executor'];

const project = new ComposeProject({
  API_KEYS: 'ada:admin:of-the-test',
  // The engine picks a free one.
  PORT: '0',
  // Few at a time, so that no executor can run them all.
  EXECUTOR_CONCURRENCY: '2',
  TASK_MAX_ROUNDS: '7',
});
let url = '';

/** Starts what does not run. A port that the engine picked is another one after each start. */
async function up(): Promise<void> {
  await project.compose('up', '--detach', '--no-recreate', '--scale', `executor=${EXECUTORS}`);
  url = `http://${await project.compose('port', 'api', '3000')}`;
  // What connects before the container listens may never be answered.
  const answer = (): Promise<Response> => fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
  const ready = async (): Promise<void> => expect((await answer()).status).toBe(200);
  await vi.waitFor(ready, { timeout: 60_000, interval: 200 });
}

beforeAll(async () => {
  await project.compose('build');
  await up();
}, 900_000);
afterAll(() => project.remove(), 120_000);

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: 'Bearer of-the-test', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  expect(response.ok, JSON.stringify(answer)).toBe(true);
  return answer;
}

const steps = (ms: number): StepDraft[] => Array.from({ length: STEPS }, (_, n) => ({ id: `s${n}`, tool: 'wait', input: { ms } }));
const events = async (planId: string): Promise<Event[]> => (await call('GET', `/v1/plans/${planId}/audit`)).events;
const completed = async (planId: string): Promise<number> => (await call('GET', `/v1/plans/${planId}`)).plan.progress.completed;

async function launch(ms: number): Promise<string> {
  const options = { requireApproval: false, maxParallelSteps: 20 };
  return (await call('POST', '/v1/plans', { objective: 'Wait often', steps: steps(ms), options })).plan.id;
}

async function untilCompleted(planId: string): Promise<Plan> {
  let plan: Plan | null = null;
  await expect
    .poll(
      async () => {
        plan = (await call('GET', `/v1/plans/${planId}`)).plan;
        return plan?.status;
      },
      { timeout: 120_000, interval: 200 },
    )
    .toBe('completed');
  return plan as unknown as Plan;
}

/** Each step's outcomes, as the events tell them. */
function outcomes(told: readonly Event[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { type, stepId } of told)
    if (stepId !== undefined && /^step\.(completed|failed|cancelled|skipped)$/.test(type))
      found.set(stepId, [...(found.get(stepId) ?? []), type]);
  return found;
}

const once = new Map(steps(0).map(({ id }) => [id, ['step.completed']]));
/** An executor's name begins with its host's, which is the beginning of its container's id. */
const hostOf = (event: Event): string => String((event.data as { executor?: string }).executor).slice(0, 12);
const hostsOf = (told: readonly Event[]): Set<string> => new Set(told.filter(({ type }) => type === 'step.started').map(hostOf));

test('every container becomes healthy, and is no root of its machine', { timeout: 120_000 }, async () => {
  const ids = (await Promise.all(SERVICES.map((service) => project.containers(service)))).flat();
  expect(ids).toHaveLength(SERVICES.length - 1 + EXECUTORS);
  for (const id of ids) await expect.poll(async () => (await project.state(id)).health, { timeout: 90_000, interval: 500 }).toBe('healthy');
  for (const service of ['api', 'planner', 'executor'])
    for (const id of await project.containers(service)) {
      expect((await project.state(id)).user).toBe('1000:1000');
      const status = await project.docker('exec', id, 'cat', '/proc/1/status');
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      await expect(project.docker('exec', id, 'touch', '/app/new')).rejects.toThrow(/[Rr]ead-only file system/);
    }
});

test('settings reach the services, secrets are not shown', async () => {
  const [planner = ''] = await project.containers('planner');
  const printed = await project.docker('exec', planner, 'node', 'dist/main.js', '--print-config');
  expect(JSON.parse(printed)).toMatchObject({ REDIS_URL: 'redis://redis:6379', TASK_MAX_ROUNDS: 7 });
  const [api = ''] = await project.containers('api');
  expect(await project.docker('exec', api, 'node', 'dist/main.js', '--print-config')).not.toContain('of-the-test');
});

test('without keys compose refuses to start, and says what to set', async () => {
  const open = new ComposeProject({});
  await expect(open.compose('config')).rejects.toThrow(/must be set to keys like name:role\+role:secret/);
  rmSync(open.folder, { recursive: true });
});

test('a plan of 200 steps is shared by all; one is killed in the middle; each step has one outcome', { timeout: 180_000 }, async () => {
  const executors = await project.containers('executor');
  const planId = await launch(150);
  const every = executors.map((id) => id.slice(0, 12)).sort();
  await expect.poll(async () => [...hostsOf(await events(planId))].sort(), { timeout: 60_000, interval: 100 }).toEqual(every);
  const [victim = ''] = executors;
  expect(await completed(planId)).toBeLessThan(STEPS);
  await project.docker('kill', victim);
  const plan = await untilCompleted(planId);
  expect(plan.progress).toMatchObject({ completed: STEPS, failed: 0 });
  expect(outcomes(await events(planId))).toEqual(once);
  await project.docker('start', victim);
});

test('executors restarted one after the other lose no step and count no attempt', { timeout: 240_000 }, async () => {
  const planId = await launch(400);
  await expect.poll(() => completed(planId), { timeout: 60_000, interval: 100 }).toBeGreaterThan(10);
  for (const id of await project.containers('executor')) {
    expect(await project.stop(id)).toBe(0);
    await project.docker('start', id);
  }
  expect(await completed(planId)).toBeLessThan(STEPS);
  const plan = await untilCompleted(planId);
  expect(outcomes(await events(planId))).toEqual(once);
  expect(new Set(plan.steps.map(({ attempt }) => attempt))).toEqual(new Set([1]));
});

test('a backup of a running stack comes back in an empty volume', { timeout: 240_000 }, async () => {
  const planId = await launch(100);
  await expect.poll(() => completed(planId), { timeout: 60_000, interval: 100 }).toBeGreaterThan(10);
  const file = join(project.folder, 'backup.tar');
  await project.script('deploy/backup.sh', file);
  await expect(project.script('deploy/restore.sh', file)).rejects.toThrow(/volume of Redis is not empty/);
  await project.compose('down');
  await project.docker('volume', 'rm', `${project.name}_redis-data`);
  await project.script('deploy/restore.sh', file);
  await up();
  await untilCompleted(planId);
  expect(outcomes(await events(planId))).toEqual(once);
});

test('plans survive that everything is stopped and started; every process ends with 0', { timeout: 240_000 }, async () => {
  const planId = await launch(100);
  const ids = (await Promise.all(['api', 'planner', 'executor'].map((service) => project.containers(service)))).flat();
  expect(await Promise.all(ids.map((id) => project.stop(id)))).toEqual(ids.map(() => 0));
  await project.compose('stop', 'redis');
  await up();
  await untilCompleted(planId);
  expect(outcomes(await events(planId))).toEqual(once);
});
