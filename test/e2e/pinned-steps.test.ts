import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { Fleet } from './fleet.ts';
import { stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(() => fleet?.close());

const step = (id: string, value: unknown = id, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input: { value } as StepDraft['input'],
  ...more,
});
const fails = (id: string, more: Partial<StepDraft> = {}): StepDraft => step(id, id, { input: { failAttempts: 9 }, ...more });
const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({ objective: 'test pinned steps', steps, ...more });
const after = (...dependsOn: string[]): Partial<StepDraft> => ({ dependsOn });
const pinned = ({ steps }: Plan): string[] => steps.filter(({ reason }) => reason?.kind === 'pinned').map(({ id }) => id);
const keys = (planId: string, stepId: string): string[] =>
  fleet.ledger(planId).flatMap((line) => (line.stepId === stepId && line.what === 'start' ? [line.key.slice(planId.length)] : []));

/** Revises, and looks that nothing runs before the new digest is approved; then approves. */
async function reviseAndApprove(plan: Plan, body: unknown, status: Plan['status'] = 'completed'): Promise<{ waiting: Plan; done: Plan }> {
  const calls = fleet.calls(plan.id);
  const answer = await fleet.revise(plan, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  const waiting: Plan = answer.body.plan;
  expect(waiting.status).toBe('pending_approval');
  expect(fleet.calls(plan.id)).toEqual(calls);
  await fleet.approve(waiting);
  const done = await untilEventsAgree(fleet, plan.id, status);
  return { waiting, done };
}

test('a failed plan is mended: what completed and is the same stays, with its output, and only the rest runs', async () => {
  const steps = [step('a', 1), step('b', '{{a.output.value}}'), step('apart')];
  const plan = await fleet.run(draft([...steps, fails('c', after('a', 'b', 'apart')), step('d', 'd', after('c'))]), 'failed');
  const before = fleet.calls(plan.id);
  const { waiting, done } = await reviseAndApprove(plan, {
    steps: [
      ...steps,
      step('c', '{{b.output.value}}', after('a', 'b', 'apart')),
      step('d', 'd', after('c')),
      step('new', '{{a.output.value}}'),
    ],
  });
  expect(waiting.steps.map(({ id, status, reason, generation }) => [id, status, reason?.kind, generation])).toEqual([
    ['a', 'completed', 'pinned', 1],
    ['b', 'completed', 'pinned', 1],
    ['apart', 'completed', 'pinned', 1],
    ['c', 'pending', 'plan_not_started', 2],
    ['d', 'pending', 'plan_not_started', 2],
    ['new', 'pending', 'plan_not_started', 2],
  ]);
  expect(stepOf(waiting, 'b')).toEqual({ ...stepOf(plan, 'b'), reason: stepOf(waiting, 'b').reason });
  expect(stepOf(waiting, 'b').reason).toEqual({
    kind: 'pinned',
    text: 'completed in revision 1 and is the same in this one: not run again',
    detail: { revision: 1 },
  });
  expect(waiting.progress).toMatchObject({ total: 6, completed: 3, failed: 0, skipped: 0, percent: 50 });
  expect(fleet.calls(plan.id).slice(before.length).sort()).toEqual(['c', 'd', 'new']);
  expect([keys(plan.id, 'c'), keys(plan.id, 'd'), keys(plan.id, 'new'), keys(plan.id, 'a')]).toEqual([
    ['.c.1', '.c.2'],
    ['.d.2'],
    ['.new.2'],
    ['.a.1'],
  ]);
  expect([stepOf(done, 'c').output, stepOf(done, 'new').output]).toEqual([{ value: 1 }, { value: 1 }]);
  expect(pinned(done)).toEqual(['a', 'b', 'apart']);
  const revised = (await fleet.events(plan.id)).find(({ type }) => type === 'plan.revised');
  expect(revised?.data).toMatchObject({ digest: waiting.digest, origin: 'manual', quorum: 1, pinned: ['a', 'b', 'apart'] });
});

test('a change spreads to everything behind it, and to nothing else', async () => {
  const plan = await fleet.run(
    draft([step('a'), step('b', 'b', after('a')), step('c', 'c', after('b')), step('x'), fails('last', after('c', 'x'))]),
    'failed',
  );
  const { waiting } = await reviseAndApprove(plan, {
    steps: [step('a'), step('b', 'changed', after('a')), step('c', 'c', after('b')), step('x'), step('last', 'last', after('c', 'x'))],
  });
  expect(pinned(waiting)).toEqual(['a', 'x']);
  expect(stepOf(waiting, 'b')).toMatchObject({ status: 'pending', attempt: 0, output: null, startedAt: null });
  expect(
    fleet
      .calls(plan.id)
      .filter((id) => id === 'a' || id === 'x')
      .sort(),
  ).toEqual(['a', 'x']);
  expect([keys(plan.id, 'b'), keys(plan.id, 'c')]).toEqual([
    ['.b.1', '.b.2'],
    ['.c.1', '.c.2'],
  ]);
});

test('a change of the plan’s input unpins the steps that read it and what follows them', async () => {
  const steps = (last: StepDraft): StepDraft[] => [
    step('reads', '{{input.root}}'),
    step('asks', 'asks', { when: "{{input.root}} != ''" }),
    step('behind', 'behind', after('reads')),
    step('apart'),
    last,
  ];
  const plan = await fleet.run(
    draft(steps(fails('last', after('asks', 'behind', 'apart'))), { input: { root: 'one', other: 1 } }),
    'failed',
  );
  const { waiting, done } = await reviseAndApprove(plan, {
    steps: steps(step('last', 'last', after('asks', 'behind', 'apart'))),
    input: { root: 'two', other: 1 },
  });
  expect(pinned(waiting)).toEqual(['apart']);
  expect(stepOf(done, 'reads').output).toEqual({ value: 'two' });
  expect(fleet.calls(plan.id).filter((id) => id === 'apart')).toHaveLength(1);
});

test('a partial plan whose options change runs what had failed and what was left behind, nothing that had completed', async () => {
  const open = fleet.gate('partial-plan');
  const steps = [step('works'), step('flaky', 'flaky', { input: { failUntil: open.file } }), step('behind', 'behind', after('flaky'))];
  const plan = await fleet.run(draft(steps, { options: { stopOnError: false } }), 'partial');
  open.open();
  const { waiting } = await reviseAndApprove(plan, { steps, options: { stopOnError: false, priority: 5 } });
  expect(waiting.steps.map(({ status }) => status)).toEqual(['completed', 'pending', 'pending']);
  expect(fleet.calls(plan.id).sort()).toEqual(['behind', 'flaky', 'flaky', 'works']);
  expect(keys(plan.id, 'flaky')).toEqual(['.flaky.1', '.flaky.2']);
});

test('when all that is left had completed, the approved revision completes without a call', async () => {
  const plan = await fleet.run(draft([step('a'), fails('b', after('a'))]), 'failed');
  const { done } = await reviseAndApprove(plan, { steps: [step('a')] });
  expect(done.progress).toMatchObject({ total: 1, completed: 1, percent: 100 });
  expect(fleet.calls(plan.id)).toEqual(['a', 'b']);
});

test('revision after revision: generations go on rising, and what was pinned once stays so', async () => {
  const plan = await fleet.run(draft([step('a'), fails('b', after('a'))]), 'failed');
  const second = await reviseAndApprove(plan, { steps: [step('a'), fails('b', { ...after('a'), description: 'again' })] }, 'failed');
  await fleet.act(plan.id, 'retry');
  const again = await fleet.until(plan.id, 'failed');
  expect(stepOf(again, 'b').generation).toBe(3);
  const third = await reviseAndApprove(again, { steps: [step('a'), step('b', 'b', after('a')), step('c', 'c', after('b'))] });
  expect(third.waiting.steps.map(({ generation }) => generation)).toEqual([1, 4, 4]);
  expect([pinned(second.waiting), pinned(third.waiting)]).toEqual([['a'], ['a']]);
  expect(stepOf(third.done, 'a').reason?.detail).toEqual({ revision: 1 });
  expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'b', 'b', 'b', 'c']);
  expect(keys(plan.id, 'b')).toEqual(['.b.1', '.b.2', '.b.3', '.b.4']);
});

