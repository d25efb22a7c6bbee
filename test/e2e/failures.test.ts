import type { PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const step = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input,
  ...more,
});
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'test what failures do',
  steps,
  options,
});
const statuses = (steps: readonly { id: string; status: string }[]): Record<string, string> =>
  Object.fromEntries(steps.map(({ id, status }) => [id, status]));

test('stop on error: nothing more starts, running tools see their signal, the rest is skipped or cancelled with the reason', async () => {
  const never = fleet.gate('never');
  const fail = fleet.gate('fail-now');
  const created = await fleet.createPlan(
    draft(
      [
        step('runs', { holdUntil: never.file }),
        step('fails', { holdUntil: fail.file, failAttempts: 9 }),
        step('waits-for-a-place'),
        step('behind', {}, { dependsOn: ['fails'] }),
        step('behind-too', {}, { dependsOn: ['behind', 'runs'] }),
      ],
      {
        maxParallelSteps: 2,
      },
    ),
  );
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what }) => what === 'start', 2);
  fail.open();
  const plan = await fleet.until(created.id, 'failed');
  expect(statuses(plan.steps)).toEqual({
    runs: 'cancelled',
    fails: 'failed',
    'waits-for-a-place': 'cancelled',
    behind: 'skipped',
    'behind-too': 'skipped',
  });
  expect(plan.steps.map(({ reason }) => reason && [reason.kind, reason.detail.stepId])).toEqual([
    ['plan_stopped', 'fails'],
    null,
    ['plan_stopped', 'fails'],
    ['dependency_failed', 'fails'],
    ['dependency_failed', 'fails'],
  ]);
  expect(plan.error).toMatchObject({ code: 'tool_error', stepId: 'fails' });
  const lines = fleet.ledger(created.id);
  expect(
    lines
      .filter(({ what }) => what === 'start')
      .map(({ stepId }) => stepId)
      .sort(),
  ).toEqual(['fails', 'runs']);
  expect(lines.filter(({ what }) => what === 'aborted').map(({ stepId }) => stepId)).toEqual(['runs']);
});

test('continue: independent work goes on, dependents are skipped and name the failure, the plan ends partial', async () => {
  const plan = await fleet.run(
    draft(
      [
        step('fails', { failAttempts: 9 }),
        step('behind', {}, { dependsOn: ['fails'] }),
        step('far-behind', {}, { dependsOn: ['behind', 'works'] }),
        step('works'),
        step('goes-on', {}, { dependsOn: ['works'] }),
      ],
      { stopOnError: false },
    ),
    'partial',
  );
  expect(statuses(plan.steps)).toEqual({
    fails: 'failed',
    behind: 'skipped',
    'far-behind': 'skipped',
    works: 'completed',
    'goes-on': 'completed',
  });
  expect(plan.steps[2]?.reason).toEqual({
    kind: 'dependency_failed',
    text: 'did not run, because fails failed',
    detail: { stepId: 'fails' },
  });
  expect(plan.progress.percent).toBe(99);
});

test('continue, and nothing completed: the plan ends failed', async () => {
  const plan = await fleet.run(
    draft([step('fails', { failAttempts: 9 }), step('behind', {}, { dependsOn: ['fails'] })], { stopOnError: false }),
    'failed',
  );
  expect(plan.progress).toMatchObject({ failed: 1, skipped: 1, completed: 0 });
});

test('a retryable failure is tried again until it works; every call carries the same idempotency key', async () => {
  const plan = await fleet.run(draft([step('flaky', { failAttempts: 2 }, { retry: { maxAttempts: 3, delayMs: 20 } })]));
  expect(plan.steps[0]).toMatchObject({ status: 'completed', attempt: 3, error: null });
  const lines = fleet.ledger(plan.id);
  expect(lines.map(({ what, attempt }) => `${what} ${attempt}`)).toEqual([
    'start 1',
    'failed 1',
    'start 2',
    'failed 2',
    'start 3',
    'end 3',
  ]);
  expect(new Set(lines.map(({ key }) => key))).toEqual(new Set([`${plan.id}.flaky.1`]));
  const retrying = (await fleet.events(plan.id)).filter(({ type }) => type === 'step.retrying');
  expect(retrying.map(({ attempt, data }) => [attempt, data.delayMs])).toEqual([
    [1, 20],
    [2, 40],
  ]);
});

