import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metrics } from '@countersign/service';
import { digestOf, plainDecision, type ToolContract, validatePlan } from '@countersign/shared';
import { type AuditRecord, openStore, type Store, type TaskRecord } from '@countersign/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { useTestRedis } from '../../../../test/redis/test-redis.ts';
import { type ExecutorMeters, executorMeters } from '../metrics.ts';
import { recordsFolderProblem } from './record-files.ts';
import { type RemoveOptions, removeEnded } from './remove-ended.ts';

const redis = useTestRedis();
const ANN = { id: 'ann', roles: ['admin' as const] };
/** Everything that has ended is over it. */
const NOTHING_IS_KEPT = { forMs: -1, count: 1_000_000 };
const DECISION = plainDecision(1, 'for a test');
const contract: ToolContract = {
  ...{ name: 'test.echo', description: 'Gives back what it gets.', risk: 'read', idempotent: true, inputSchema: { type: 'object' } },
  ...{ outputSchema: null, timeoutMs: null, retry: null, queue: null, examples: [] },
};

let now: number;
let store: Store;
let folder: string;
let metrics: Metrics;
let meters: ExecutorMeters;
let lines: { level: string; message: string; fields: object }[];
beforeEach(async () => {
  now = Date.parse('2027-03-31T23:59:00.000Z');
  store = openStore({ redis: { url: redis.url }, shards: 2, clock: () => now });
  folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  metrics = new Metrics();
  meters = executorMeters(metrics);
  lines = [];
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const into = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
const optionsFor = (more: Partial<RemoveOptions> = {}): RemoveOptions => ({
  store,
  logger: { debug: into('debug'), info: into('info'), warn: into('warn'), error: into('error') },
  meters,
  rules: { plan: NOTHING_IS_KEPT, task: NOTHING_IS_KEPT, recordsFolder: folder },
  signal: new AbortController().signal,
  ...more,
});
const told = (...levels: string[]) => lines.filter(({ level }) => levels.includes(level));

async function createPlan(task?: { id: string; token: string }): Promise<string> {
  const steps = [{ id: 'a', tool: 'test.echo', input: { text: 'größer' } }];
  const result = validatePlan({ objective: 'x', steps }, { tools: new Map([[contract.name, contract]]) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const created = await store.createPlan({
    ...{ content, digest: await digestOf(content), origin: 'manual', createdBy: ANN.id, decision: DECISION },
    ...(task === undefined ? {} : { task }),
  });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function endedPlan(task?: { id: string; token: string }): Promise<string> {
  const id = await createPlan(task);
  await store.cancelPlan(id, { actor: ANN, reason: 'not needed' });
  return id;
}

async function createTask(): Promise<string> {
  const request = { objective: 'x', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ANN });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

const filesOf = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).filter((name) => name.split('/').length === 3).sort();
const readRecord = async (path: string): Promise<unknown> => JSON.parse(await readFile(join(folder, path), 'utf8'));

describe('the record', () => {
  test('of a plan is what the API shows of it, and that of its task stands beside it, by the month in which they began', async () => {
    const taskId = await createTask();
    await store.startPlanning(taskId, 'one');
    const planId = await createPlan({ id: taskId, token: 'one' });
    now += 120_000;
    await store.cancelPlan(planId, { actor: ANN });
    const record = (await store.audit(planId)) as AuditRecord;
    const ofTask = (await store.taskRecord(taskId)) as TaskRecord;
    await removeEnded(optionsFor());
    expect(await filesOf()).toEqual([`2027/03/${planId}.json`, `2027/03/${taskId}.json`].sort());
    expect(await readRecord(`2027/03/${planId}.json`)).toEqual(record);
    expect(await readRecord(`2027/03/${taskId}.json`)).toEqual(ofTask);
    expect(ofTask.events.map(({ type }) => type)).toEqual(['task.queued', 'task.planning', 'task.planned']);
    expect([await store.getPlan(planId), await store.getTask(taskId)]).toEqual([null, null]);
    expect(told('info', 'error')).toEqual([{ level: 'info', message: 'removed what ended long ago', fields: { plans: 1, tasks: 0 } }]);
    expect(await metrics.text()).toContain('countersign_retention_removed_total{what="plan"} 1\n');
  });

  test('of a task that failed or was cancelled stands alone', async () => {
    const taskId = await createTask();
    await store.cancelTask(taskId, { actor: ANN });
    const record = await store.taskRecord(taskId);
    await removeEnded(optionsFor());
    expect(await readRecord(`2027/03/${taskId}.json`)).toEqual(record);
    expect(await store.getTask(taskId)).toBeNull();
  });

  test('is written again where an executor went away between the file and the removal', async () => {
    const planId = await endedPlan();
    const dying = { ...store, removeEnded: () => Promise.reject(new Error('the process has ended')) };
    await expect(removeEnded(optionsFor({ store: dying }))).rejects.toThrow('has ended');
    expect(await filesOf()).toEqual([`2027/03/${planId}.json`]);
    const record = await store.audit(planId);
    await writeFile(join(folder, '2027/03', `${planId}.json`), '{"half":');
    await removeEnded(optionsFor());
    expect(await filesOf()).toEqual([`2027/03/${planId}.json`]);
    expect(await readRecord(`2027/03/${planId}.json`)).toEqual(record);
    expect(await store.getPlan(planId)).toBeNull();
  });

  test('that cannot be written keeps the plan: one line and one count a tick, and it goes once it can', async () => {
    const planIds = [await endedPlan(), await endedPlan()];
    // Where the folder of the year would be.
    await writeFile(join(folder, '2027'), '');
    await removeEnded(optionsFor());
    expect(told('info', 'error')).toEqual([
      {
        level: 'error',
        message: 'a record could not be written: the plan is kept',
        fields: { planId: expect.stringMatching(/^pln_/), error: expect.stringContaining('ENOTDIR') },
      },
    ]);
    expect(await metrics.text()).toContain('countersign_retention_record_failures_total 1\n');
    expect((await store.listPlans({ limit: 9 })).items).toHaveLength(2);
    await rm(join(folder, '2027'));
    await removeEnded(optionsFor());
    expect((await store.listPlans({ limit: 9 })).items).toEqual([]);
    expect(await filesOf()).toEqual(planIds.map((id) => `2027/03/${id}.json`).sort());
  });

  test('is not written where the folder is gone: it may be a disk that is not mounted', async () => {
    const planId = await endedPlan();
    const gone = join(folder, 'gone');
    await removeEnded(optionsFor({ rules: { plan: NOTHING_IS_KEPT, task: NOTHING_IS_KEPT, recordsFolder: gone } }));
    expect(await store.getPlan(planId)).not.toBeNull();
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a folder for records that is none, or is not there, is found out', async () => {
  await writeFile(join(folder, 'file'), '');
  expect(await recordsFolderProblem(folder)).toBeNull();
  expect(await recordsFolderProblem(join(folder, 'file'))).toContain('this is no folder');
  expect(await recordsFolderProblem(join(folder, 'gone'))).toContain("can't be written to (ENOENT)");
});

/** A plan whose only step has failed. */
async function failedPlan(): Promise<string> {
  const planId = await createPlan();
  const digest = (await store.getPlan(planId))?.digest ?? '';
  await store.approvePlan(planId, { actor: ANN, digest, policyVersion: DECISION.version });
  const hold = { planId, stepId: 'a', token: 'one' };
  await store.claimStep({ planId, stepId: 'a', generation: 1, delivery: 1 }, { token: 'one', executor: 'test' });
  await store.failStep(hold, { error: { code: 'tool_error', message: 'broken', retryable: false }, delayMs: 0 });
  expect(await store.getPlan(planId)).toMatchObject({ status: 'failed' });
  return planId;
}

test('a plan that is opened again while its record is written survives, and its record is that of its end when it goes', async () => {
  const planId = await failedPlan();
  const reopening: Store = {
    ...store,
    async audit(id) {
      const record = await store.audit(id);
      await store.retryPlan(id, { actor: ANN });
      return record;
    },
  };
  await removeEnded(optionsFor({ store: reopening }));
  expect(await store.getPlan(planId)).toMatchObject({ status: 'executing' });
  await store.cancelPlan(planId, { actor: ANN });
  const record = await store.audit(planId);
  await removeEnded(optionsFor());
  expect(await store.getPlan(planId)).toBeNull();
  expect(await readRecord(`2027/03/${planId}.json`)).toEqual(record);
});

test('a plan that asks something of the planner is neither recorded nor removed', async () => {
  const planId = await failedPlan();
  await store.requestRevision(planId, { actor: ANN, feedback: 'do it otherwise' });
  await removeEnded(optionsFor());
  expect(await store.getPlan(planId)).not.toBeNull();
  expect(await filesOf()).toEqual([]);
});

test('two executors at once remove each plan once, and leave whole files', async () => {
  const ids: string[] = [];
  for (let number = 0; number < 40; number++) ids.push(await endedPlan());
  await Promise.all([removeEnded(optionsFor()), removeEnded(optionsFor())]);
  expect((await store.listPlans({ limit: 200 })).items).toEqual([]);
  expect(await filesOf()).toEqual(ids.map((id) => `2027/03/${id}.json`).sort());
  const counted = told('info').map(({ fields }) => (fields as { plans: number }).plans);
  expect(counted.reduce((sum, plans) => sum + plans, 0)).toBe(40);
  for (const id of ids) expect(await readRecord(`2027/03/${id}.json`)).toMatchObject({ plan: { id } });
});

test('an executor that closes leaves the rest for a later tick', async () => {
  for (let number = 0; number < 5; number++) await endedPlan();
  const closing = new AbortController();
  const logger = { ...optionsFor().logger, debug: () => closing.abort() };
  await removeEnded(optionsFor({ logger, signal: closing.signal }));
  expect((await store.listPlans({ limit: 9 })).items).toHaveLength(4);
});
