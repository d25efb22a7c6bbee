import { Writable } from 'node:stream';
import { createLogger, Metrics } from '@countersign/service';
import type { PlanningJob, ToolContract } from '@countersign/shared';
import { type EmbeddedRedis, openStore, type Store, startEmbeddedRedis } from '@countersign/store';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { handleJob } from './handle-job.ts';
import { plannerMeters } from './metrics.ts';
import { createRulesPlanner } from './rules/rules-planner.ts';

const COUNT: ToolContract = {
  name: 'count',
  description: 'Counts the files of a folder',
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [{ text: 'Count the files in src', input: { path: 'src' } }],
};
const ACTOR = { id: 'ada', roles: [] } as const;

let redis: EmbeddedRedis;
let store: Store;
beforeAll(async () => {
  redis = await startEmbeddedRedis();
  store = openStore({ redis: { url: redis.url } });
  await store.announceTools([COUNT]);
});
afterAll(async () => {
  await store.close();
  await redis.stop();
});

test('jobs of both kinds are worked on as they come, and each says in the log what it was for and how it ended', async () => {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const logger = createLogger({ service: 'planner', destination });
  const planner = createRulesPlanner();
  const jobs: PlanningJob[] = [];
  const work = (job: PlanningJob, signal: AbortSignal): Promise<void> => {
    jobs.push(job);
    return handleJob(job, { store, planner, logger, meters: plannerMeters(new Metrics()), signal });
  };
  const consumer = store.consumePlanning(work, { concurrency: 1, onError: () => {} });
  const request = { objective: 'Count the files in src', input: {}, options: {}, tools: null, template: null };
  const created = await store.createTask({ request, actor: ACTOR });
  const taskId = created.ok ? created.value.id : '';
  await vi.waitFor(async () => expect((await store.getTask(taskId))?.status).toBe('planned'), { timeout: 20_000 });
  const planId = (await store.getTask(taskId))?.planId ?? '';
  for (const [number, feedback, status] of [
    [1, 'Then count the files in docs', 'done'],
    [2, 'Sing', 'failed'],
  ] as const) {
    await store.requestRevision(planId, { actor: ACTOR, feedback });
    await vi.waitFor(async () => expect((await store.getPlan(planId))?.planning).toMatchObject({ number, status }), { timeout: 20_000 });
  }
  await consumer.close();
  expect(jobs).toEqual([{ taskId }, { planId, request: 1 }, { planId, request: 2 }]);
  expect(lines).toMatchObject([
    { taskId, message: 'planning' },
    { taskId, round: 1, planner: 'rules', model: null, issues: 0, message: 'round' },
    { taskId, planId, message: 'planned' },
    { planId, request: 1, message: 'planning' },
    { taskId, planId, request: 1, round: 1, message: 'round' },
    { taskId, planId, request: 1, digest: expect.stringMatching(/^sha256:/), message: 'revised' },
    { planId, request: 2, message: 'planning' },
    { taskId, planId, request: 2, round: 1, code: 'not_understood', message: 'round' },
    { taskId, planId, request: 2, code: 'not_understood', message: 'planning failed' },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/Count the files|Sing/);
});
