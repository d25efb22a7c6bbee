import type { ApprovalItem, Plan, PlanDraft, StepDraft, StepView } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { Fleet } from './fleet.ts';
import { stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  // Two steps can run at once in the whole fleet, so that a third one stays queued.
  fleet = await Fleet.start({ env: { EXECUTOR_CONCURRENCY: '1' } });
});
afterAll(() => fleet?.close());

const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: 'test.record', input: { value: id }, ...more });
const after = (...dependsOn: string[]): Partial<StepDraft> => ({ dependsOn });
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'test skips', steps, options });
const outcomes = ({ steps }: Plan): Record<string, string> =>
  Object.fromEntries(steps.map(({ id, status, reason }) => [id, reason === null ? status : `${status} ${reason.kind}`]));
const untilStep = (planId: string, stepId: string, status: StepView['status']): Promise<void> =>
  expect.poll(async () => stepOf(await fleet.plan(planId), stepId).status, { timeout: 20_000 }).toBe(status);

test('a failed step is skipped and the plan retried: what stands behind follows its runIf, and the step is not called again', async () => {
  const fails = step('fails', { input: { failAttempts: 9 }, ...after('works') });
  const behind = [
    step('default-alone', after('fails')),
    step('default-both', after('fails', 'works')),
    step('all-success', { runIf: 'all_success', ...after('fails', 'works') }),
    step('none-failed', { runIf: 'none_failed', ...after('fails') }),
    step('far', { runIf: 'none_failed', ...after('default-alone') }),
  ];
  const plan = await fleet.launchUntil(draft([step('works'), fails, ...behind]), 'failed');
  const skipped = (await fleet.send(plan.id, 'steps/fails/skip', {}, { 'x-actor': 'otto' })).body.plan as Plan;
  expect(skipped.status).toBe('failed');
  expect(skipped.progress).toMatchObject({ failed: 0, skipped: 6, completed: 1 });
  expect(stepOf(skipped, 'fails').reason).toMatchObject({ kind: 'skipped_by_hand', text: 'skipped by hand' });
  // What followed from the failure stays until somebody retries.
  expect(behind.map(({ id }) => stepOf(skipped, id).reason?.kind)).toEqual(Array(5).fill('dependency_failed'));

  await fleet.act(plan.id, 'retry');
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(outcomes(done)).toEqual({
    works: 'completed',
    fails: 'skipped skipped_by_hand',
    'default-alone': 'skipped dependency_skipped',
    'default-both': 'completed',
    'all-success': 'skipped dependency_skipped',
    'none-failed': 'completed',
    far: 'completed',
  });
  expect(fleet.calls(plan.id).slice(0, 2)).toEqual(['works', 'fails']);
  expect(fleet.calls(plan.id).slice(2).sort()).toEqual(['default-both', 'far', 'none-failed']);
  const event = (await fleet.events(plan.id)).find(({ type, stepId }) => type === 'step.skipped' && stepId === 'fails');
  expect(event).toMatchObject({ actor: 'otto', data: { reason: { kind: 'skipped_by_hand' } } });
});

test('a pending step of a running plan is skipped: what waits for it alone is decided at once, the rest in its turn', async () => {
  const open = fleet.gate('skip-pending');
  const steps = [
    step('held', { input: { holdUntil: open.file } }),
    step('doomed', after('held')),
    step('alone', after('doomed')),
    step('anyway', { runIf: 'none_failed', ...after('doomed') }),
    step('both', after('held', 'doomed')),
  ];
  const { id } = await fleet.launch(draft(steps));
  await fleet.untilLedger(id, ({ what }) => what === 'start');
  const skipped = await fleet.act(id, 'steps/doomed/skip');
  expect(outcomes(skipped)).toMatchObject({ doomed: 'skipped skipped_by_hand', alone: 'skipped dependency_skipped' });
  await untilStep(id, 'anyway', 'completed');
  expect(outcomes(await fleet.plan(id))).toMatchObject({ held: 'running', both: 'pending dependencies' });
  open.open();
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['held', 'anyway', 'both']);
});

