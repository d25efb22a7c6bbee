/** What a running stack shows of itself: metrics on every process, and lines of the log that say what they are about. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriesWatched } from '../monitoring/monitoring-files.ts';
import { Fleet } from './fleet.ts';
import type { ServiceProcess } from './processes.ts';
import { recordStep } from './record-step.ts';

/** Stands in everything that people put in, and must not stand in any log. */
const INSIDE = 'm4rkedfolder';

let fleet: Fleet;
/** planned, revised and run; its steps come from a planner */
let planned: Plan;
/** by hand: a step that is tried twice, a gate, and one that fails for good */
let byHand: Plan;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, planner: true, env: { HEALTH_PORT: '0' } });
  mkdirSync(join(fleet.folder, INSIDE));
  writeFileSync(join(fleet.folder, INSIDE, `${INSIDE}.md`), `${INSIDE}\n`);
});
afterAll(() => fleet?.close());

test('a plan of a planner and one by hand run through all services', async () => {
  const { task } = (await fleet.call('POST', '/v1/tasks', { body: { objective: `count the lines in ${INSIDE}` } })).body;
  await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 20_000 }).toBe('planned');
  const planId = String((await fleet.task(task.id)).planId);
  await fleet.send(planId, 'revise', { feedback: `then list the files in ${INSIDE}` });
  await expect.poll(async () => (await fleet.plan(planId)).planning?.status, { timeout: 20_000 }).toBe('done');
  await fleet.approve(await fleet.plan(planId));
  planned = await fleet.until(planId, 'completed');

  const { id } = await fleet.launch({
    objective: `try ${INSIDE}`,
    input: { [INSIDE]: INSIDE },
    steps: [
      recordStep('twice', { value: INSIDE, failAttempts: 1 }, { retry: { maxAttempts: 2, delayMs: 1 } }),
      recordStep('asks', { value: INSIDE }, { approval: { message: `Go on with ${INSIDE}?` }, dependsOn: ['twice'] }),
      { id: 'missing', tool: 'fs.read', input: { path: `${INSIDE}/none.md` }, dependsOn: ['asks'] },
    ],
  });
  await fleet.until(id, 'executing');
  await expect.poll(async () => (await fleet.plan(id)).steps[1]?.status, { timeout: 20_000 }).toBe('awaiting_approval');
  await fleet.act(id, 'steps/asks/approve', { comment: INSIDE, data: { [INSIDE]: INSIDE } });
  byHand = await fleet.until(id, 'failed');
});

const processes = (): Record<string, ServiceProcess> => ({
  api: fleet.api as ServiceProcess,
  planner: fleet.planner as ServiceProcess,
  executor: fleet.executors[0] as ServiceProcess,
});
const healthOf = (service: ServiceProcess): string => String(service.log().find(({ message }) => message === 'can be watched')?.health);
const scrape = async (name: string): Promise<string> => (await fetch(`${healthOf(processes()[name] as ServiceProcess)}/metrics`)).text();
/** The value of the first series that has all of these labels. */
function valueIn(text: string, name: string, ...labels: string[]): number | null {
  const line = text.split('\n').find((each) => each.startsWith(name) && labels.every((label) => each.includes(label)));
  return line === undefined ? null : Number(line.split(' ').at(-1));
}

