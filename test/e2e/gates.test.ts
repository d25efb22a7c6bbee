import type { StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, refusal, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: NOTHING_MENDED });
});
afterAll(() => fleet?.close());

test('what came with an approval is read by the gate and by later steps, with its types', async () => {
  const data = { count: 1.5, list: [1, { deep: 'x' }], yes: true, nothing: null, text: '{{input.secret}}' };
  const plan = await startPlan(fleet, [
    gated('a', {}, { value: { all: '{{a.approval.data}}', told: 'v{{ a.approval.data.count }} {{a.approval.data.nothing}}' } }),
    recordStep('b', { value: ['{{a.approval.data.list[1].deep}}', '{{a.approval.data.yes}}', '{{a.approval.data.gone}}', '{{a.status}}'] }),
  ]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'pending' });
  expect(fleet.calls(plan.id)).toEqual([]);
  expect((await decide(fleet, [plan, 'a'], { data, comment: 'go', actor: 'ann' })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  const values = fleet.ledger(plan.id).filter(({ what }) => what === 'start');
  expect(values.map(({ stepId, value }) => [stepId, value])).toEqual([
    ['a', { all: data, told: 'v1.5 ' }],
    ['b', ['x', true, null, 'completed']],
  ]);
  expect(stepOf(done, 'a').gate).toMatchObject({ data, decision: 'approved', need: 1, have: 1 });
  expect(stepOf(done, 'a').resolvedInput).toEqual({ value: { all: data, told: 'v1.5 ' } });
});

test('an approval without data: references to it give null', async () => {
  const plan = await startPlan(fleet, [gated('a'), recordStep('b', { value: ['{{a.approval.data}}', '<{{a.approval.data.x}}>'] })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  await decide(fleet, [plan, 'a']);
  expect(stepOf(await fleet.until(plan.id, 'completed'), 'b').output).toEqual({ value: [null, '<>'] });
});

test('the approver sees the question and the input as they will be, before anything is called', async () => {
  const plan = await startPlan(fleet, [
    recordStep('count', { value: { total: 3, names: ['x', 'y'] } }),
    gated(
      'publish',
      { approval: { message: 'Publish {{count.output.value.total}}: {{count.output.value.names}}?' } },
      { value: ['{{count.output.value.names}}', 'n={{count.output.value.total}}'] },
    ),
  ]);
  const waiting = await untilSteps(fleet, plan, { publish: 'awaiting_approval' });
  expect(stepOf(waiting, 'publish')).toMatchObject({
    resolvedInput: { value: [['x', 'y'], 'n=3'] },
    attempt: 0,
    startedAt: null,
    gate: { message: 'Publish 3: ["x","y"]?', need: 1, have: 0, decision: null, votes: [], data: null, deadline: null },
    reason: { kind: 'approval', detail: { have: 0, need: 1 } },
  });
  expect(fleet.calls(plan.id)).toEqual(['count']);
  await decide(fleet, [plan, 'publish']);
  await fleet.until(plan.id, 'completed');
  expect(fleet.ledger(plan.id).find(({ stepId }) => stepId === 'publish')?.value).toEqual([['x', 'y'], 'n=3']);
});

test('a rejection under stop fails the step and the plan, aborts what runs, and calls nothing more', async () => {
  const never = fleet.gate('never');
  const plan = await startPlan(fleet, [
    recordStep('runs', { holdUntil: never.file }),
    gated('a'),
    gated('other'),
    recordStep('behind', {}, { dependsOn: ['a'] }),
    recordStep('clean', {}, { dependsOn: ['a'], runIf: 'all_done' }),
  ]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval', other: 'awaiting_approval' });
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
  const answer = await decide(fleet, [plan, 'a'], { verb: 'reject', actor: 'bob', comment: 'not on a Friday', data: { until: 'Monday' } });
  expect(answer.status).toBe(200);
  const failed = await fleet.until(plan.id, 'failed');
  expect(statuses(failed.steps)).toEqual({ runs: 'cancelled', a: 'failed', other: 'cancelled', behind: 'skipped', clean: 'completed' });
  expect(stepOf(failed, 'a')).toMatchObject({ error: { code: 'rejected', retryable: false }, gate: { decision: 'rejected' } });
  expect(stepOf(failed, 'a').error?.message).toContain('bob');
  expect(stepOf(failed, 'a').error?.message).toContain('not on a Friday');
  expect(failed.error).toMatchObject({ code: 'rejected', stepId: 'a' });
  await fleet.untilLedger(plan.id, ({ what }) => what === 'aborted');
  expect(fleet.calls(plan.id)).toEqual(['runs', 'clean']);
});

test('a rejection under continue: what does not depend on it goes on, and what does is skipped and names it', async () => {
  const plan = await startPlan(fleet, [
    gated('a', { onError: 'continue' }),
    recordStep('behind', {}, { dependsOn: ['a'] }),
    recordStep('told', { value: '{{a.error.code}}' }, { runIf: 'all_done' }),
    gated('other'),
    recordStep('after', {}, { dependsOn: ['other'] }),
  ]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval', other: 'awaiting_approval' });
  await decide(fleet, [plan, 'a'], { verb: 'reject' });
  await untilSteps(fleet, plan, { a: 'failed', behind: 'skipped', told: 'completed', other: 'awaiting_approval' });
  await decide(fleet, [plan, 'other']);
  const ended = await fleet.until(plan.id, 'partial');
  expect(stepOf(ended, 'behind').reason).toMatchObject({ kind: 'dependency_failed', detail: { stepId: 'a' } });
  expect(stepOf(ended, 'told').output).toEqual({ value: 'rejected' });
  expect(fleet.calls(plan.id)).toEqual(['told', 'other', 'after']);
});

test('each gate needs a decision of its own, in series and side by side', async () => {
  const plan = await startPlan(fleet, [gated('first'), gated('second', { dependsOn: ['first'] }), gated('beside')]);
  await untilSteps(fleet, plan, { first: 'awaiting_approval', second: 'pending', beside: 'awaiting_approval' });
  expect((await decide(fleet, [plan, 'first'])).status).toBe(200);
  await untilSteps(fleet, plan, { first: 'completed', second: 'awaiting_approval', beside: 'awaiting_approval' });
  expect(fleet.calls(plan.id)).toEqual(['first']);
  expect((await decide(fleet, [plan, 'second'])).status).toBe(200);
  await untilSteps(fleet, plan, { second: 'completed', beside: 'awaiting_approval' });
  expect((await fleet.plan(plan.id)).status).toBe('executing');
  expect((await decide(fleet, [plan, 'beside'])).status).toBe(200);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id)).toEqual(['first', 'second', 'beside']);
});

test('three gates at once run in the order in which they are decided, whichever that is', async () => {
  const orders = ['abc', 'acb', 'bac', 'bca', 'cab', 'cba'];
  await Promise.all(
    orders.map(async (order) => {
      const plan = await startPlan(fleet, [gated('a'), gated('b'), gated('c')]);
      await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval', c: 'awaiting_approval' });
      for (const [n, stepId] of [...order].entries()) {
        expect((await decide(fleet, [plan, stepId])).status).toBe(200);
        await fleet.untilLedger(plan.id, ({ what }) => what === 'end', n + 1);
        expect(fleet.calls(plan.id).join('')).toBe(order.slice(0, n + 1));
      }
      await fleet.until(plan.id, 'completed');
    }),
  );
});

test('a quorum counts different people, says how many are missing, and the last data counts', async () => {
  const plan = await startPlan(fleet, [gated('a', { approval: { message: 'Both?', quorum: 2 } }, { value: '{{a.approval.data}}' })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  const first = await decide(fleet, [plan, 'a'], { actor: 'ann', data: 1 });
  expect(stepOf(first.body.plan, 'a')).toMatchObject({
    status: 'awaiting_approval',
    gate: { have: 1, need: 2, data: 1, decision: null },
    reason: { kind: 'approval', text: expect.stringContaining('2 of 2'), detail: { have: 1, need: 2 } },
  });
  expect(refusal(await decide(fleet, [plan, 'a'], { actor: 'ann' }))).toEqual([409, 'already_voted']);
  expect(refusal(await decide(fleet, [plan, 'a'], { actor: 'ann', verb: 'reject' }))).toEqual([409, 'already_voted']);
  expect(fleet.calls(plan.id)).toEqual([]);
  expect((await decide(fleet, [plan, 'a'], { actor: 'bob', data: 2 })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'a').output).toEqual({ value: 2 });
  expect(stepOf(done, 'a').gate?.votes.map(({ actor, decision, data }) => [actor, decision, data])).toEqual([
    ['ann', 'approved', 1],
    ['bob', 'approved', 2],
  ]);
});

test('one rejection is enough, whatever the quorum', async () => {
  const plan = await startPlan(fleet, [gated('a', { approval: { quorum: 3 } })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  await decide(fleet, [plan, 'a'], { actor: 'ann' });
  await decide(fleet, [plan, 'a'], { actor: 'bob', verb: 'reject' });
  expect((await fleet.until(plan.id, 'failed')).error).toMatchObject({ code: 'rejected', stepId: 'a' });
  expect(fleet.calls(plan.id)).toEqual([]);
});

test('a gate is decided once, not before it asks, and only where there is one', async () => {
  const hold = fleet.gate('before-gate');
  const plan = await startPlan(fleet, [recordStep('before', { holdUntil: hold.file }), gated('a', { dependsOn: ['before'] })]);
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
  for (const verb of ['approve', 'reject'] as const) {
    const early = await decide(fleet, [plan, 'a'], { verb });
    expect(refusal(early)).toEqual([409, 'wrong_state']);
    expect(early.body).toMatchObject({ currentStatus: 'pending', detail: expect.stringContaining('pending') });
    expect(refusal(await decide(fleet, [plan, 'before'], { verb }))).toEqual([409, 'wrong_state']);
    expect(refusal(await decide(fleet, [plan, 'ghost'], { verb }))).toEqual([404, 'not_found']);
  }
  hold.open();
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  expect((await decide(fleet, [plan, 'a'], { actor: 'ann' })).status).toBe(200);
  const done = await fleet.until(plan.id, 'completed');
  for (const verb of ['approve', 'reject'] as const) {
    expect(refusal(await decide(fleet, [plan, 'a'], { verb, actor: 'bob' }))).toEqual([409, 'wrong_state']);
  }
  expect(await fleet.plan(plan.id)).toEqual(done);
  expect(fleet.calls(plan.id)).toEqual(['before', 'a']);
});

test('many people decide one gate at once: one decision counts, and the step runs once', async () => {
  const plans = await Promise.all(Array.from({ length: 5 }, () => startPlan(fleet, [gated('a')])));
  for (const plan of plans) {
    await untilSteps(fleet, plan, { a: 'awaiting_approval' });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => decide(fleet, [plan, 'a'], { actor: `p${i}`, data: i })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
    await fleet.until(plan.id, 'completed');
    expect(fleet.calls(plan.id)).toEqual(['a']);
  }
});

test('a gate gives its place back: with one place another step runs while it waits', async () => {
  const steps: StepDraft[] = [recordStep('seed'), gated('a', { approval: { message: 'After {{seed.status}}?' } }), recordStep('next')];
  const plan = await startPlan(fleet, steps, { maxParallelSteps: 1 });
  await untilSteps(fleet, plan, { seed: 'completed', a: 'awaiting_approval', next: 'completed' });
  expect((await fleet.plan(plan.id)).progress).toMatchObject({ running: 0, waiting: 1, completed: 2 });
  await decide(fleet, [plan, 'a']);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id)).toEqual(['seed', 'next', 'a']);
});

test('a step that fails behind its gate is tried again without asking again', async () => {
  const plan = await startPlan(fleet, [
    gated('a', { retry: { maxAttempts: 3, delayMs: 20 } }, { failAttempts: 2, value: '{{a.approval.data}}' }),
  ]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval' });
  await decide(fleet, [plan, 'a'], { data: 'go' });
  const done = await fleet.until(plan.id, 'completed');
  expect(stepOf(done, 'a')).toMatchObject({ attempt: 3, output: { value: 'go' } });
  expect((await fleet.events(plan.id)).filter(({ type }) => type === 'step.awaiting_approval')).toHaveLength(1);
});

test('the events of gates say who decided what, and in which order', async () => {
  const plan = await startPlan(fleet, [gated('a', { approval: { quorum: 2 }, onError: 'continue' }), gated('b', { onError: 'continue' })]);
  await untilSteps(fleet, plan, { a: 'awaiting_approval', b: 'awaiting_approval' });
  await decide(fleet, [plan, 'a'], { actor: 'ann', comment: 'fine', data: [1] });
  await decide(fleet, [plan, 'a'], { actor: 'bob' });
  await untilSteps(fleet, plan, { a: 'completed' });
  await decide(fleet, [plan, 'b'], { actor: 'cy', verb: 'reject', comment: 'no' });
  await fleet.until(plan.id, 'partial');
  const events = (await fleet.events(plan.id)).filter(({ type }) => /^step\.(awaiting_approval|approved|rejected|failed)$/.test(type));
  expect(events.map(({ type, stepId, actor, data }) => [type, stepId, actor, data])).toEqual([
    ['step.awaiting_approval', 'a', undefined, { need: 2 }],
    ['step.awaiting_approval', 'b', undefined, { need: 1 }],
    ['step.approved', 'a', 'ann', { have: 1, need: 2, comment: 'fine', data: [1] }],
    ['step.approved', 'a', 'bob', { have: 2, need: 2, comment: null, data: null }],
    ['step.rejected', 'b', 'cy', { comment: 'no', data: null }],
    ['step.failed', 'b', undefined, { error: expect.objectContaining({ code: 'rejected' }) }],
  ]);
});