test('a step that was removed and comes back runs again, under a key of its own', async () => {
  const plan = await fleet.run(draft([step('a'), step('b'), fails('c', after('a', 'b'))]), 'failed');
  const without = await reviseAndApprove(plan, { steps: [step('b'), fails('c', after('b'))] }, 'failed');
  const { waiting } = await reviseAndApprove(without.done, { steps: [step('a'), step('b'), step('c', 'c', after('a', 'b'))] });
  expect(pinned(waiting)).toEqual(['b']);
  expect(keys(plan.id, 'a')).toEqual(['.a.1', '.a.3']);
  expect(fleet.calls(plan.id).filter((id) => id === 'b')).toHaveLength(1);
});

test('what was skipped, cancelled or aborted is not pinned: it is decided and run anew', async () => {
  const never = fleet.gate('pinned-never');
  const now = fleet.gate('pinned-now');
  const steps = (last: StepDraft): StepDraft[] => [
    step('first'),
    step('declined', 'declined', { when: '{{input.go}} == true' }),
    step('held', 'held', { input: { holdUntil: never.file }, ...after('first') }),
    last,
    step('waits', 'waits', after('last')),
  ];
  const failing = step('last', 'last', { input: { holdUntil: now.file, failAttempts: 9 }, ...after('first') });
  const created = await fleet.createPlan(draft(steps(failing), { input: { go: false } }));
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what, stepId }) => what === 'start' && stepId === 'held');
  now.open();
  const plan = await fleet.until(created.id, 'failed');
  expect(plan.steps.map(({ status }) => status)).toEqual(['completed', 'skipped', 'cancelled', 'failed', 'skipped']);
  never.open();
  const { waiting } = await reviseAndApprove(plan, { steps: steps(step('last', 'last', after('first'))), input: { go: true } });
  expect(waiting.steps.map(({ status }) => status)).toEqual(['completed', 'pending', 'pending', 'pending', 'pending']);
  expect(fleet.calls(plan.id).slice(3).sort()).toEqual(['declined', 'held', 'last', 'waits']);
});

