/** Before people approve a plan, tools say what its steps will do: asked by executors, read in the plan, waited for by nobody. */
import { rmSync } from 'node:fs';
import { type ApprovalItem, type Plan, REVIEWS_QUEUE, type StepDraft } from '@countersign/shared';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 2 });
});
afterAll(() => fleet?.close());

const foretold = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.foretold',
  input,
  ...more,
});
const draft = (...steps: StepDraft[]) => ({ objective: 'do what was foretold', steps });

const wordsIn = ({ steps }: Plan) => Object.fromEntries(steps.map(({ id, effects }) => [id, effects]));
const whatHappened = (planId: string) => fleet.ledger(planId).map(({ what, stepId }) => `${what} ${stepId}`);
const markdown = async (planId: string): Promise<string> => (await fleet.call('GET', `/v1/plans/${planId}?format=markdown`)).body;

test('a plan that is posted has the words of its tools soon, and nothing but words was asked of them before it is approved', async () => {
  const { id } = await fleet.createPlan({
    ...draft(foretold('a', { value: '{{input.what}}' }), foretold('b', { value: '{{a.output.value}} and more' }), recordStep('c')),
    input: { what: ['x', 1] },
  });
  const plan = await fleet.reviewed(id);
  expect(wordsIn(plan)).toEqual({ a: 'destroys ["x",1]', b: 'destroys "{{a.output.value}} and more"', c: null });
  expect(plan.steps.map(({ dryRun }) => dryRun)).toEqual([{ would: ['x', 1] }, null, null]);
  expect(plan.status).toBe('pending_approval');
  expect(whatHappened(id).sort()).toEqual(['asked a', 'asked b', 'tried a']);
  expect(await markdown(id)).toContain('| **destructive** | destroys \\["x",1\\] |');

  await fleet.approve(plan);
  const ended = await fleet.until(id, 'completed');
  expect(fleet.calls(id).sort()).toEqual(['a', 'b', 'c']);
  expect([wordsIn(ended), ended.reviewedAt]).toEqual([wordsIn(plan), plan.reviewedAt]);
});

test('a new revision has words of its own, and none before a tool was asked about it', async () => {
  const gate = fleet.gate('second-revision');
  const { id } = await fleet.createPlan(draft(foretold('a', { value: 1 })));
  const first = await fleet.reviewed(id);
  const put = await fleet.revise(first, { steps: [foretold('a', { value: 2, holdUntil: gate.file })] });
  expect(put.body.plan).toMatchObject({ revision: 2, reviewedAt: null, steps: [{ effects: null, dryRun: null }] });
  expect(await markdown(id)).toContain('- **Review:** not looked at yet');
  gate.open();
  expect(await fleet.reviewed(id)).toMatchObject({ revision: 2, steps: [{ effects: 'destroys 2', dryRun: { would: 2 } }] });
});

test('a draft is looked at, and one that nobody has to approve is not', async () => {
  const drafted = await fleet.createPlan({ ...draft(foretold('a', { value: 1 })), draft: true });
  const launched = await fleet.launch(draft(recordStep('b')));
  expect(wordsIn(await fleet.reviewed(drafted.id))).toEqual({ a: 'destroys 1' });
  expect(await fleet.until(launched.id, 'completed')).toMatchObject({ reviewedAt: null });
});

test('tools that throw, hang or answer with a megabyte spoil nothing for the others', async () => {
  const { id } = await fleet.createPlan(
    draft(
      ...['throw', 'hang', 'much'].map((says) => foretold(says, { value: 1, says })),
      foretold('fine', { value: 1 }),
      foretold('never', {}, { dependsOn: ['fine'] }),
    ),
  );
  const plan = await fleet.reviewed(id);
  expect(wordsIn(plan)).toEqual({ throw: null, hang: null, much: `${'x'.repeat(499)}…`, fine: 'destroys 1', never: 'destroys null' });
  expect(stepOf(plan, 'much').dryRun).toMatch(/^the dry run gave 1000002 bytes/);
  await fleet.approve(plan);
  await fleet.until(id, 'completed');
});

test('approval does not wait for words, and those that come after it are dropped', async () => {
  const gate = fleet.gate('too-late');
  const plan = await fleet.createPlan(draft(foretold('a', { value: 1, holdUntil: gate.file })));
  await fleet.untilLedger(plan.id, ({ what }) => what === 'asked');
  await fleet.approve(plan);
  expect(await fleet.until(plan.id, 'completed')).toMatchObject({ reviewedAt: null });
  gate.open();
  await Promise.race(fleet.executors.map(({ logged }) => logged((line) => line.message === 'review ended' && line.planId === plan.id)));
  expect(await fleet.plan(plan.id)).toMatchObject({ reviewedAt: null, steps: [{ effects: null, dryRun: null }] });
});

test('a plan that is deleted while it is looked at stays deleted', async () => {
  const gate = fleet.gate('deleted');
  const plan = await fleet.createPlan(draft(foretold('a', { holdUntil: gate.file })));
  await fleet.untilLedger(plan.id, ({ what }) => what === 'asked');
  await fleet.act(plan.id, 'cancel');
  expect((await fleet.call('DELETE', `/v1/plans/${plan.id}`)).status).toBe(204);
  gate.open();
  await Promise.race(fleet.executors.map(({ logged }) => logged((line) => line.message === 'review ended' && line.planId === plan.id)));
  expect((await fleet.call('GET', `/v1/plans/${plan.id}`)).status).toBe(404);
});

