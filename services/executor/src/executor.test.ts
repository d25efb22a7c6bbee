import {
  digestOf,
  type Json,
  type Plan,
  type PlanDraft,
  plainDecision,
  type StepDraft,
  type StepView,
  validatePlan,
} from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { defineTool, loadTools, type ToolContext } from '@countersign/tools';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { startExecutor } from './executor.ts';

const redis = useTestRedis();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const ann = { actor: { id: 'ann', roles: ['admin' as const] } };

interface Call {
  input: unknown;
  ctx: ToolContext;
}
let calls: Call[];
/** What the tool does, by the call's step; echoes when there is nothing. */
let behaviour: Record<string, (ctx: ToolContext) => unknown>;
const stepsCalled = (): string[] => calls.map(({ ctx }) => ctx.stepId);

const probe = defineTool({
  name: 'test.probe',
  description: 'Is watched by the test.',
  risk: 'read',
  input: z.looseObject({}),
  run: (input, ctx) => {
    calls.push({ input, ctx });
    return behaviour[ctx.stepId]?.(ctx) ?? input;
  },
});
/** How many calls of test.narrow ran at the same time, at most. */
let most: number;
let running: number;
const narrow = defineTool({
  name: 'test.narrow',
  description: 'Counts those that run beside it.',
  risk: 'read',
  queue: 'narrow',
  input: z.object({}),
  async run() {
    running++;
    most = Math.max(most, running);
    // Long enough for all of them to start, if they may.
    for (let i = 0; i < 20; i++) await store.ping();
    running--;
    return null;
  },
});

let store: Store;
let cleanUps: (() => Promise<unknown>)[];
const builtin = await loadTools({ workspaceRoot: import.meta.dirname });
const toolbox = {
  tools: new Map([...builtin.tools, ...[probe, narrow].map((tool) => [tool.contract.name, tool] as const)]),
  conditions: new Map([['is_wanted', ({ input }: { input: Json }) => (input as { wanted?: boolean }).wanted === true]]),
};