test('a step that asks is skipped: nobody is asked any more, and its tool is never called', async () => {
  const gate = { approval: { message: 'Go?' } };
  const { id } = await fleet.launch(
    draft([step('asks', gate), step('alone', after('asks')), step('anyway', { runIf: 'none_failed', ...after('asks') })]),
  );
  const waiting = async (): Promise<ApprovalItem[]> =>
    (await fleet.call('GET', '/v1/approvals')).body.items.filter(({ planId }: ApprovalItem) => planId === id);
  expect(await waiting()).toHaveLength(1);
  await fleet.act(id, 'steps/asks/skip');
  expect(await waiting()).toEqual([]);
  const late = await fleet.send(id, 'steps/asks/approve');
  expect([late.status, late.body.code, late.body.currentStatus]).toEqual([409, 'wrong_state', 'skipped']);
  const done = await untilEventsAgree(fleet, id, 'completed');
  expect(outcomes(done)).toEqual({ asks: 'skipped skipped_by_hand', alone: 'skipped dependency_skipped', anyway: 'completed' });
  expect(fleet.calls(id)).toEqual(['anyway']);
});

test('a step that is ready, queued, running, in backoff or at its end is not skipped, and the refusal says so', async () => {
  const held = { input: { holdUntil: fleet.gate('skip-never').file }, ...after('asks') };
  const backoff = { maxAttempts: 2, delayMs: 600_000, maxDelayMs: 600_000 };
  const steps = [
    step('asks', { approval: {} }),
    step('declined', { when: '1 > 2' }),
    step('flaky', { input: { failAttempts: 1 }, retry: backoff }),
    ...[1, 2, 3, 4].map((n) => step(`held${n}`, held)),
  ];
  const { id } = await fleet.launch(draft(steps, { maxParallelSteps: 3 }));
  await untilStep(id, 'flaky', 'retrying');
  await fleet.act(id, 'steps/asks/approve');
  await fleet.untilLedger(id, ({ what, stepId }) => what === 'start' && stepId.startsWith('held'), 2);
  const before = await fleet.plan(id);
  expect(before.steps.slice(0, 3).map(({ status }) => status)).toEqual(['completed', 'skipped', 'retrying']);
  expect(new Set(before.steps.slice(3).map(({ status }) => status))).toEqual(new Set(['running', 'queued', 'ready']));
  const events = await fleet.events(id);
  for (const { id: stepId, status } of before.steps) {
    const refused = await fleet.send(id, `steps/${stepId}/skip`);
    expect([refused.status, refused.body.code, refused.body.currentStatus]).toEqual([409, 'wrong_state', status]);
    expect(refused.body.detail).toMatch(new RegExp(`step \`${stepId}\` is ${status}.*pending, awaiting_approval or failed`));
  }
  for (const stepId of ['ghost', 'flaky[0]']) expect((await fleet.send(id, `steps/${encodeURIComponent(stepId)}/skip`)).status).toBe(404);
  expect(await fleet.plan(id)).toEqual(before);
  expect(await fleet.events(id)).toEqual(events);

  const cancelled = await fleet.act(id, 'cancel');
  const refused = await fleet.send(id, 'steps/held1/skip');
  expect([refused.body.code, refused.body.currentStatus]).toEqual(['wrong_state', 'cancelled']);
  expect(await fleet.plan(id)).toEqual(cancelled);
  await fleet.untilLedger(id, ({ what }) => what === 'aborted', 2);
});

test('a failed step skipped while its plan goes on: what followed from the failure stays, and the plan completes', async () => {
  const open = fleet.gate('skip-failed');
  const steps = [
    step('fails', { input: { failAttempts: 9 } }),
    step('behind', after('fails')),
    step('held', { input: { holdUntil: open.file } }),
  ];
  const { id } = await fleet.launch(draft(steps, { stopOnError: false }));
  await untilStep(id, 'fails', 'failed');
  const skipped = await fleet.act(id, 'steps/fails/skip');
  expect(outcomes(skipped)).toMatchObject({ fails: 'skipped skipped_by_hand', behind: 'skipped dependency_failed' });
  open.open();
  const done = await untilEventsAgree(fleet, id, 'completed');
  expect(done).toMatchObject({ error: null, progress: { skipped: 2, completed: 1, failed: 0, percent: 100 } });
  expect(fleet.calls(id).sort()).toEqual(['fails', 'held']);
});

