import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { Fleet } from './fleet.ts';
import { statuses, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ env: { CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: 'test.record', input: { value: id }, ...more });
const after = (...dependsOn: string[]): Partial<StepDraft> => ({ dependsOn });
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'test retries', steps, options });
const generations = ({ steps }: Plan): Record<string, number> => Object.fromEntries(steps.map(({ id, generation }) => [id, generation]));
const keys = (planId: string, stepId: string): string[] =>
  fleet.ledger(planId).flatMap((line) => (line.stepId === stepId && line.what === 'start' ? [line.key.slice(planId.length)] : []));
let switches = 0;
/** A step that fails until it is mended. */
const flaky = (id: string, more: Partial<StepDraft> = {}): { made: StepDraft; mend(): void } => {
  const { file, open } = fleet.gate(`mended-${switches++}`);
  return { made: step(id, { input: { failUntil: file, value: id }, ...more }), mend: open };
};
const retried = async (planId: string): Promise<unknown[]> =>
  (await fleet.events(planId)).filter(({ type }) => type === 'plan.retried').map(({ data }) => data.steps);

test('a failed plan runs again what failed and what was left behind; what had completed stays, and nobody signs again', async () => {
  const b = flaky('b', { ...after('a'), retry: { maxAttempts: 2, delayMs: 1 } });
  const hold = fleet.gate('answered');
  const steps = [step('a'), b.made, step('c', { ...after('b'), input: { holdUntil: hold.file } }), step('d', after('c', 'a'))];
  const plan = await fleet.run(draft(steps), 'failed');
  expect(stepOf(plan, 'b').attempt).toBe(2);
  b.mend();
  const again = (await fleet.send(plan.id, 'retry', {}, { 'x-actor': 'otto' })).body.plan;
  expect(again).toMatchObject({
    status: 'executing',
    digest: plan.digest,
    revision: 1,
    approvals: plan.approvals,
    finishedAt: null,
    error: null,
  });
  hold.open();
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(stepOf(done, 'b')).toMatchObject({ status: 'completed', attempt: 1, generation: 2, error: null });
  expect(generations(done)).toEqual({ a: 1, b: 2, c: 2, d: 2 });
  expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'b', 'b', 'c', 'd']);
  expect(keys(plan.id, 'b')).toEqual(['.b.1', '.b.1', '.b.2']);
  expect(fleet.ledger(plan.id).at(-1)?.attempt).toBe(1);
  expect(await retried(plan.id)).toEqual([['b', 'c', 'd']]);
  const events = await fleet.events(plan.id);
  expect(events.find(({ type }) => type === 'plan.retried')?.actor).toBe('otto');
  expect(events.filter(({ type }) => type === 'plan.voted')).toHaveLength(1);
});

test('from chosen steps: those and all that follows them run again, completed or not, and nothing else', async () => {
  const d = flaky('d', after('c', 'x'));
  const steps = [step('a'), step('x', after('a')), step('b', after('x')), step('c', after('b')), d.made, step('last', after('d'))];
  const plan = await fleet.run(draft(steps), 'failed');
  d.mend();
  const again = await fleet.act(plan.id, 'retry', { from: ['c', 'b'] });
  expect(stepOf(again, 'c')).toMatchObject({ status: 'pending', attempt: 0, output: null, startedAt: null, durationMs: null });
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(generations(done)).toEqual({ a: 1, x: 1, b: 2, c: 2, d: 2, last: 2 });
  expect(fleet.calls(plan.id)).toEqual(['a', 'x', 'b', 'c', 'd', 'b', 'c', 'd', 'last']);
  expect(keys(plan.id, 'b')).toEqual(['.b.1', '.b.2']);
  expect(await retried(plan.id)).toEqual([['b', 'c', 'd', 'last']]);
});

test('from the first step of a partial plan: everything behind it runs a second time with its new output', async () => {
  const b = flaky('b', after('a'));
  const reads = step('reads', { input: { value: '{{a.output.value}}' } });
  const plan = await fleet.run(draft([step('a'), b.made, reads, step('apart')], { stopOnError: false }), 'partial');
  b.mend();
  await fleet.act(plan.id, 'retry', { from: ['a'] });
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(generations(done)).toEqual({ a: 2, b: 2, reads: 2, apart: 1 });
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'a', 'apart', 'b', 'b', 'reads', 'reads']);
  expect(keys(plan.id, 'reads')).toEqual(['.reads.1', '.reads.2']);
});