test('a plan of 10,000 steps is reviewed within bounds', async () => {
  const { id } = await fleet.createPlan(draft(...Array.from({ length: 10_000 }, (_, i) => foretold(`s${i}`, { value: 'x'.repeat(60) }))));
  const plan = await fleet.reviewed(id, 50_000);
  const said = plan.steps.map(({ effects, dryRun }) => (effects ?? '') + JSON.stringify(dryRun)).join('');
  expect(plan.steps.filter(({ effects }) => effects !== null).length).toBeGreaterThan(100);
  expect(said.length).toBeLessThan(1_200_000);
});

describe('a gate in the middle of a plan', () => {
  const waiting = async (planId: string): Promise<ApprovalItem[]> =>
    (await fleet.call('GET', '/v1/approvals')).body.items.filter((item: ApprovalItem) => item.planId === planId && item.kind === 'gate');

  test('says what its step will do with exactly the input that it has by then', async () => {
    const approval = { message: 'Go on?' };
    const seedMay = fleet.gate('seed');
    seedMay.open();
    const { id } = await fleet.createPlan(
      draft(
        recordStep('seed', { value: [7], holdUntil: seedMay.file }),
        foretold('late', { value: '{{seed.output.value}}' }, { approval }),
      ),
    );
    const before = await fleet.reviewed(id);
    expect(wordsIn(before).late).toBe('destroys "{{seed.output.value}}"');
    await fleet.approve(before);
    await expect.poll(() => waiting(id), { timeout: 20_000 }).toMatchObject([{ stepId: 'late', title: 'Go on?', review: 'destroys [7]' }]);
    expect(stepOf(await fleet.plan(id), 'late')).toMatchObject({ resolvedInput: { value: [7] }, effects: 'destroys [7]', dryRun: null });

    await fleet.act(id, 'steps/late/reject', { comment: 'no' });
    await fleet.until(id, 'failed');
    rmSync(seedMay.file);
    await fleet.act(id, 'retry', { from: ['seed'] });
    expect(wordsIn(await fleet.plan(id)).late).toBe('destroys "{{seed.output.value}}"');
    seedMay.open();
    await expect.poll(async () => (await waiting(id)).length, { timeout: 20_000 }).toBe(1);
    await fleet.act(id, 'steps/late/approve');
    await fleet.until(id, 'completed');
  });

  test('asks without words where its tool has none in time', async () => {
    const { id } = await fleet.createPlan(
      draft(
        recordStep('seed', { value: 7 }),
        foretold('late', { value: '{{seed.output.value}}', says: 'hang' }, { approval: { message: 'Go on?' } }),
      ),
    );
    await fleet.approve(await fleet.plan(id));
    await expect.poll(() => waiting(id), { timeout: 20_000 }).toHaveLength(1);
    expect((await waiting(id))[0]).not.toHaveProperty('review');
    await fleet.act(id, 'steps/late/approve');
    await fleet.until(id, 'completed');
  });
});

describe('executors that come and go', () => {
  test('one that is killed while it looks at a plan: another one does it', async () => {
    const gate = fleet.gate('killed');
    const { id } = await fleet.createPlan(draft(foretold('a', { value: 1, holdUntil: gate.file }), foretold('b', { value: 2 })));
    await fleet.untilLedger(id, ({ what, stepId }) => what === 'asked' && stepId === 'a');
    const { pid } = fleet.ledger(id)[0] ?? {};
    await fleet.executors.find((executor) => executor.pid === pid)?.end('SIGKILL');
    gate.open();
    expect(wordsIn(await fleet.reviewed(id, 45_000))).toEqual({ a: 'destroys 1', b: 'destroys 2' });
    expect(new Set(fleet.ledger(id).map((line) => line.pid)).size).toBe(2);
    await fleet.startExecutor();
  });

  test('one that starts after the plan was posted looks at it', async () => {
    await Promise.all(fleet.executors.map((executor) => executor.end('SIGTERM')));
    fleet.executors = [];
    const { id } = await fleet.createPlan(draft(foretold('a', { value: 1 })));
    expect(await fleet.plan(id)).toMatchObject({ reviewedAt: null, steps: [{ effects: null }] });
    await fleet.startExecutor();
    expect(wordsIn(await fleet.reviewed(id))).toEqual({ a: 'destroys 1' });
  });

  test('a plan whose review takes them down: three of them, and no more', async () => {
    await Promise.all(Array.from({ length: 3 - fleet.executors.length }, () => fleet.startExecutor()));
    const [first, second, third] = fleet.executors.map((executor) => executor.ended());
    const { id } = await fleet.createPlan(draft(foretold('a', { says: 'crash' })));
    expect(await Promise.all([first, second, third])).toEqual([1, 1, 1]);
    fleet.executors = [];
    await fleet.startExecutor();
    const next = await fleet.createPlan(draft(foretold('b', { value: 1 })));
    expect(wordsIn(await fleet.reviewed(next.id))).toEqual({ b: 'destroys 1' });
    const redis = new Redis(fleet.redis.url, { maxRetriesPerRequest: null });
    const reviews = new Queue(REVIEWS_QUEUE, { connection: redis, prefix: '{cs0}:bull' });
    try {
      await expect.poll(() => reviews.getJobState(`${id}.1`), { timeout: 30_000 }).toBe('failed');
    } finally {
      await reviews.close();
      redis.disconnect();
    }
    expect(await fleet.plan(id)).toMatchObject({ status: 'pending_approval', reviewedAt: null });
    expect(fleet.ledger(id)).toHaveLength(3);
  }, 120_000);
});
