/** Planners that are killed (SIGKILL) while they work on tasks, revisions, replanning and summaries. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Plan, Task } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelReply, ModelRequest } from '../model-server/model-server.ts';
import { randomFrom } from '../random.ts';
import type { Fleet } from './fleet.ts';
import type { ServiceProcess } from './processes.ts';
import { recordStep } from './record-step.ts';
import {
  closeScriptedFleet,
  dataIn,
  keep,
  planReply,
  promptOf,
  type ScriptedModel,
  startScriptedFleet,
  written,
} from './scripted-model.ts';

/** Jobs that one planner has in hand at a time. */
const IN_HAND = 8;
/** A planner that went away is noticed after 12 s at most. */
const PATIENCE = { timeout: 60_000, interval: 100 };
const SEED = 20_261_120;
const KILLS = 4;
/** Milliseconds from a reply to what is stored of it, with the planner's hands full. */
const LONGEST_SAVE_MS = 60;

let model: ScriptedModel;
let fleet: Fleet;
beforeAll(async () => {
  ({ model, fleet } = await startScriptedFleet());
});
afterAll(() => closeScriptedFleet({ model, fleet }));

async function startPlanner(): Promise<ServiceProcess> {
  await fleet.startPlanner(model.env);
  return fleet.planner as ServiceProcess;
}

/** One thing that a planner is asked for; `objective` tells its calls of the model from all others. */
type Kind = 'plan' | 'revise' | 'replan' | 'summarise';
interface Asked {
  kind: Kind;
  objective: string;
  taskId: string | null;
  planId: string | null;
}

async function ask(kind: Kind, name: string): Promise<Asked> {
  const objective = `${kind} ${name}`;
  if (kind === 'plan') {
    const { task } = (await fleet.call('POST', '/v1/tasks', { body: { objective } })).body;
    return { kind, objective, taskId: task.id, planId: null };
  }
  const fails = { failAttempts: 9, fatal: true };
  const options = {
    requireApproval: kind === 'revise',
    replan: { maxRevisions: kind === 'replan' ? 1 : 0 },
    summarize: kind === 'summarise',
  };
  const steps = [recordStep('first', { value: 1 }), recordStep('second', kind === 'replan' ? fails : {}, { dependsOn: ['first'] })];
  const { id } = await fleet.createPlan({ objective, steps, options });
  if (kind === 'revise') expect((await fleet.send(id, 'revise', { feedback: 'Add a third step.' })).status).toBe(202);
  else await fleet.until(id, kind === 'replan' ? 'failed' : 'completed');
  return { kind, objective, taskId: null, planId: id };
}

const objectiveOf = (request: ModelRequest): string => dataIn(promptOf([request]), 'objective').trim();

function answerTo(request: ModelRequest): ModelReply {
  const [kind] = objectiveOf(request).split(' ');
  if (kind === 'summarise') return { content: { response: 'Both steps were done.' } };
  if (kind === 'plan') return planReply(written('first', { value: 1 }));
  return planReply(keep('first'), written('third', { value: 3 }, { dependsOn: ['first'] }));
}

/** Exactly one answer to each, and what it changes, once. */
async function expectOneAnswer({ kind, objective, taskId, planId }: Asked): Promise<void> {
  if (taskId !== null) {
    const task: Task = await fleet.task(taskId);
    expect(task, objective).toMatchObject({ status: 'planned', error: null });
    expect((await fleet.plan(String(task.planId))).steps.map(({ id }) => id)).toEqual(['first']);
    return;
  }
  const plan: Plan = await fleet.plan(String(planId));
  expect(plan.planning, objective).toMatchObject({ number: 1, kind, status: 'done', error: null });
  const revised = (await fleet.events(plan.id)).filter(({ type }) => type === 'plan.revised');
  if (kind === 'summarise') expect([plan.status, plan.response, revised.length]).toEqual(['completed', 'Both steps were done.', 0]);
  else expect([plan.revision, plan.steps.map(({ id }) => id), revised.length]).toEqual([2, ['first', 'third'], 1]);
}

