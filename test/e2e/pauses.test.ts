import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide, gated, NOTHING_MENDED, refusal, startPlan, untilSteps } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep, statuses, stepOf } from './record-step.ts';

/** Two steps at a time over the whole fleet, so that steps wait in the queue. */
let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2, env: { ...NOTHING_MENDED, EXECUTOR_CONCURRENCY: '1', CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

/** Lets work pass through the whole fleet: whatever else could have started has by then. */
async function passThrough(): Promise<void> {
  const steps = Array.from({ length: 6 }, (_, i) => recordStep(`s${i}`));
  await fleet.until((await startPlan(fleet, steps, { maxParallelSteps: 6 })).id, 'completed');
}
const kinds = async (id: string): Promise<Record<string, string | undefined>> =>
  Object.fromEntries((await fleet.plan(id)).steps.map((step) => [step.id, step.reason?.kind]));

test('after a pause running steps finish and nothing new starts; after the resume the rest runs, once each', async () => {
  const hold = fleet.gate('running');
  const plan = await startPlan(
    fleet,
    [
      recordStep('a', { holdUntil: hold.file }),
      recordStep('b', { holdUntil: hold.file }),
      recordStep('queued'),
      recordStep('queued-too'),
      recordStep('ready'),
      recordStep('behind', {}, { dependsOn: ['a'] }),
    ],
    { maxParallelSteps: 4 },
  );
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start', 2);
  const paused = await fleet.call('POST', `/v1/plans/${plan.id}/pause`, { headers: { 'x-actor': 'ann' } });
  expect([paused.status, paused.body.plan.status]).toEqual([200, 'paused']);
  expect(statuses(paused.body.plan.steps)).toEqual({
    ...{ a: 'running', b: 'running', queued: 'queued', 'queued-too': 'queued', ready: 'ready', behind: 'pending' },
  });
  hold.open();
  await untilSteps(fleet, plan, { a: 'completed', b: 'completed' });
  await passThrough();
  expect(statuses((await fleet.plan(plan.id)).steps)).toMatchObject({
    queued: 'queued',
    'queued-too': 'queued',
    ready: 'ready',
    behind: 'ready',
  });
  expect(await kinds(plan.id)).toMatchObject({ queued: 'paused', ready: 'paused', behind: 'paused' });
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b']);

  const resumed = await fleet.call('POST', `/v1/plans/${plan.id}/resume`, { headers: { 'x-actor': 'bob' } });
  expect([resumed.status, resumed.body.plan.status]).toEqual([200, 'executing']);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b', 'behind', 'queued', 'queued-too', 'ready']);
  const said = (await fleet.events(plan.id)).filter(({ type }) => type === 'plan.paused' || type === 'plan.resumed');
  expect(said.map(({ type, actor }) => [type, actor])).toEqual([
    ['plan.paused', 'ann'],
    ['plan.resumed', 'bob'],
  ]);
});

test('a pause in full flow, again and again: only what was running when it was answered goes on, and each step is called once', async () => {
  const steps = Array.from({ length: 60 }, (_, i) => recordStep(`s${i}`, {}, i < 20 ? {} : { dependsOn: [`s${i - 20}`] }));
  // It asks meanwhile: whenever a pause comes, the plan has not ended yet.
  const plan = await startPlan(fleet, [...steps, gated('last')], { maxParallelSteps: 8 });
  for (let round = 1; round <= 4; round++) {
    await fleet.untilLedger(plan.id, ({ what }) => what === 'end', round * 10);
    const paused = await fleet.act(plan.id, 'pause');
    const begun = new Set(paused.steps.filter(({ status }) => ['running', 'completed'].includes(status)).map(({ id }) => id));
    await passThrough();
    await expect.poll(async () => (await fleet.plan(plan.id)).progress.running, { timeout: 10_000 }).toBe(0);
    expect(fleet.calls(plan.id).filter((stepId) => !begun.has(stepId))).toEqual([]);
    expect((await fleet.plan(plan.id)).status).toBe('paused');
    await fleet.act(plan.id, 'resume');
  }
  expect((await decide(fleet, [plan, 'last'])).status).toBe(200);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id).sort()).toEqual(['last', ...steps.map(({ id }) => id)].sort());
});