test('while it waits for its next attempt a step says until when, and gives its place to another', async () => {
  const created = await fleet.createPlan(
    draft([step('flaky', { failAttempts: 1 }, { retry: { maxAttempts: 2, delayMs: 600_000, maxDelayMs: 600_000 } }), step('next')], {
      allowParallel: false,
    }),
  );
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ stepId, what }) => stepId === 'next' && what === 'end');
  await expect.poll(async () => (await fleet.plan(created.id)).steps[0]?.status).toBe('retrying');
  const [flaky] = (await fleet.plan(created.id)).steps;
  expect(flaky?.reason).toMatchObject({ kind: 'backoff', detail: { attempt: 2, maxAttempts: 2 } });
  expect(new Date(String(flaky?.reason?.detail.until)).getTime()).toBeGreaterThan(Date.now());
  const cancelled = await fleet.call('POST', `/v1/plans/${created.id}/cancel`, { body: {} });
  expect(cancelled.body.plan.steps[0].status).toBe('cancelled');
});

test('an error that is not retryable is final, with attempts left', async () => {
  const plan = await fleet.run(draft([step('fatal', { failAttempts: 1, fatal: true }, { retry: { maxAttempts: 5 } })]), 'failed');
  expect(plan.steps[0]).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'tool_error', retryable: false } });
});

test('a step that takes too long is aborted and fails with `timeout`', async () => {
  const never = fleet.gate('never');
  const plan = await fleet.run(draft([step('slow', { holdUntil: never.file }, { timeoutMs: 100 })]), 'failed');
  expect(plan.steps[0]?.error).toEqual({ code: 'timeout', message: 'no result within 100 ms', retryable: true });
  expect(fleet.ledger(plan.id).map(({ what }) => what)).toEqual(['start', 'aborted']);
});

test('an input that does not fit once its references are known fails the step with `invalid_input`, and the tool is not called', async () => {
  const plan = await fleet.run(draft([step('one', { value: 5 }), step('two', { holdUntil: '{{one.output.value}}' })]), 'failed');
  expect(plan.steps[1]?.error).toMatchObject({ code: 'invalid_input', retryable: false });
  expect(fleet.ledger(plan.id).some(({ stepId }) => stepId === 'two')).toBe(false);
});

test('cancel aborts what runs on whichever machine, and nothing starts afterwards', async () => {
  const never = fleet.gate('never');
  const steps = Array.from({ length: 6 }, (_, i) => step(`s${i}`, { holdUntil: never.file }));
  const created = await fleet.createPlan(draft(steps, { maxParallelSteps: 4 }));
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what }) => what === 'start', 4);
  const answer = await fleet.call('POST', `/v1/plans/${created.id}/cancel`, { body: { reason: 'enough' }, headers: { 'x-actor': 'ann' } });
  expect(answer.status).toBe(200);
  expect(answer.body.plan).toMatchObject({
    status: 'cancelled',
    cancellation: { actor: 'ann', reason: 'enough' },
    progress: { cancelled: 6, running: 0 },
  });
  await fleet.untilLedger(created.id, ({ what }) => what === 'aborted', 4);
  expect(fleet.ledger(created.id).filter(({ what }) => what === 'start')).toHaveLength(4);
  expect(await fleet.plan(created.id)).toEqual(answer.body.plan);
});

test('running -> cancelled: a late completion is refused', async () => {
  const late = fleet.gate('late');
  const created = await fleet.createPlan(draft([step('deaf', { holdUntil: late.file, deaf: true })]));
  await fleet.approve(created);
  await fleet.untilLedger(created.id, ({ what }) => what === 'start');
  const cancelled = (await fleet.call('POST', `/v1/plans/${created.id}/cancel`, { body: {} })).body.plan;
  late.open();
  await fleet.untilLedger(created.id, ({ what }) => what === 'end');
  await Promise.any(
    fleet.executors.map((executor) =>
      executor.logged(({ message, planId }) => String(message).startsWith('late result refused') && planId === created.id),
    ),
  );
  expect(await fleet.plan(created.id)).toEqual(cancelled);
});

test('a plan with a destructive step needs a person even when it asks for none', async () => {
  const created = await fleet.createPlan({
    objective: 'remove things',
    steps: [{ id: 'remove', tool: 'test.remove' }],
    options: { requireApproval: false },
  });
  expect(created.status).toBe('pending_approval');
  const auto = await fleet.createPlan({ objective: 'no people', steps: [step('only')], options: { autoApprove: true } });
  expect((await fleet.until(auto.id, 'completed')).autoApproved).toContain('autoApprove');
});
