/** One click that arrives ten times at once does what it says once; the ledger says how often the tools were called. */
import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, Fleet } from './fleet.ts';
import { recordStep, statuses } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(() => fleet?.close());

const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'test repeated calls', steps, options });
const chain = (last: StepDraft): StepDraft[] => [recordStep('a'), recordStep('b', {}, { dependsOn: ['a'] }), { ...last, dependsOn: ['b'] }];
const TIMES = 10;
let names = 0;

/** The same call ten times at once; with a key all get an answer, without one only the first. */
async function tenTimes(named: boolean, send: (headers: Record<string, string>) => Promise<Answer>): Promise<Answer[]> {
  const headers: Record<string, string> = named ? { 'idempotency-key': `click-${names++}` } : {};
  return Promise.all(Array.from({ length: TIMES }, () => send(headers)));
}

function expectOnce(named: boolean, answers: Answer[], refusals: readonly string[]): void {
  const accepted = answers.filter(({ status }) => status === 200);
  expect(accepted).toHaveLength(named ? TIMES : 1);
  const codes = answers.filter(({ status }) => status !== 200).map(({ status, body }) => `${status} ${body.code}`);
  expect(codes.filter((code) => !refusals.includes(code))).toEqual([]);
  if (named) expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
}

const count = async ({ id }: Plan, type: string): Promise<number> => (await fleet.events(id)).filter((event) => event.type === type).length;

async function failedPlan(): Promise<{ plan: Plan; mend(): void }> {
  const { file, open } = fleet.gate(`repeated-${names++}`);
  return { plan: await fleet.run(draft(chain(recordStep('flaky', { failUntil: file }))), 'failed'), mend: open };
}

describe.each([
  ['without a key', false],
  ['with one Idempotency-Key', true],
])('ten times at once %s', (_name, named) => {
  test('an approval is one vote, and each step runs once', async () => {
    const plan = await fleet.createPlan(draft(chain(recordStep('c'))));
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'approve', { digest: plan.digest }, headers));
    expectOnce(named, answers, ['409 wrong_state', '409 already_voted']);
    const done = await fleet.until(plan.id, 'completed');
    expect([done.approvals.length, await count(plan, 'plan.voted'), await count(plan, 'plan.started')]).toEqual([1, 1, 1]);
    expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'c']);
  });

  test('a retry is one retry, and only what had failed runs again, once', async () => {
    const { plan, mend } = await failedPlan();
    mend();
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'retry', {}, headers));
    expectOnce(named, answers, ['409 wrong_state']);
    const done = await fleet.until(plan.id, 'completed');
    expect([done.steps.at(-1)?.generation, await count(plan, 'plan.retried')]).toEqual([2, 1]);
    expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'flaky', 'flaky']);
  });

  test('a retry of one step is one', async () => {
    const { plan, mend } = await failedPlan();
    mend();
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'steps/flaky/retry', {}, headers));
    expectOnce(named, answers, ['409 wrong_state']);
    await fleet.until(plan.id, 'completed');
    expect(await count(plan, 'plan.retried')).toBe(1);
    expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'flaky', 'flaky']);
  });

  test('a word at a gate is one vote, and its step runs once', async () => {
    const plan = await fleet.launch(draft([recordStep('asks', {}, { approval: {} }), recordStep('behind', {}, { dependsOn: ['asks'] })]));
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'steps/asks/approve', { data: 1 }, headers));
    expectOnce(named, answers, ['409 wrong_state', '409 already_voted']);
    const done = await fleet.until(plan.id, 'completed');
    expect([done.steps[0]?.gate?.votes.length, await count(plan, 'step.approved')]).toEqual([1, 1]);
    expect(fleet.calls(plan.id)).toEqual(['asks', 'behind']);
  });

  test('a skip is one', async () => {
    const plan = await fleet.launch(
      draft([recordStep('asks', {}, { approval: {} }), recordStep('behind', {}, { dependsOn: ['asks'], runIf: 'none_failed' })]),
    );
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'steps/asks/skip', {}, headers));
    expectOnce(named, answers, ['409 wrong_state']);
    await fleet.until(plan.id, 'completed');
    expect(await count(plan, 'step.skipped')).toBe(1);
    expect(fleet.calls(plan.id)).toEqual(['behind']);
  });

  test('pause, resume and cancel are one each, and what ran meanwhile ran once', async () => {
    const { file, open } = fleet.gate(`repeated-${names++}`);
    const plan = await fleet.launch(draft([...chain(recordStep('c')), recordStep('held', { holdUntil: file })], { maxParallelSteps: 2 }));
    for (const action of ['pause', 'resume']) {
      expectOnce(named, await tenTimes(named, (headers) => fleet.send(plan.id, action, {}, headers)), ['409 wrong_state']);
    }
    await expect.poll(async () => statuses((await fleet.plan(plan.id)).steps).c, { timeout: 20_000 }).toBe('completed');
    await fleet.untilLedger(plan.id, ({ stepId }) => stepId === 'held');
    expect([await count(plan, 'plan.paused'), await count(plan, 'plan.resumed')]).toEqual([1, 1]);
    expectOnce(named, await tenTimes(named, (headers) => fleet.send(plan.id, 'cancel', {}, headers)), ['409 wrong_state']);
    expect([await count(plan, 'plan.cancelled'), await count(plan, 'step.cancelled')]).toEqual([1, 1]);
    open();
    expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b', 'c', 'held']);
  });

  test('a request for a revision is one request', async () => {
    const plan = await fleet.createPlan(draft([recordStep('a')]));
    const answers = await tenTimes(named, (headers) => fleet.send(plan.id, 'revise', { feedback: 'Fewer steps.' }, headers));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(named ? TIMES : 1);
    expect((await fleet.plan(plan.id)).planning).toMatchObject({ number: 1, status: 'queued' });
  });
});

test('ten times at once a change that runs without anybody’s approval is one revision, and its steps run once', async () => {
  const failing = draft(chain(recordStep('c', { failAttempts: 9 })), { requireApproval: false });
  const plan = await fleet.launchUntil(failing, 'failed');
  const answers = await tenTimes(false, () => fleet.revise(plan, { steps: chain(recordStep('c')) }));
  expectOnce(false, answers, ['412 stale_digest', '409 wrong_state']);
  await fleet.until(plan.id, 'completed');
  expect([await count(plan, 'plan.revised'), await count(plan, 'plan.started')]).toEqual([1, 2]);
  expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'c', 'c']);
});

test('ten plans at once under one Idempotency-Key are one plan, which runs once', async () => {
  const body = draft(chain(recordStep('c')), { requireApproval: false });
  const answers = await tenTimes(true, (headers) => fleet.call('POST', '/v1/plans', { body, headers }));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  const ids = new Set(answers.map((answer) => answer.body.plan.id));
  expect(ids.size).toBe(1);
  const [id] = ids;
  await fleet.until(id, 'completed');
  expect(fleet.calls(id)).toEqual(['a', 'b', 'c']);
});

test('two people with the same Idempotency-Key are two calls', async () => {
  const plan = await fleet.launch(draft([recordStep('asks', {}, { approval: { quorum: 2 } })]));
  const vote = (actor: string) => fleet.send(plan.id, 'steps/asks/approve', {}, { 'idempotency-key': 'same', 'x-actor': actor });
  const answers = await Promise.all(['ann', 'bob', 'ann', 'bob'].map(vote));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const done = await fleet.until(plan.id, 'completed');
  expect(done.steps[0]?.gate?.votes.map(({ actor }) => actor).sort()).toEqual(['ann', 'bob']);
  expect(fleet.calls(plan.id)).toEqual(['asks']);
});