test('a partial plan completes once what failed in it works', async () => {
  const [one, two] = [flaky('one'), flaky('two')];
  const steps = [one.made, step('behind-one', after('one')), two.made, step('works')];
  const plan = await fleet.run(draft(steps, { stopOnError: false }), 'partial');
  one.mend();
  await fleet.act(plan.id, 'retry');
  const partial = await fleet.until(plan.id, 'partial');
  expect(statuses(partial.steps)).toEqual({ one: 'completed', 'behind-one': 'completed', two: 'failed', works: 'completed' });
  two.mend();
  await fleet.act(plan.id, 'retry');
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(generations(done)).toEqual({ one: 2, 'behind-one': 2, two: 3, works: 1 });
  expect(done.progress.percent).toBe(100);
  expect(fleet.calls(plan.id).sort()).toEqual(['behind-one', 'one', 'one', 'two', 'two', 'two', 'works']);
});

test('a plan that fails again can be retried again; a stop leaves no trace in the next round', async () => {
  const b = flaky('b', after('a'));
  const never = fleet.gate('retry-never');
  const plan = await fleet.launchUntil(
    draft([
      step('a'),
      b.made,
      step('held', { input: { holdUntil: never.file }, ...after('a') }),
      step('clean', { runIf: 'all_done', ...after('b') }),
    ]),
    'failed',
  );
  expect(statuses(plan.steps)).toEqual({ a: 'completed', b: 'failed', held: 'cancelled', clean: 'completed' });
  await fleet.act(plan.id, 'retry');
  await fleet.until(plan.id, 'failed');
  b.mend();
  never.open();
  await fleet.act(plan.id, 'retry');
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(generations(done)).toEqual({ a: 1, b: 3, held: 3, clean: 1 });
  expect(keys(plan.id, 'b')).toEqual(['.b.1', '.b.2', '.b.3']);
  // Clean-up had completed in the first round, and was not asked for again.
  expect(keys(plan.id, 'clean')).toEqual(['.clean.1']);
});

test('one step of a failed plan is retried: the plan executes again, without the other failures', async () => {
  const [b, c] = [flaky('b'), flaky('c')];
  const steps = [b.made, step('behind-b', after('b')), c.made, step('behind-c', after('c'))];
  const plan = await fleet.run(draft(steps, { stopOnError: false }), 'failed');
  b.mend();
  const again = await fleet.act(plan.id, 'steps/b/retry');
  expect([again.status, stepOf(again, 'c').status, stepOf(again, 'behind-c').status]).toEqual(['executing', 'failed', 'skipped']);
  const partial = await untilEventsAgree(fleet, plan.id, 'partial');
  expect(statuses(partial.steps)).toEqual({ b: 'completed', 'behind-b': 'completed', c: 'failed', 'behind-c': 'skipped' });
  expect(fleet.calls(plan.id).sort()).toEqual(['b', 'b', 'behind-b', 'c']);
  expect(await retried(plan.id)).toEqual([['b', 'behind-b']]);
});

test('one step of a plan that goes on after failures is retried while the rest runs', async () => {
  const open = fleet.gate('retry-meanwhile');
  const b = flaky('b');
  const steps = [
    b.made,
    step('behind', after('b')),
    step('held', { input: { holdUntil: open.file } }),
    step('last', after('held', 'behind')),
  ];
  const { id } = await fleet.launch(draft(steps, { stopOnError: false }));
  await expect.poll(async () => stepOf(await fleet.plan(id), 'behind').status, { timeout: 20_000 }).toBe('skipped');
  b.mend();
  expect((await fleet.act(id, 'steps/b/retry')).status).toBe('executing');
  await expect.poll(async () => stepOf(await fleet.plan(id), 'behind').status, { timeout: 20_000 }).toBe('completed');
  expect(stepOf(await fleet.plan(id), 'held').status).toBe('running');
  open.open();
  const done = await untilEventsAgree(fleet, id, 'completed');
  expect(generations(done)).toEqual({ b: 2, behind: 2, held: 1, last: 1 });
  expect(fleet.calls(id).sort()).toEqual(['b', 'b', 'behind', 'held', 'last']);
});

test('in a paused plan a step can be retried; it runs when the plan is resumed', async () => {
  const b = flaky('b');
  const { id } = await fleet.launch(draft([b.made, step('behind', after('b')), step('asks', { approval: {} })], { stopOnError: false }));
  await expect.poll(async () => stepOf(await fleet.plan(id), 'behind').status, { timeout: 20_000 }).toBe('skipped');
  await fleet.act(id, 'pause');
  b.mend();
  const again = await fleet.act(id, 'steps/b/retry');
  expect([again.status, stepOf(again, 'b').reason?.kind, stepOf(again, 'behind').status]).toEqual(['paused', 'paused', 'pending']);
  // Another plan runs through meanwhile, so that the executors have had time for it.
  await fleet.launchUntil(draft([step('other'), step('another', after('other'))]));
  expect(fleet.calls(id)).toEqual(['b']);
  await fleet.act(id, 'resume');
  await expect.poll(async () => stepOf(await fleet.plan(id), 'behind').status, { timeout: 20_000 }).toBe('completed');
  await fleet.act(id, 'steps/asks/approve');
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['b', 'b', 'behind', 'asks']);
});