test('skipping the failed step of a partial plan, and retrying, completes it', async () => {
  const plan = await fleet.launchUntil(
    draft([step('fails', { input: { failAttempts: 9 } }), step('works')], { stopOnError: false }),
    'partial',
  );
  expect((await fleet.act(plan.id, 'steps/fails/skip')).status).toBe('partial');
  await fleet.act(plan.id, 'retry');
  await untilEventsAgree(fleet, plan.id, 'completed');
  expect(fleet.calls(plan.id).sort()).toEqual(['fails', 'works']);
});

test('in a paused plan a step can be skipped; when nothing is left the plan has ended', async () => {
  const { id } = await fleet.launch(draft([step('asks', { approval: {} }), step('behind', after('asks'))]));
  await fleet.act(id, 'pause');
  const done = await fleet.act(id, 'steps/asks/skip');
  expect([done.status, outcomes(done)]).toEqual(['completed', { asks: 'skipped skipped_by_hand', behind: 'skipped dependency_skipped' }]);
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual([]);
});

test('neither side of a skipped condition runs, and a skipped list is not expanded', async () => {
  const { id } = await fleet.launch(
    draft([
      step('asks', { approval: {} }),
      { id: 'check', tool: 'condition', input: { expression: 'true' }, ifTrue: ['yes'], ifFalse: ['no'], ...after('asks') },
      step('yes', { runIf: 'all_done' }),
      step('no'),
      step('each', { forEach: [1, 2], ...after('asks') }),
    ]),
  );
  await fleet.act(id, 'steps/check/skip');
  await fleet.act(id, 'steps/each/skip');
  await fleet.act(id, 'steps/asks/approve');
  const done = await untilEventsAgree(fleet, id, 'completed');
  expect(outcomes(done)).toMatchObject({
    check: 'skipped skipped_by_hand',
    yes: 'skipped branch_not_taken',
    no: 'skipped branch_not_taken',
  });
  expect(fleet.calls(id)).toEqual(['asks']);
});

test('a step that was skipped by hand is retried by hand, with what was not done because of that', async () => {
  const open = fleet.gate('skip-retried');
  const { id } = await fleet.launch(
    draft([step('held', { input: { holdUntil: open.file } }), step('doomed', after('held')), step('behind', after('doomed'))]),
  );
  await fleet.act(id, 'steps/doomed/skip');
  const again = await fleet.act(id, 'steps/doomed/retry');
  expect(outcomes(again)).toMatchObject({ doomed: 'pending dependencies', behind: 'pending dependencies' });
  open.open();
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['held', 'doomed', 'behind']);
});

test('a failed plan names the failure that is left when the one that stopped it is skipped', async () => {
  const failing = { input: { failAttempts: 9 } };
  const { id } = await fleet.launch(draft([step('stops', failing), step('cleans', { ...failing, runIf: 'all_done', ...after('stops') })]));
  const failed = await fleet.until(id, 'failed');
  expect([failed.error?.stepId, outcomes(failed)]).toEqual(['stops', { stops: 'failed', cleans: 'failed' }]);
  expect((await fleet.act(id, 'steps/stops/skip')).error).toMatchObject({ code: 'tool_error', stepId: 'cleans' });
  expect((await fleet.act(id, 'steps/cleans/skip')).error).toBeNull();
  await fleet.act(id, 'retry');
  expect((await untilEventsAgree(fleet, id, 'completed')).progress).toMatchObject({ skipped: 2, percent: 100 });
  expect(fleet.calls(id)).toEqual(['stops', 'cleans']);
});
