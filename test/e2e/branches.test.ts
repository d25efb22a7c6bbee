import type { PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { conditionStep, recordStep, statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({ objective: 'take a side', steps, ...more });
const reasons = (steps: readonly { id: string; reason: { kind: string; detail: object } | null }[]) =>
  Object.fromEntries(steps.flatMap(({ id, reason }) => (reason === null ? [] : [[id, [reason.kind, reason.detail]]])));

test.each([
  [true, ['join', 'yes', 'yes-too'], 'no'],
  [false, ['join', 'no'], 'yes'],
])('when the condition is %s one side runs, the other is never called, and what joins both runs', async (value, called, untaken) => {
  const plan = await fleet.launchUntil(
    draft(
      [
        // Written before its condition, with nothing in it that would have to be waited for.
        recordStep('yes', { value: 'static' }),
        recordStep('yes-too', { value: 'static' }, { dependsOn: ['yes'] }),
        conditionStep('check', `{{input.value}} == true`, { ifTrue: ['yes', 'yes-too'], ifFalse: ['no'] }),
        recordStep('no', { value: 'static' }),
        recordStep('join', { value: '{{yes.status}}, {{no.status}}' }),
        recordStep('behind', {}, { dependsOn: [untaken] }),
      ],
      { input: { value } },
    ),
  );
  // What joins the sides and what follows inside of one start side by side.
  expect([...fleet.calls(plan.id)].sort()).toEqual(called);
  expect(stepOf(plan, 'check').output).toBe(value);
  expect(['yes', 'no', 'join'].map((id) => stepOf(plan, id).dependsOn)).toEqual([['check'], ['check'], ['yes', 'no']]);
  expect(stepOf(plan, untaken)).toMatchObject({
    status: 'skipped',
    attempt: 0,
    startedAt: null,
    reason: { kind: 'branch_not_taken', detail: { stepId: 'check' } },
  });
  expect(stepOf(plan, 'behind').reason?.kind).toBe('dependency_skipped');
  expect(plan.progress.percent).toBe(100);
});

test.each([
  [true, true, 'tt'],
  [true, false, 'tf'],
  [false, true, 'ft'],
  [false, false, 'ff'],
])(
  'branches in branches, outer %s and inner %s: one leaf runs, and no condition of the other side is evaluated',
  async (outer, inner, leaf) => {
    const plan = await fleet.launchUntil(
      draft(
        [
          conditionStep('outer', '{{input.outer}}', { ifTrue: ['on-true'], ifFalse: ['on-false'] }),
          conditionStep('on-true', '{{input.inner}}', { ifTrue: ['tt'], ifFalse: ['tf'] }),
          conditionStep('on-false', '{{input.inner}}', { ifTrue: ['ft'], ifFalse: ['ff'] }),
          ...['tt', 'tf', 'ft', 'ff'].map((id) => recordStep(id)),
          recordStep('join', {}, { dependsOn: ['tt', 'tf', 'ft', 'ff'] }),
        ],
        { input: { outer, inner } },
      ),
    );
    expect(fleet.calls(plan.id)).toEqual([leaf, 'join']);
    const untaken = outer ? 'on-false' : 'on-true';
    expect(stepOf(plan, untaken)).toMatchObject({
      status: 'skipped',
      attempt: 0,
      reason: { kind: 'branch_not_taken', detail: { stepId: 'outer' } },
    });
    expect((await fleet.events(plan.id)).filter(({ type, stepId }) => type === 'step.queued' && stepId === untaken)).toEqual([]);
    for (const id of outer ? ['ft', 'ff'] : ['tt', 'tf'])
      expect(stepOf(plan, id).reason).toMatchObject({ kind: 'branch_not_taken', detail: { stepId: untaken } });
  },
);

test('a step that hangs on two conditions runs only where both take it', async () => {
  const plan = await fleet.launchUntil(
    draft([
      conditionStep('first', 'true', { ifTrue: ['both', 'one'] }),
      conditionStep('second', 'false', { ifTrue: ['one'], ifFalse: ['both'] }),
      recordStep('both'),
      recordStep('one', {}, { runIf: 'all_done' }),
    ]),
  );
  expect(fleet.calls(plan.id)).toEqual(['both']);
  expect(reasons(plan.steps)).toEqual({ one: ['branch_not_taken', { stepId: 'second' }] });
});

test('nobody is asked on a side that is not taken, nor where the condition of a gate is false', async () => {
  const gate = { approval: { message: 'Sure?' } };
  const { id } = await fleet.launch(
    draft([
      conditionStep('check', 'true', { ifTrue: ['taken'], ifFalse: ['untaken', 'untaken-too'] }),
      recordStep('untaken', {}, gate),
      { id: 'untaken-too', tool: 'human.input', input: { question: 'Why?' } },
      recordStep('declined', {}, { ...gate, when: '{{check.output}} == false' }),
      recordStep('taken', {}, gate),
    ]),
  );
  await expect
    .poll(async () => (await fleet.plan(id)).steps.map(({ status }) => status))
    .toEqual(['completed', 'skipped', 'skipped', 'skipped', 'awaiting_approval']);
  const { items } = (await fleet.call('GET', '/v1/approvals')).body;
  expect(items.flatMap((item: { planId: string; stepId: string }) => (item.planId === id ? [item.stepId] : []))).toEqual(['taken']);
  await fleet.act(id, 'steps/taken/approve');
  const plan = await fleet.until(id, 'completed');
  expect(fleet.calls(id)).toEqual(['taken']);
  expect(plan.steps.map(({ gate: asked }) => asked !== null)).toEqual([false, false, false, false, true]);
  expect((await fleet.events(id)).flatMap(({ type, stepId }) => (type === 'step.awaiting_approval' ? [stepId] : []))).toEqual(['taken']);
});

describe('a condition that fails', () => {
  const steps = [
    conditionStep('check', `'one' < 2`, { ifTrue: ['yes', 'clean-up'], ifFalse: ['no'] }),
    recordStep('yes'),
    recordStep('no'),
    recordStep('clean-up', {}, { runIf: 'all_done' }),
    recordStep('apart', {}, { runIf: 'all_done', dependsOn: ['check'] }),
    recordStep('join', {}, { runIf: 'none_failed', dependsOn: ['yes', 'no'] }),
  ];

  test.each(['partial', 'failed'] as const)('runs neither side, not even clean-up steps on it, when the plan ends %s', async (status) => {
    const plan = await fleet.launchUntil(draft(steps, { options: { stopOnError: status === 'failed' } }), status);
    expect(stepOf(plan, 'check')).toMatchObject({ status: 'failed', error: { code: 'bad_condition' } });
    expect(fleet.calls(plan.id)).toEqual(['apart']);
    const behind = ['dependency_failed', { stepId: 'check' }];
    expect(reasons(plan.steps)).toEqual({ yes: behind, no: behind, 'clean-up': behind, join: behind });
  });
});

test('a branch decides anew when its condition is run again', async () => {
  const flag = fleet.gate('second-time');
  const { id } = await fleet.launchUntil(
    draft([
      recordStep('fails', { failUntil: flag.file }, { onError: 'continue' }),
      conditionStep('check', `{{fails.status}} == 'completed'`, { ifTrue: ['yes'], ifFalse: ['no'], runIf: 'all_done' }),
      recordStep('yes'),
      recordStep('no'),
    ]),
    'partial',
  );
  expect(fleet.calls(id)).toEqual(['fails', 'no']);
  flag.open();
  await fleet.call('POST', `/v1/plans/${id}/retry`, { body: { from: ['fails'] } });
  const plan = await fleet.until(id, 'completed');
  expect(fleet.calls(id)).toEqual(['fails', 'no', 'fails', 'yes']);
  expect(statuses(plan.steps)).toEqual({ fails: 'completed', check: 'completed', yes: 'completed', no: 'skipped' });
});

describe('a branch that makes no sense is refused', () => {
  test.each([
    ['an unknown step', [conditionStep('check', 'true', { ifTrue: ['nobody'] })], 'steps[0].ifTrue[0]', 'unknown_step'],
    [
      'both sides',
      [conditionStep('check', 'true', { ifTrue: ['a'], ifFalse: ['a'] }), recordStep('a')],
      'steps[0].ifFalse[0]',
      'bad_input',
    ],
    ['no condition', [recordStep('check', {}, { ifTrue: ['a'] }), recordStep('a')], 'steps[0].ifTrue', 'unknown_field'],
    ['itself', [conditionStep('check', 'true', { ifTrue: ['check'] })], 'steps[0].dependsOn', 'cycle'],
    ['what it waits for', [recordStep('a'), conditionStep('check', '{{a.status}} == 1', { ifTrue: ['a'] })], 'steps[0].dependsOn', 'cycle'],
  ])('%s', async (_name, steps, path, code) => {
    const answer = await fleet.call('POST', '/v1/plans', { body: draft(steps) });
    expect([answer.status, answer.body.issues]).toEqual([422, [{ path, code, message: expect.any(String) }]]);
  });
});
