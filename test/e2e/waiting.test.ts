import type { Plan, StepReason } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

/** Nobody serves the queue `narrow`, so that what is queued there stays so. */
let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { ...NOTHING_MENDED, EXECUTOR_QUEUES: 'steps', CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const reasons = ({ steps }: Plan): Record<string, StepReason | null> => Object.fromEntries(steps.map(({ id, reason }) => [id, reason]));
const kinds = (plan: Plan): Record<string, string | undefined> =>
  Object.fromEntries(plan.steps.map(({ id, reason }) => [id, reason?.kind]));

test('each step that waits says for what, to a machine and to a person, as its plan goes on', async () => {
  const hold = fleet.gate('waiting');
  const created = await fleet.createPlan({
    objective: 'wait in every way',
    steps: [
      recordStep('backs-off', { failAttempts: 1 }, { retry: { maxAttempts: 3, delayMs: 600_000, maxDelayMs: 600_000 } }),
      recordStep('runs', { holdUntil: hold.file }),
      { id: 'queued', tool: 'test.queued' },
      recordStep('ready'),
      gated('asks', { approval: { message: 'Go?', quorum: 2 } }),
      recordStep('behind', {}, { dependsOn: ['runs', 'asks'] }),
    ],
    options: { maxParallelSteps: 2, approvalTimeoutMs: 3_600_000 },
    draft: true,
  });
  const notStarted = (text: string, planStatus: string) =>
    Object.fromEntries(created.steps.map(({ id }) => [id, { kind: 'plan_not_started', text, detail: { planStatus } }]));
  expect(reasons(created)).toEqual(notStarted('the plan is draft', 'draft'));
  const pending = await fleet.act(created.id, 'submit');
  expect(reasons(pending)).toEqual(notStarted('the plan waits for an approval', 'pending_approval'));

  await fleet.approve(pending);
  await untilSteps(fleet, created, {
    'backs-off': 'retrying',
    runs: 'running',
    queued: 'queued',
    ready: 'ready',
    asks: 'awaiting_approval',
  });
  await decide(fleet, [created, 'asks'], { actor: 'ann' });
  const plan = await fleet.plan(created.id);
  const deadline = stepOf(plan, 'asks').gate?.deadline;
  const until = stepOf(plan, 'backs-off').reason?.detail.until;
  expect(Date.parse(String(until))).toBeGreaterThan(Date.now());
  const running = {
    'backs-off': { kind: 'backoff', text: `tries again at ${until}`, detail: { until, attempt: 2, maxAttempts: 3 } },
    runs: null,
    queued: { kind: 'queued', text: 'in the queue `narrow`: waits for an executor', detail: { queue: 'narrow' } },
    ready: { kind: 'cap', text: "waits for one of the plan's 2 places", detail: { cap: 2 } },
    asks: { kind: 'approval', text: `waits for approval 2 of 2, until ${deadline}`, detail: { have: 1, need: 2, deadline } },
    behind: { kind: 'dependencies', text: 'waits for runs, asks', detail: { steps: ['runs', 'asks'] } },
  };
  expect(reasons(plan)).toEqual(running);

  const byPause = { kind: 'paused', text: 'the plan is paused', detail: {} };
  const paused = await fleet.act(created.id, 'pause');
  expect(reasons(paused)).toEqual({ ...running, 'backs-off': byPause, queued: byPause, ready: byPause });
  const resumed = await fleet.act(created.id, 'resume');
  expect(reasons(resumed)).toEqual(running);
  hold.open();
  const later = await untilSteps(fleet, created, { runs: 'completed', ready: 'completed' });
  expect(reasons(later)).toMatchObject({ runs: null, ready: null, behind: { text: 'waits for asks', detail: { steps: ['asks'] } } });

  const cancelled = await fleet.act(created.id, 'cancel');
  const byCancel = { kind: 'plan_cancelled', text: 'the plan was cancelled', detail: {} };
  expect(reasons(cancelled)).toEqual({
    ...{ runs: null, ready: null },
    ...{ 'backs-off': byCancel, queued: byCancel, asks: byCancel, behind: byCancel },
  });
});

test('a step that waits for very many names ten of them and says how many more', async () => {
  const many = Array.from({ length: 14 }, (_, i) => gated(`g${i}`));
  const plan = await startPlan(fleet, [...many, recordStep('end', {}, { dependsOn: many.map(({ id }) => id) })]);
  const { reason } = stepOf(plan, 'end');
  expect(reason?.text).toBe('waits for g0, g1, g2, g3, g4, g5, g6, g7, g8, g9 and 4 more');
  expect(reason?.detail.steps).toEqual(many.map(({ id }) => id));
  await fleet.act(plan.id, 'cancel');
});

test('an approved plan whose time has not come says when it comes', async () => {
  const startAt = new Date(Date.now() + 3_600_000).toISOString();
  const plan = await startPlan(fleet, [recordStep('a')], { startAt });
  expect(plan.steps[0]?.reason).toEqual({
    kind: 'plan_not_started',
    text: `the plan is approved and starts at ${startAt}`,
    detail: { planStatus: 'approved', startAt },
  });
  await fleet.act(plan.id, 'cancel');
});

test('each step that did not run says why, and what was the cause', async () => {
  const plan = await startPlan(
    fleet,
    [
      recordStep('fails', { failAttempts: 1 }),
      recordStep('behind', {}, { dependsOn: ['fails'] }),
      recordStep('far-behind', {}, { dependsOn: ['behind'] }),
      recordStep('unwanted', {}, { when: '1 > 2' }),
      recordStep('after-unwanted', {}, { dependsOn: ['unwanted'] }),
      { id: 'check', tool: 'condition', input: { expression: "'a' == 'a'" }, ifTrue: ['taken'], ifFalse: ['not-taken'] },
      recordStep('taken'),
      recordStep('not-taken'),
      gated('skipped'),
      recordStep('after-skipped', {}, { dependsOn: ['skipped'], runIf: 'all_success' }),
    ],
    { stopOnError: false },
  );
  await untilSteps(fleet, plan, { skipped: 'awaiting_approval' });
  expect((await decide(fleet, [plan, 'skipped'], { verb: 'skip', actor: 'ann' })).status).toBe(200);
  const ended = await fleet.until(plan.id, 'partial');
  const behindFailure = { kind: 'dependency_failed', text: 'did not run, because fails failed', detail: { stepId: 'fails' } };
  const behindSkipped = { kind: 'dependency_skipped', text: 'did not run, because steps before it were skipped', detail: {} };
  expect(reasons(ended)).toEqual({
    fails: null,
    behind: behindFailure,
    'far-behind': behindFailure,
    unwanted: { kind: 'condition_false', text: 'did not run, because its condition was false: 1 > 2', detail: {} },
    'after-unwanted': behindSkipped,
    check: null,
    taken: null,
    'not-taken': { kind: 'branch_not_taken', text: 'did not run, because check went the other way', detail: { stepId: 'check' } },
    skipped: { kind: 'skipped_by_hand', text: 'skipped by hand', detail: {} },
    'after-skipped': behindSkipped,
  });
  const said = (await fleet.events(plan.id)).filter(({ type }) => type === 'step.skipped' || type === 'step.cancelled');
  expect(Object.fromEntries(said.map(({ stepId, data }) => [stepId, data.reason]))).toEqual({
    behind: { kind: 'dependency_failed', stepId: 'fails' },
    'far-behind': { kind: 'dependency_failed', stepId: 'fails' },
    unwanted: { kind: 'condition_false' },
    'after-unwanted': { kind: 'dependency_skipped' },
    'not-taken': { kind: 'branch_not_taken', stepId: 'check' },
    skipped: { kind: 'skipped_by_hand' },
    'after-skipped': { kind: 'dependency_skipped' },
  });
});

test('steps of a plan that was stopped, ran out of time, was rejected or revised say so', async () => {
  const never = fleet.gate('never');
  const fail = fleet.gate('fail');
  const stopped = await startPlan(fleet, [
    recordStep('fails', { holdUntil: fail.file, failAttempts: 1 }),
    recordStep('runs', { holdUntil: never.file }),
    gated('asks'),
  ]);
  await untilSteps(fleet, stopped, { fails: 'running', runs: 'running', asks: 'awaiting_approval' });
  fail.open();
  const byStop = { kind: 'plan_stopped', text: 'the plan was stopped when fails failed', detail: { stepId: 'fails' } };
  expect(reasons(await fleet.until(stopped.id, 'failed'))).toEqual({ fails: null, runs: byStop, asks: byStop });

  const timedOut = await startPlan(fleet, [gated('asks')], { planTimeoutMs: 150 });
  const byTime = { kind: 'plan_timeout', text: "the plan's time was up", detail: {} };
  expect(reasons(await fleet.until(timedOut.id, 'failed'))).toEqual({ asks: byTime });

  const unwanted = await fleet.createPlan({ objective: 'not wanted', steps: [recordStep('a')] });
  const rejected = await fleet.act(unwanted.id, 'reject', { digest: unwanted.digest, reason: 'no' });
  const byEnd = { kind: 'plan_stopped', text: 'will not run: the plan is rejected', detail: { planStatus: 'rejected' } };
  expect(reasons(rejected)).toEqual({ a: byEnd });

  const broken = await startPlan(fleet, [recordStep('works'), recordStep('breaks', { failAttempts: 1 }, { dependsOn: ['works'] })]);
  await fleet.until(broken.id, 'failed');
  const steps = [recordStep('works'), recordStep('breaks', {}, { dependsOn: ['works'] })];
  const revised = await fleet.call('PUT', `/v1/plans/${broken.id}`, { body: { steps }, headers: { 'if-match': broken.digest } });
  expect(revised.status, JSON.stringify(revised.body)).toBe(200);
  const pinned = { kind: 'pinned', text: 'completed in revision 1 and is the same in this one: not run again', detail: { revision: 1 } };
  expect(reasons(revised.body.plan)).toMatchObject({ works: pinned });
  if (revised.body.plan.status === 'pending_approval') await fleet.approve(revised.body.plan);
  expect(kinds(await fleet.until(broken.id, 'completed'))).toEqual({ works: 'pinned', breaks: undefined });
});