test('nothing of a plan that is being stopped is retried, until it has ended', async () => {
  const [late, now] = [fleet.gate('retry-late'), fleet.gate('retry-now')];
  const deaf = step('deaf', { input: { holdUntil: late.file, deaf: true } });
  const fails = step('fails', { input: { holdUntil: now.file, failUntil: fleet.gate('retry-again').file } });
  const { id } = await fleet.launch(draft([deaf, fails, step('behind', after('fails'))]));
  await fleet.untilLedger(id, ({ what }) => what === 'start', 2);
  now.open();
  await expect.poll(async () => stepOf(await fleet.plan(id), 'fails').status, { timeout: 20_000 }).toBe('failed');
  for (const action of ['retry', 'steps/fails/retry', 'steps/behind/retry']) {
    const refused = await fleet.send(id, action);
    expect([refused.status, refused.body.code, refused.body.currentStatus]).toEqual([409, 'wrong_state', 'executing']);
  }
  late.open();
  const failed = await fleet.until(id, 'failed');
  expect(statuses(failed.steps)).toEqual({ deaf: 'completed', fails: 'failed', behind: 'skipped' });
  fleet.gate('retry-again').open();
  await fleet.act(id, 'steps/fails/retry');
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id).sort()).toEqual(['behind', 'deaf', 'fails', 'fails']);
});

test('a plan whose time was up has its whole time again', async () => {
  const { file, open } = fleet.gate('retry-time');
  const steps = [step('a'), step('held', { input: { holdUntil: file }, ...after('a') }), step('behind', after('held'))];
  const plan = await fleet.launchUntil(draft(steps, { planTimeoutMs: 3_000 }), 'failed');
  expect([plan.error?.code, stepOf(plan, 'held').reason?.kind]).toEqual(['timeout', 'plan_timeout']);
  open();
  await fleet.act(plan.id, 'retry');
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(generations(done)).toEqual({ a: 1, held: 2, behind: 2 });
});

test('of a list only the elements that had not completed run again', async () => {
  const there = fleet.gate('list-there');
  const missing = fleet.gate('list-missing');
  there.open();
  const each = step('each', { forEach: [there.file, missing.file, there.file], input: { value: '{{index}}', failUntil: '{{item}}' } });
  const plan = await fleet.run(draft([each, step('reads', { input: { value: '{{each.output}}' } })], { stopOnError: false }), 'failed');
  expect(stepOf(plan, 'each').children?.map(({ status }) => status)).toEqual(['completed', 'failed', 'completed']);
  missing.open();
  await fleet.act(plan.id, 'retry');
  const done = await untilEventsAgree(fleet, plan.id, 'completed');
  expect(stepOf(done, 'reads').output).toEqual({ value: [{ value: 0 }, { value: 1 }, { value: 2 }] });
  expect(fleet.calls(plan.id).sort()).toEqual(['each[0]', 'each[1]', 'each[1]', 'each[2]', 'reads']);
  expect(keys(plan.id, 'each[1]')).toEqual(['.each[1].1', '.each[1].2']);
});

test('steps that the plan does not have: refused with every one, and nothing changes', async () => {
  const plan = await fleet.run(draft([step('a'), flaky('b', after('a')).made]), 'failed');
  const events = await fleet.events(plan.id);
  const refused = await fleet.send(plan.id, 'retry', { from: ['a', 'ghost', 'b[0]'] });
  expect([refused.status, refused.body.code, refused.body.issues.map(({ path }: { path: string }) => path)]).toEqual([
    422,
    'invalid_request',
    ['from[1]', 'from[2]'],
  ]);
  expect((await fleet.send(plan.id, 'retry', { from: [] })).status).toBe(422);
  expect((await fleet.send(plan.id, 'steps/ghost/retry')).status).toBe(404);
  expect(await fleet.plan(plan.id)).toEqual(plan);
  expect(await fleet.events(plan.id)).toEqual(events);
});

test('a retry with one Idempotency-Key, sent again when it has long been done, is one retry with one answer', async () => {
  const plan = await fleet.run(draft([step('a'), flaky('b', after('a')).made]), 'failed');
  const headers = { 'idempotency-key': 'retry-once' };
  const first = await fleet.send(plan.id, 'retry', {}, headers);
  expect(first.status).toBe(200);
  await fleet.until(plan.id, 'failed');
  const second = await fleet.send(plan.id, 'retry', {}, headers);
  expect([second.status, second.body]).toEqual([200, first.body]);
  expect((await fleet.plan(plan.id)).status).toBe('failed');
  expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'b']);
  expect((await fleet.send(plan.id, 'retry', { from: ['a'] }, headers)).body.code).toBe('idempotency_conflict');
});