async function untilAnswered(asked: readonly Asked[]): Promise<void> {
  const open = async ({ taskId, planId }: Asked): Promise<boolean> => {
    const status = taskId === null ? (await fleet.plan(String(planId))).planning?.status : (await fleet.task(taskId)).status;
    return status === 'queued' || status === 'planning';
  };
  await expect.poll(async () => (await Promise.all(asked.map(open))).filter(Boolean).length, PATIENCE).toBe(0);
}

/** The plans there are of each task. */
async function plansByTask(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let cursor = ''; ; ) {
    const { items, nextCursor } = (await fleet.call('GET', `/v1/plans?limit=200${cursor}`)).body;
    for (const { taskId } of items) if (taskId !== null) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
    if (nextCursor === null) return counts;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
}

const KINDS: readonly Kind[] = ['plan', 'revise', 'replan', 'summarise'];

test('killed during its calls of the model: another one takes all of them over, and each is called once more', async () => {
  // What is asked for must be queued when the planner begins, so the first one goes.
  await fleet.planner?.end('SIGTERM');
  model.script(() => ({ hang: 'before headers' }));
  const asked = await Promise.all(KINDS.map((kind) => ask(kind, 'held')));
  const first = await startPlanner();
  await expect.poll(() => model.requests().length, PATIENCE).toBe(KINDS.length);
  const spare = await startPlanner();
  await first.end('SIGKILL');
  model.script(answerTo);
  await untilAnswered(asked);
  for (const each of asked) await expectOneAnswer(each);
  expect(model.requests().map(objectiveOf).sort()).toEqual(asked.map(({ objective }) => objective).sort());
  await spare.end('SIGTERM');
});

test('killed again and again, during calls, after replies, while they save: one answer to each, calls are bounded, nothing is lost', async () => {
  const random = randomFrom(SEED);
  const held = new Set<() => void>();
  let holding = true;
  model.script(async (request) => {
    if (holding) await new Promise<void>((resolve) => held.add(resolve));
    return answerTo(request);
  });
  const counts: Record<Kind, number> = { plan: 32, revise: 18, replan: 7, summarise: 7 };
  const asked = await Promise.all(KINDS.flatMap((kind) => Array.from({ length: counts[kind] }, (_, at) => ask(kind, String(at)))));
  const planners = [await startPlanner(), await startPlanner()];
  for (let kill = 0; kill < KILLS; kill++) {
    await expect.poll(() => held.size, { ...PATIENCE, interval: 5 }).toBeGreaterThan(IN_HAND);
    for (const release of held) release();
    held.clear();
    // All that they had in hand is answered at once: some of it is being read, some stored, some has been.
    await delay(random() * LONGEST_SAVE_MS);
    const victim = Math.floor(random() * planners.length);
    await planners[victim]?.end('SIGKILL');
    planners[victim] = await startPlanner();
  }
  holding = false;
  for (const release of held) release();
  await untilAnswered(asked);
  for (const each of asked) await expectOneAnswer(each);

  const plans = await plansByTask();
  for (const { taskId } of asked) if (taskId !== null) expect(plans.get(taskId)).toBe(1);

  const calls = model.requests().map(objectiveOf);
  expect(new Set(calls).size).toBe(asked.length);
  // A kill costs at most the calls that the planner had in hand, and for each of them one more.
  expect(calls.length).toBeLessThanOrEqual(asked.length + KILLS * IN_HAND);
  for (const { objective } of asked) expect(calls.filter((each) => each === objective).length).toBeLessThanOrEqual(1 + KILLS);

  // What was answered can be signed and run.
  const [task, revision] = [asked.find(({ kind }) => kind === 'plan'), asked.find(({ kind }) => kind === 'revise')];
  for (const planId of [(await fleet.task(String(task?.taskId))).planId, revision?.planId]) {
    const plan = await fleet.plan(String(planId));
    await fleet.approve(plan);
    await fleet.until(plan.id, 'completed');
  }
  expect(model.requests()).toHaveLength(calls.length);
}, 150_000);