test('gates can be decided during a pause; what was approved runs after the resume', async () => {
  const plan = await startPlan(
    fleet,
    [
      gated('yes', {}, { value: '{{yes.approval.data}}' }),
      gated('no'),
      recordStep('told', { value: '{{no.status}}' }, { runIf: 'all_done' }),
    ],
    { stopOnError: false },
  );
  await untilSteps(fleet, plan, { yes: 'awaiting_approval', no: 'awaiting_approval' });
  await fleet.act(plan.id, 'pause');
  expect(await kinds(plan.id)).toMatchObject({ yes: 'approval', no: 'approval' });
  expect((await decide(fleet, [plan, 'yes'], { data: 'in the pause' })).status).toBe(200);
  expect((await decide(fleet, [plan, 'no'], { verb: 'reject' })).status).toBe(200);
  await passThrough();
  expect(statuses((await fleet.plan(plan.id)).steps)).toEqual({ yes: 'ready', no: 'failed', told: 'ready' });
  expect(await kinds(plan.id)).toMatchObject({ yes: 'paused', told: 'paused' });
  expect(fleet.calls(plan.id)).toEqual([]);
  await fleet.act(plan.id, 'resume');
  const ended = await fleet.until(plan.id, 'partial');
  expect([stepOf(ended, 'yes').output, stepOf(ended, 'told').output]).toEqual([{ value: 'in the pause' }, { value: 'failed' }]);
  expect(fleet.calls(plan.id).sort()).toEqual(['told', 'yes']);
});

test('a rejection during a pause stops the plan; its clean-up waits for the resume', async () => {
  const plan = await startPlan(fleet, [gated('a'), gated('b'), recordStep('clean', {}, { dependsOn: ['a', 'b'], runIf: 'all_done' })]);
  const plain = await startPlan(fleet, [gated('a'), recordStep('behind', {}, { dependsOn: ['a'] })]);
  for (const each of [plan, plain]) {
    await untilSteps(fleet, each, { a: 'awaiting_approval' });
    await fleet.act(each.id, 'pause');
    expect((await decide(fleet, [each, 'a'], { verb: 'reject' })).status).toBe(200);
  }
  expect(statuses((await fleet.until(plain.id, 'failed')).steps)).toEqual({ a: 'failed', behind: 'skipped' });
  await passThrough();
  const paused = await fleet.plan(plan.id);
  expect([paused.status, statuses(paused.steps)]).toEqual(['paused', { a: 'failed', b: 'cancelled', clean: 'ready' }]);
  expect(fleet.calls(plan.id)).toEqual([]);
  await fleet.act(plan.id, 'resume');
  await fleet.until(plan.id, 'failed');
  expect(fleet.calls(plan.id)).toEqual(['clean']);
});