test('branches, gates and lists that completed stay as they were decided, answered and expanded', async () => {
  const steps = (last: StepDraft): StepDraft[] => [
    { id: 'check', tool: 'condition', input: { expression: '1 < 2' }, ifTrue: ['yes'], ifFalse: ['no'] },
    step('yes'),
    step('no'),
    step('asked', '{{asked.approval.data}}', { approval: { message: 'Go?' } }),
    step('each', '{{item}}', { forEach: [1, 2] }),
    last,
  ];
  const behind = after('yes', 'asked', 'each');
  const created = await fleet.createPlan(draft(steps(fails('last', behind))));
  await fleet.approve(created);
  await expect.poll(async () => stepOf(await fleet.plan(created.id), 'asked').status, { timeout: 20_000 }).toBe('awaiting_approval');
  await fleet.act(created.id, 'steps/asked/approve', { data: 'green' });
  const plan = await fleet.until(created.id, 'failed');
  const { waiting, done } = await reviseAndApprove(plan, {
    steps: steps(step('last', ['{{asked.approval.data}}', '{{each.output.1.value}}'], behind)),
  });
  expect(pinned(waiting)).toEqual(['check', 'yes', 'asked', 'each']);
  expect(stepOf(waiting, 'asked').gate).toEqual(stepOf(plan, 'asked').gate);
  expect(stepOf(waiting, 'each').children?.map(({ output }) => output)).toEqual([{ value: 1 }, { value: 2 }]);
  expect(stepOf(done, 'no').reason).toMatchObject({ kind: 'branch_not_taken', detail: { stepId: 'check' } });
  expect(stepOf(done, 'last').output).toEqual({ value: ['green', 2] });
  expect(fleet.calls(plan.id).sort()).toEqual(['asked', 'each[0]', 'each[1]', 'last', 'last', 'yes']);
});

test('a gate whose step is changed asks again', async () => {
  const gate = { approval: { message: 'Go?' } };
  const created = await fleet.createPlan(draft([step('asked', 1, gate), fails('last', after('asked'))]));
  await fleet.approve(created);
  await fleet.act(created.id, 'steps/asked/approve', { data: 'first' });
  const plan = await fleet.until(created.id, 'failed');
  const answer = await fleet.revise(plan, { steps: [step('asked', 2, gate), step('last', '{{asked.approval.data}}')] });
  expect(stepOf(answer.body.plan, 'asked').gate).toBeNull();
  expect((await fleet.send(plan.id, 'steps/asked/approve')).body.code).toBe('wrong_state');
  await fleet.approve(answer.body.plan);
  expect(stepOf(await fleet.plan(plan.id), 'asked').status).toBe('awaiting_approval');
  await fleet.act(plan.id, 'steps/asked/approve', { data: 'second' });
  expect(stepOf(await fleet.until(plan.id, 'completed'), 'last').output).toEqual({ value: 'second' });
});

test('a revision that is rejected or cancelled runs nothing, and what had completed stays to be read', async () => {
  for (const [action, status] of [
    ['reject', 'rejected'],
    ['cancel', 'cancelled'],
  ] as const) {
    const plan = await fleet.run(draft([step('a'), fails('b', after('a'))]), 'failed');
    const revised: Plan = (await fleet.revise(plan, { steps: [step('a'), step('b', 'b', after('a'))] })).body.plan;
    await fleet.act(plan.id, action, action === 'reject' ? { digest: revised.digest, reason: 'no' } : {});
    const done = await untilEventsAgree(fleet, plan.id, status);
    expect([stepOf(done, 'a').output, stepOf(done, 'a').status]).toEqual([{ value: 'a' }, 'completed']);
    expect((await fleet.send(plan.id, 'retry')).body.code).toBe('wrong_state');
    expect(fleet.calls(plan.id)).toEqual(['a', 'b']);
  }
});

test('pinned steps can be run again by hand: under a generation of their own, and pinned no more', async () => {
  const plan = await fleet.run(draft([step('a'), step('x'), fails('b', after('a', 'x'))]), 'failed');
  const { done } = await reviseAndApprove(
    plan,
    { steps: [step('a'), step('x'), fails('b', { ...after('a', 'x'), description: 'again' })] },
    'failed',
  );
  expect(pinned(done)).toEqual(['a', 'x']);
  await fleet.act(plan.id, 'retry', { from: ['a'] });
  const failed = await untilEventsAgree(fleet, plan.id, 'failed');
  expect(pinned(failed)).toEqual(['x']);
  expect([keys(plan.id, 'a'), keys(plan.id, 'x'), keys(plan.id, 'b')]).toEqual([['.a.1', '.a.2'], ['.x.1'], ['.b.1', '.b.2', '.b.3']]);
  const third = await reviseAndApprove(failed, { steps: [step('a'), step('x'), step('b', 'b', after('a', 'x'))] });
  expect(third.done.steps.map(({ reason }) => reason?.detail.revision ?? null)).toEqual([2, 1, null]);
  expect(keys(plan.id, 'b').at(-1)).toBe('.b.4');
});
