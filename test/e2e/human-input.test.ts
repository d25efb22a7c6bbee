import type { JsonObject, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, NOTHING_MENDED, refusal, startPlan, untilSteps } from './deciding.ts';
import { type Answer, Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { ...NOTHING_MENDED, CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const ask = (schema?: JsonObject | string, more: Partial<StepDraft> = {}): StepDraft => ({
  id: 'ask',
  tool: 'human.input',
  input: { question: 'Which version goes out?', ...(schema === undefined ? {} : { schema }) },
  ...more,
});
/** Where an answer is wrong. */
const wrongPaths = ({ status, body }: Answer): unknown[] => [
  status,
  body.code,
  ...(body.issues ?? []).map(({ path }: { path: string }) => path).sort(),
];

test('the answer is the output of the step, and later steps read it with its types', async () => {
  const plan = await startPlan(fleet, [
    ask(),
    recordStep('use', { value: ['{{ask.output.version}}', '{{ask.output.tags[0]}}', 'v{{ask.output.version}}', '{{ask.output.gone}}'] }),
  ]);
  const waiting = await untilSteps(fleet, plan, { ask: 'awaiting_approval', use: 'pending' });
  expect(stepOf(waiting, 'ask').gate).toMatchObject({ message: 'Which version goes out?', need: 1, have: 0 });
  const [item] = (await fleet.call('GET', '/v1/approvals')).body.items;
  expect(item).toMatchObject({ kind: 'gate', stepId: 'ask', title: 'Which version goes out?' });
  const data = { version: 2.5, tags: [{ name: 'x' }, '{{input.secret}}'] };
  expect((await decide(fleet, [plan, 'ask'], { data, actor: 'ann' })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'ask').output).toEqual(data);
  expect(stepOf(done, 'use').output).toEqual({ value: [2.5, { name: 'x' }, 'v2.5', null] });
});

test.each(['yes', false, 0, '', [], {}, [1, 'a'], null])('an answer may be any JSON, such as %j', async (data) => {
  const plan = await startPlan(fleet, [ask(), recordStep('use', { value: '{{ask.output}}' })]);
  await untilSteps(fleet, plan, { ask: 'awaiting_approval' });
  await decide(fleet, [plan, 'ask'], { data });
  const done = await fleet.until(plan.id, 'completed');
  expect([stepOf(done, 'ask').output, stepOf(done, 'use').output]).toEqual([data, { value: data }]);
});

test('wrong answers are refused, saying where, and count for nothing; a right one goes on', async () => {
  const schema = {
    type: 'object',
    properties: { version: { type: 'integer', minimum: 1 }, where: { enum: ['staging', 'production'] } },
    required: ['version', 'where'],
    additionalProperties: false,
  };
  const plan = await startPlan(fleet, [ask(schema), recordStep('use', { value: '{{ask.output.where}}' })]);
  const before = await untilSteps(fleet, plan, { ask: 'awaiting_approval' });
  const answer = (data: unknown) => decide(fleet, [plan, 'ask'], { data: data as JsonObject });
  expect(wrongPaths(await answer({ version: '2', where: 'here' }))).toEqual([422, 'invalid_request', 'data.version', 'data.where']);
  expect(wrongPaths(await answer({ version: 0, where: 'staging' }))).toEqual([422, 'invalid_request', 'data.version']);
  expect(wrongPaths(await answer('staging'))).toEqual([422, 'invalid_request', 'data']);
  expect(wrongPaths(await answer(null))).toEqual([422, 'invalid_request', 'data']);
  expect(refusal(await answer({ version: 1 }))).toEqual([422, 'invalid_request']);
  expect(refusal(await answer({ version: 1, where: 'staging', more: 1 }))).toEqual([422, 'invalid_request']);
  expect(await fleet.plan(plan.id)).toEqual(before);
  expect((await answer({ version: 2, where: 'staging' })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'use').output).toEqual({ value: 'staging' });
});

test('an approval without an answer is refused, with a schema and without one', async () => {
  const plan = await startPlan(fleet, [ask(), { ...ask({ type: 'string' }), id: 'typed' }]);
  const before = await untilSteps(fleet, plan, { ask: 'awaiting_approval', typed: 'awaiting_approval' });
  for (const stepId of ['ask', 'typed']) {
    const refused = await decide(fleet, [plan, stepId], { comment: 'looks fine' });
    expect(wrongPaths(refused)).toEqual([422, 'invalid_request', 'data']);
    expect(refused.body.issues[0].message).toContain('Which version goes out?');
  }
  expect(await fleet.plan(plan.id)).toEqual(before);
  await fleet.act(plan.id, 'cancel');
});

test('question and schema may come from the input and from earlier steps', async () => {
  const plan = await fleet.createPlan({
    objective: 'ask about what was found',
    input: { schema: { type: 'string', enum: ['a', 'b'] } },
    steps: [
      recordStep('find', { value: { choices: ['x', 'y'] } }),
      { id: 'one', tool: 'human.input', input: { question: 'Which of {{find.output.value.choices}}?', schema: '{{input.schema}}' } },
      {
        id: 'two',
        tool: 'human.input',
        input: { question: 'And which?', schema: { type: 'object', properties: { name: { enum: '{{find.output.value.choices}}' } } } },
      },
      recordStep('use', { value: ['{{one.output}}', '{{two.output.name}}'] }),
    ],
    options: { requireApproval: false },
  });
  const waiting = await untilSteps(fleet, plan, { one: 'awaiting_approval', two: 'awaiting_approval' });
  expect(stepOf(waiting, 'one')).toMatchObject({
    gate: { message: 'Which of ["x","y"]?' },
    resolvedInput: { question: 'Which of ["x","y"]?', schema: { type: 'string', enum: ['a', 'b'] } },
  });
  expect(wrongPaths(await decide(fleet, [plan, 'one'], { data: 'x' }))).toEqual([422, 'invalid_request', 'data']);
  expect(wrongPaths(await decide(fleet, [plan, 'two'], { data: { name: 'a' } }))).toEqual([422, 'invalid_request', 'data.name']);
  expect((await decide(fleet, [plan, 'one'], { data: 'b' })).status).toBe(200);
  expect((await decide(fleet, [plan, 'two'], { data: { name: 'y' } })).status).toBe(200);
  expect(stepOf(await fleet.until(plan.id, 'completed'), 'use').output).toEqual({ value: ['b', 'y'] });
});

test('a reference that gives no schema fails the step before anybody is asked', async () => {
  const plan = await startPlan(fleet, [recordStep('find', { value: 'nonsense' }), ask('{{find.output.value}}')]);
  const failed = await fleet.until(plan.id, 'failed');
  expect(stepOf(failed, 'ask')).toMatchObject({ status: 'failed', gate: null, error: { code: 'invalid_input', retryable: false } });
});

test('a refusal to answer fails the step, and onError decides what follows', async () => {
  const plan = await startPlan(fleet, [
    ask(undefined, { onError: 'continue' }),
    recordStep('use', { value: '{{ask.output}}' }),
    recordStep('beside'),
    recordStep('told', { value: '{{ask.error.code}}' }, { runIf: 'all_done' }),
  ]);
  await untilSteps(fleet, plan, { ask: 'awaiting_approval', beside: 'completed' });
  await decide(fleet, [plan, 'ask'], { verb: 'reject', actor: 'ann', comment: 'ask somebody else' });
  const ended = await fleet.until(plan.id, 'partial');
  expect(stepOf(ended, 'ask')).toMatchObject({ status: 'failed', output: null, error: { code: 'rejected' } });
  expect(stepOf(ended, 'told').output).toEqual({ value: 'rejected' });
  expect(fleet.calls(plan.id).sort()).toEqual(['beside', 'told']);
});

test('with a quorum who comes after may let the answer stand, or give another', async () => {
  const quorum = { approval: { quorum: 2 } };
  const plan = await startPlan(fleet, [ask({ type: 'string' }, quorum), { ...ask({ type: 'string' }, quorum), id: 'again' }]);
  await untilSteps(fleet, plan, { ask: 'awaiting_approval', again: 'awaiting_approval' });
  for (const stepId of ['ask', 'again']) await decide(fleet, [plan, stepId], { actor: 'ann', data: 'first' });
  expect(wrongPaths(await decide(fleet, [plan, 'again'], { actor: 'bob', data: 7 }))).toEqual([422, 'invalid_request', 'data']);
  expect((await decide(fleet, [plan, 'ask'], { actor: 'bob' })).status).toBe(200);
  expect((await decide(fleet, [plan, 'again'], { actor: 'bob', data: 'second' })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  expect([stepOf(done, 'ask').output, stepOf(done, 'again').output]).toEqual(['first', 'second']);
});

test('a question that nobody answers in time fails the step with `expired`', async () => {
  const plan = await startPlan(fleet, [ask(), recordStep('use', { value: '{{ask.output}}' })], { approvalTimeoutMs: 300 });
  const failed = await fleet.until(plan.id, 'failed');
  expect(stepOf(failed, 'ask')).toMatchObject({ error: { code: 'expired' }, gate: { decision: 'expired' } });
  expect(fleet.calls(plan.id)).toEqual([]);
});