describe('the metrics', () => {
  test('of every process can be fetched, and each is ready', async () => {
    for (const [name, service] of Object.entries(processes())) {
      expect((await fetch(`${healthOf(service)}/readyz`)).status, name).toBe(200);
      expect(valueIn(await scrape(name), 'countersign_store_up'), name).toBe(1);
    }
  });

  test('that the dashboard and the alerts read are all there', async () => {
    const all = (await Promise.all(Object.keys(processes()).map(scrape))).join('\n');
    const families = new Map([...all.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
    const series = new Set(
      [...families].flatMap(([name, type]) =>
        type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
      ),
    );
    expect(seriesWatched().length).toBeGreaterThan(25);
    expect(seriesWatched().filter((name) => !series.has(name))).toEqual([]);
  });

  test('say what became of steps, by tool', async () => {
    const text = await scrape('executor');
    const calls = 'countersign_step_duration_seconds_count';
    expect(valueIn(text, calls, 'tool="test.record"', 'outcome="completed"')).toBe(2);
    expect(valueIn(text, calls, 'tool="test.record"', 'outcome="failed"')).toBe(1);
    expect(valueIn(text, calls, 'tool="fs.stats"', 'outcome="completed"')).toBe(1);
    expect(valueIn(text, 'countersign_step_failures_total', 'tool="fs.read"', 'code="invalid_input"')).toBe(1);
    expect(valueIn(text, 'countersign_step_retries_total', 'tool="test.record"')).toBe(1);
    expect(valueIn(text, 'countersign_steps_running')).toBe(0);
    expect(valueIn(text, 'countersign_step_deliveries_total', 'outcome="taken"')).toBeGreaterThanOrEqual(5);
    expect(valueIn(text, 'countersign_duty_runs_total', 'duty="clock"', 'outcome="finished"')).toBeGreaterThan(0);
    expect(valueIn(text, 'countersign_redis_command_duration_seconds_count', 'command="claim-step')).toBeGreaterThan(0);
  });

  test('say what planners did, and what there is in the store', async () => {
    const planner = await scrape('planner');
    expect(valueIn(planner, 'countersign_planning_duration_seconds_count', 'work="task"', 'outcome="planned"')).toBe(1);
    expect(valueIn(planner, 'countersign_planning_duration_seconds_count', 'work="request"', 'outcome="revised"')).toBe(1);
    expect(valueIn(planner, 'countersign_planner_rounds_total', 'planner="rules"', 'format="none"', 'outcome="accepted"')).toBe(2);
    const api = await scrape('api');
    expect(valueIn(api, 'countersign_plans{', 'status="completed"')).toBe(1);
    expect(valueIn(api, 'countersign_plans{', 'status="failed"')).toBe(1);
    expect(valueIn(api, 'countersign_events_total', 'type="step.retrying"')).toBe(1);
    expect(valueIn(api, 'countersign_http_request_duration_seconds_count', 'route="/v1/plans/:id/approve"', 'status="200"')).toBe(1);
  });

  test('have no label of one plan, task, step or person', async () => {
    const all = (await Promise.all(Object.keys(processes()).map(scrape))).join('\n');
    for (const word of [planned.id, byHand.id, String(planned.taskId), 'twice', 'local', INSIDE]) expect(all).not.toContain(`"${word}`);
  });
});

describe('the log', () => {
  const lines = (): { service: string; line: Record<string, unknown> }[] =>
    Object.entries(processes()).flatMap(([service, process]) => process.log().map((line) => ({ service, line })));

  test('has nothing of what people or tools put in', () => {
    const telling = lines().filter(({ line }) => JSON.stringify(line).includes(INSIDE));
    expect(telling).toEqual([]);
    expect(lines().length).toBeGreaterThan(50);
  });

  test('names the plan in every line that is about it, in all services, by the same name', () => {
    for (const { id } of [planned, byHand]) {
      const about = lines().filter(({ line }) => JSON.stringify(line).includes(id));
      expect(about.filter(({ line }) => line.planId !== id)).toEqual([]);
      expect(new Set(about.map(({ service }) => service))).toEqual(
        new Set(id === planned.id ? ['api', 'planner', 'executor'] : ['api', 'executor']),
      );
    }
    const ofTask = lines().filter(({ line }) => JSON.stringify(line).includes(String(planned.taskId)));
    expect(ofTask.filter(({ line }) => line.taskId !== planned.taskId)).toEqual([]);
    expect(new Set(ofTask.map(({ service }) => service))).toEqual(new Set(['api', 'planner', 'executor']));
  });

  test('of an executor names the step, its attempt and its generation', () => {
    const steps = lines().filter(({ service, line }) => service === 'executor' && String(line.message).startsWith('step '));
    expect(steps.length).toBeGreaterThan(8);
    for (const { line } of steps)
      expect(line).toMatchObject({ planId: expect.any(String), stepId: expect.any(String), generation: 1, attempt: expect.any(Number) });
    const failed = steps.filter(({ line }) => line.message === 'step attempt failed');
    expect(failed.map(({ line: { planId, stepId, attempt, tool, code } }) => ({ planId, stepId, attempt, tool, code }))).toEqual([
      { planId: byHand.id, stepId: 'twice', attempt: 1, tool: 'test.record', code: 'tool_error' },
      { planId: byHand.id, stepId: 'missing', attempt: 1, tool: 'fs.read', code: 'invalid_input' },
    ]);
    const ofTask = steps.filter(({ line }) => line.planId === planned.id);
    expect(ofTask.every(({ line }) => line.taskId === planned.taskId)).toBe(true);
  });

  test('says who decided what, on which digest', () => {
    const done = lines().filter(({ service, line }) => service === 'api' && line.message === 'done');
    expect(done.map(({ line: { operation, planId, stepId } }) => [operation, planId, stepId])).toEqual([
      ['createTask', undefined, undefined],
      ['revisePlan', planned.id, undefined],
      ['approvePlan', planned.id, undefined],
      ['createPlan', byHand.id, undefined],
      ['approveGate', byHand.id, 'asks'],
    ]);
    expect(done.find(({ line }) => line.operation === 'approvePlan')?.line).toMatchObject({
      actor: 'local',
      taskId: planned.taskId,
      revision: 2,
      digest: planned.digest,
      requestId: expect.any(String),
    });
  });

  test('says what was refused, and why', async () => {
    await fleet.send(planned.id, 'cancel', {}, { 'x-actor': 'ada', 'x-request-id': 'too-late' });
    await fleet.api?.logged(({ requestId, message }) => requestId === 'too-late' && message === 'request');
    const about = fleet.api?.log().filter(({ requestId }) => requestId === 'too-late');
    expect(about).toMatchObject([
      { message: 'refused', operation: 'cancelPlan', actor: 'ada', planId: planned.id, code: 'wrong_state' },
      { message: 'request', status: 409, actor: 'ada', planId: planned.id, route: '/v1/plans/:id/cancel' },
    ]);
  });
});