test('a step whose next attempt comes due during a pause waits for the resume; one that is not due then waits for its time', async () => {
  const hold = fleet.gate('fails-in-pause');
  const retry = { maxAttempts: 2, backoff: 'fixed' as const };
  const plan = await startPlan(fleet, [
    recordStep('due', { failAttempts: 1 }, { retry: { ...retry, delayMs: 1_500 } }),
    recordStep('fails', { holdUntil: hold.file, failAttempts: 1 }, { retry: { ...retry, delayMs: 50 } }),
    recordStep('later', { failAttempts: 1 }, { retry: { ...retry, delayMs: 5_000 } }),
  ]);
  await untilSteps(fleet, plan, { due: 'retrying', fails: 'running', later: 'retrying' });
  const until = (id: string) => fleet.plan(plan.id).then((read) => Date.parse(String(stepOf(read, id).reason?.detail.until)));
  const [due, later] = [await until('due'), await until('later')];
  await fleet.act(plan.id, 'pause');
  hold.open();
  await untilSteps(fleet, plan, { fails: 'retrying' });
  await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(due);
  await passThrough();
  expect(await kinds(plan.id)).toEqual({ due: 'paused', fails: 'paused', later: 'paused' });
  expect(fleet.calls(plan.id)).toHaveLength(3);
  await fleet.act(plan.id, 'resume');
  await untilSteps(fleet, plan, { due: 'completed', fails: 'completed' });
  const done = await fleet.until(plan.id, 'completed');
  expect(done.steps.map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  const starts = fleet.ledger(plan.id).filter(({ what }) => what === 'start');
  expect(starts.map(({ stepId, attempt }) => `${stepId} ${attempt}`).sort()).toEqual([
    ...['due 1', 'due 2', 'fails 1', 'fails 2', 'later 1', 'later 2'],
  ]);
  const second = (await fleet.events(plan.id)).find(
    ({ type, stepId, attempt }) => type === 'step.started' && stepId === 'later' && attempt === 2,
  );
  expect(Date.parse(String(second?.at))).toBeGreaterThanOrEqual(later);
});

test('a plan whose last step finishes, or fails, during a pause ends', async () => {
  const hold = fleet.gate('ends-in-pause');
  const plans = await Promise.all([
    startPlan(fleet, [recordStep('a', { holdUntil: hold.file })]),
    startPlan(fleet, [recordStep('a', { holdUntil: hold.file, failAttempts: 1 }), recordStep('behind', {}, { dependsOn: ['a'] })]),
  ]);
  for (const plan of plans) {
    await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
    await fleet.act(plan.id, 'pause');
  }
  hold.open();
  await fleet.until(String(plans[0]?.id), 'completed');
  await fleet.until(String(plans[1]?.id), 'failed');
});

test('only an executing plan can be paused, and only a paused one resumed', async () => {
  const plan = await startPlan(fleet, [gated('a')]);
  const refused = async (id: string, verb: string) => {
    const answer = await fleet.call('POST', `/v1/plans/${id}/${verb}`);
    return [...refusal(answer), answer.body.currentStatus];
  };
  expect(await refused(plan.id, 'resume')).toEqual([409, 'wrong_state', 'executing']);
  const paused = await fleet.act(plan.id, 'pause');
  expect(await refused(plan.id, 'pause')).toEqual([409, 'wrong_state', 'paused']);
  expect(await fleet.plan(plan.id)).toEqual(paused);
  await fleet.act(plan.id, 'resume');
  expect(await refused(plan.id, 'resume')).toEqual([409, 'wrong_state', 'executing']);
  await decide(fleet, [plan, 'a']);
  await fleet.until(plan.id, 'completed');
  const pending = await fleet.createPlan({ objective: 'waits', steps: [recordStep('a')] });
  for (const [id, status] of [
    [plan.id, 'completed'],
    [pending.id, 'pending_approval'],
  ] as const) {
    for (const verb of ['pause', 'resume']) expect(await refused(id, verb)).toEqual([409, 'wrong_state', status]);
  }
});

test('cancel of a paused plan: what runs is aborted, the rest never starts, and it can not be resumed', async () => {
  const never = fleet.gate('never');
  const plan = await startPlan(fleet, [recordStep('runs', { holdUntil: never.file }), gated('asks'), recordStep('waits')], {
    maxParallelSteps: 1,
  });
  await fleet.untilLedger(plan.id, ({ what }) => what === 'start');
  await fleet.act(plan.id, 'pause');
  const cancelled = await fleet.act(plan.id, 'cancel', { reason: 'enough' });
  expect(statuses(cancelled.steps)).toEqual({ runs: 'cancelled', asks: 'cancelled', waits: 'cancelled' });
  expect(refusal(await fleet.call('POST', `/v1/plans/${plan.id}/resume`))).toEqual([409, 'wrong_state']);
  await fleet.untilLedger(plan.id, ({ what }) => what === 'aborted');
  await passThrough();
  expect(fleet.calls(plan.id)).toEqual(['runs']);
  expect(await fleet.plan(plan.id)).toEqual(cancelled);
});