beforeEach(async () => {
  calls = [];
  behaviour = {};
  most = running = 0;
  store = openStore({ redis: { url: redis.url } });
  cleanUps = [() => store.close()];
  const executor = await startExecutor({
    store,
    toolbox,
    logger: silent,
    name: 'test',
    concurrency: 5,
    drainMs: 0,
    queueLimits: new Map([['narrow', { concurrency: 1 }]]),
  });
  cleanUps.push(() => executor.close());
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function startPlan(steps: StepDraft[], draft: Partial<PlanDraft> = {}): Promise<string> {
  const contracts = new Map([...toolbox.tools].map(([name, { contract }]) => [name, contract]));
  const written = { objective: 'be watched', steps, ...draft };
  const result = validatePlan(written, { tools: contracts, conditions: new Set(await store.listConditions()) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content, digest: await digestOf(content), origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

async function readPlan(planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}
async function stepOf(planId: string, stepId: string): Promise<StepView> {
  const step = (await readPlan(planId)).steps.find(({ id }) => id === stepId);
  if (step === undefined) throw new Error(`there is no step ${stepId}`);
  return step;
}
const whenPlanIs = (planId: string, status: Plan['status']) =>
  expect.poll(async () => (await readPlan(planId)).status, { timeout: 20_000 }).toBe(status);
const whenStepIs = (planId: string, stepId: string, status: StepView['status']) =>
  expect.poll(async () => (await stepOf(planId, stepId)).status, { timeout: 20_000 }).toBe(status);
const whenCalled = (stepId: string) => expect.poll(stepsCalled, { timeout: 20_000 }).toContain(stepId);

describe('a condition', () => {
  test('that is false skips the step without a call; one in code is announced and decides, too', async () => {
    const planId = await startPlan(
      [
        { id: 'first', tool: 'test.probe', input: { total: 0 } },
        { id: 'no', tool: 'test.probe', when: '{{first.output.total}} > 0' },
        { id: 'yes', tool: 'test.probe', when: 'is_wanted and {{first.output.total}} == 0' },
        { id: 'check', tool: 'condition', input: { expression: 'not is_wanted' }, ifTrue: ['never'], ifFalse: ['taken'] },
        { id: 'never', tool: 'test.probe' },
        { id: 'taken', tool: 'test.probe' },
      ],
      { input: { wanted: true } },
    );
    await whenPlanIs(planId, 'completed');
    expect(stepsCalled().sort()).toEqual(['first', 'taken', 'yes']);
    expect(await stepOf(planId, 'no')).toMatchObject({ status: 'skipped', attempt: 0, reason: { kind: 'condition_false' } });
  });

  test('that cannot be decided fails the step, without another attempt', async () => {
    const planId = await startPlan([
      { id: 'first', tool: 'test.probe', input: { total: 'none' } },
      { id: 'bad', tool: 'test.probe', when: '{{first.output.total}} > 0', retry: { maxAttempts: 3, delayMs: 0 } },
    ]);
    await whenPlanIs(planId, 'failed');
    expect(await stepOf(planId, 'bad')).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'bad_condition', retryable: false } });
    expect(stepsCalled()).toEqual(['first']);
  });
});

describe('a gate', () => {
  test('asks with values put in, lets its step run after the approval, and hands on what that brought', async () => {
    const planId = await startPlan([
      { id: 'first', tool: 'test.probe', input: { name: 'ann' } },
      {
        id: 'gate',
        tool: 'test.probe',
        input: { to: '{{first.output.name}}', note: '{{gate.approval.data.note}}' },
        approval: { message: 'Write to {{first.output.name}}?' },
      },
      { id: 'last', tool: 'test.probe', input: { said: '{{gate.approval.data}}' } },
    ]);
    await whenStepIs(planId, 'gate', 'awaiting_approval');
    expect(await stepOf(planId, 'gate')).toMatchObject({
      attempt: 0,
      resolvedInput: { to: 'ann' },
      gate: { message: 'Write to ann?', decision: null },
    });
    expect(stepsCalled()).toEqual(['first']);
    expect(await store.approveGate(planId, 'gate', { ...ann, data: { note: 'soon' } })).toMatchObject({ ok: true });
    await whenPlanIs(planId, 'completed');
    expect(calls.map(({ input, ctx }) => [ctx.stepId, input, ctx.approvalData])).toEqual([
      ['first', { name: 'ann' }, undefined],
      ['gate', { to: 'ann', note: 'soon' }, { note: 'soon' }],
      ['last', { said: { note: 'soon' } }, undefined],
    ]);
  });

  test('that could never run asks nobody', async () => {
    const planId = await startPlan([
      { id: 'first', tool: 'test.probe', input: { ms: 'soon' } },
      { id: 'gate', tool: 'wait', input: { ms: '{{first.output.ms}}' }, approval: {} },
    ]);
    await whenPlanIs(planId, 'failed');
    expect(await stepOf(planId, 'gate')).toMatchObject({ error: { code: 'invalid_input' }, gate: null });
  });

  test('of human.input gives the answer as the output; without an answer the step fails', async () => {
    const steps: StepDraft[] = [
      { id: 'ask', tool: 'human.input', input: { question: 'Where to?', schema: { enum: ['eu', 'us'] } } },
      { id: 'last', tool: 'test.probe', input: { region: '{{ask.output}}' } },
    ];
    const [answered, empty] = [await startPlan(steps), await startPlan(steps)];
    await whenStepIs(answered, 'ask', 'awaiting_approval');
    await store.approveGate(answered, 'ask', { ...ann, data: 'eu' });
    await whenPlanIs(answered, 'completed');
    expect(calls).toMatchObject([{ input: { region: 'eu' } }]);
    await store.approveGate(empty, 'ask', ann);
    await whenPlanIs(empty, 'failed');
    expect(await stepOf(empty, 'ask')).toMatchObject({
      error: { code: 'invalid_input', message: expect.stringContaining('nobody answered') },
    });
  });
});

describe('a forEach', () => {
  test('calls its tool for each element, under an id and a key of its own, and gives the outputs in order', async () => {
    const planId = await startPlan(
      [
        { id: 'first', tool: 'test.probe', input: { files: ['a', 'b', 'c'] } },
        { id: 'each', tool: 'test.probe', forEach: '{{first.output.files}}', input: { file: '{{item}}', at: '{{index}}' } },
        { id: 'last', tool: 'test.probe', input: { all: '{{each.output}}' } },
      ],
      { options: { maxParallelSteps: 2 } },
    );
    await whenPlanIs(planId, 'completed');
    const children = calls.filter(({ ctx }) => ctx.stepId.startsWith('each'));
    expect(children.map(({ ctx }) => [ctx.stepId, ctx.idempotencyKey]).sort()).toEqual(
      [0, 1, 2].map((at) => [`each[${at}]`, `${planId}.each[${at}].1`]),
    );
    expect(calls.at(-1)?.input).toEqual({
      all: [
        { file: 'a', at: 0 },
        { file: 'b', at: 1 },
        { file: 'c', at: 2 },
      ],
    });
  });

  test('with no element gives an empty list; over what is no list it fails', async () => {
    const planId = await startPlan([{ id: 'each', tool: 'test.probe', forEach: [] }]);
    await whenPlanIs(planId, 'completed');
    expect(await stepOf(planId, 'each')).toMatchObject({ status: 'completed', output: [] });
    const bad = await startPlan([{ id: 'each', tool: 'test.probe', forEach: '{{input.files}}' }], { input: { files: 'a.txt' } });
    await whenPlanIs(bad, 'failed');
    expect(await stepOf(bad, 'each')).toMatchObject({ error: { code: 'invalid_input', message: 'forEach needs a list, got text' } });
    expect(calls).toEqual([]);
  });

  test('behind a gate asks once, for all; a retry by hand runs only what failed, with a new key and the same approval', async () => {
    behaviour['each[1]'] = () => Promise.reject(Object.assign(new Error('no'), { retryable: false }));
    const planId = await startPlan([
      {
        id: 'each',
        tool: 'test.probe',
        forEach: '{{each.approval.data.to}}',
        input: { to: '{{item}}' },
        approval: { message: 'To whom?' },
        // Whichever child comes first: the other one runs to its end.
        onError: 'continue',
      },
    ]);
    await whenStepIs(planId, 'each', 'awaiting_approval');
    await store.approveGate(planId, 'each', { ...ann, data: { to: ['ann', 'bob'] } });
    await whenPlanIs(planId, 'failed');
    delete behaviour['each[1]'];
    expect(await store.retryPlan(planId, ann)).toMatchObject({ ok: true });
    await whenPlanIs(planId, 'completed');
    expect(await stepOf(planId, 'each')).toMatchObject({ output: [{ to: 'ann' }, { to: 'bob' }] });
    expect(calls.map(({ ctx }) => ctx.idempotencyKey).sort()).toEqual(
      ['each[0].1', 'each[1].1', 'each[1].2'].map((key) => `${planId}.${key}`),
    );
    expect(calls.every(({ ctx }) => (ctx.approvalData as { to: string[] }).to.length === 2)).toBe(true);
  });

  test('tries a child again by itself', async () => {
    behaviour['each[1]'] = ({ attempt }) => {
      if (attempt === 1) throw new Error('not yet');
      return 'second';
    };
    const planId = await startPlan([{ id: 'each', tool: 'test.probe', forEach: [1, 2], retry: { maxAttempts: 2, delayMs: 0 } }]);
    await whenPlanIs(planId, 'completed');
    expect(stepsCalled().sort()).toEqual(['each[0]', 'each[1]', 'each[1]']);
    expect(await stepOf(planId, 'each')).toMatchObject({ output: [{}, 'second'] });
  });
});

/** A promise for a tool to wait for, and the test's hand on it. */
function held<Value>(): { promise: Promise<Value>; letGo(value: Value): void } {
  let letGo: (value: Value) => void = () => {};
  const promise = new Promise<Value>((resolve) => {
    letGo = resolve;
  });
  return { promise, letGo };
}

describe('when a plan stops', () => {
  const untilAborted = ({ signal }: ToolContext) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const steps: StepDraft[] = [
    { id: 'fails', tool: 'test.probe' },
    { id: 'runs', tool: 'test.probe' },
    { id: 'cleans', tool: 'test.probe', runIf: 'all_done' },
    { id: 'after', tool: 'test.probe', dependsOn: ['fails'], runIf: 'all_done' },
  ];

  test('running steps are aborted, clean-up steps go on and start', async () => {
    const go = held<null>();
    const done = held<string>();
    behaviour = {
      fails: () => go.promise.then(() => Promise.reject(Object.assign(new Error('no'), { retryable: false }))),
      runs: untilAborted,
      cleans: () => done.promise,
    };
    const planId = await startPlan(steps);
    await Promise.all(['fails', 'runs', 'cleans'].map(whenCalled));
    go.letGo(null);
    await whenStepIs(planId, 'runs', 'cancelled');
    await whenStepIs(planId, 'after', 'completed');
    expect(calls.find(({ ctx }) => ctx.stepId === 'cleans')?.ctx.signal.aborted).toBe(false);
    done.letGo('tidy');
    await whenPlanIs(planId, 'failed');
    expect(await stepOf(planId, 'cleans')).toMatchObject({ status: 'completed', output: 'tidy' });
  });

  test('a cancel aborts clean-up steps, too', async () => {
    behaviour = { fails: untilAborted, runs: untilAborted, cleans: untilAborted };
    const planId = await startPlan(steps);
    await Promise.all(['fails', 'runs', 'cleans'].map(whenCalled));
    await store.cancelPlan(planId, ann);
    await expect.poll(() => calls.map(({ ctx }) => ctx.signal.aborted), { timeout: 20_000 }).toEqual([true, true, true]);
  });
});

test('a queue lets through what it may, whatever plan and executor allow', async () => {
  const planId = await startPlan(
    ['a', 'b', 'c', 'd'].map((id) => ({ id, tool: 'test.narrow' })),
    { options: { maxParallelSteps: 4 } },
  );
  await whenPlanIs(planId, 'completed');
  expect(most).toBe(1);
});

test('tools that hold the process up are called one at a time, and between them it catches up; a cancel in between counts', async () => {
  let turns = 0;
  const counting = setInterval(() => turns++, 1);
  cleanUps.push(async () => clearInterval(counting));
  const seen: number[] = [];
  const holdUp = (): void => {
    seen.push(turns);
    for (const end = performance.now() + 150; performance.now() < end; );
  };
  const ids = ['a', 'b', 'c', 'd', 'e'];
  behaviour = Object.fromEntries(ids.map((id) => [id, holdUp]));
  const steps: StepDraft[] = [
    { id: 'first', tool: 'test.probe', input: { value: 1 } },
    ...ids.map((id) => ({ id, tool: 'test.probe', input: { value: '{{first.output.value}}' } })),
  ];
  const planId = await startPlan(steps, { options: { maxParallelSteps: 5 } });
  await whenPlanIs(planId, 'completed');
  expect(stepsCalled().sort()).toEqual([...ids, 'first']);
  expect(new Set(seen).size).toBe(5);

  calls = [];
  const holdUpAndCancel = ({ planId: held }: ToolContext): void => {
    void store.cancelPlan(held, ann);
    holdUp();
  };
  behaviour = Object.fromEntries(ids.map((id) => [id, holdUpAndCancel]));
  const cancelled = await startPlan(steps, { options: { maxParallelSteps: 5 } });
  await whenPlanIs(cancelled, 'cancelled');
  expect(stepsCalled()).toHaveLength(2);
});
