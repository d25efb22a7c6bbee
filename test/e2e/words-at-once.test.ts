/** Two people say different things about one plan at the same moment: exactly one of them counts, and what runs is what the winner said. */
import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { type Answer, Fleet } from './fleet.ts';
import { recordStep as step, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(() => fleet?.close());

const ROUNDS = 8;
const after = (...dependsOn: string[]): Partial<StepDraft> => ({ dependsOn });
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({ objective: 'test words at once', steps, options });
let switches = 0;
async function failedPlan(options: PlanDraft['options'] = {}): Promise<{ plan: Plan; mend(): void }> {
  const { file, open } = fleet.gate(`at-once-${switches++}`);
  const steps = [step('a'), step('flaky', { failUntil: file }, after('a')), step('behind', {}, after('flaky'))];
  return { plan: await fleet.run(draft(steps, options), 'failed'), mend: open };
}
const asking = (): Promise<Plan> =>
  fleet.launch(draft([step('asks', {}, { approval: {} }), step('behind', {}, { runIf: 'none_failed', ...after('asks') })]));
const problem = ({ status, body }: Answer): string => `${status} ${body.code}`;
/** Every other round the calls are sent in the other order. Gives the answers in the order of `calls`. */
async function atOnce(round: number, calls: readonly (() => Promise<Answer>)[]): Promise<Answer[]> {
  const order = calls.map((_, index) => (round % 2 === 0 ? index : calls.length - 1 - index));
  const sent = await Promise.all(order.map(async (index) => [index, await calls[index]?.()] as const));
  return sent.sort(([a], [b]) => a - b).map(([, answer]) => answer as Answer);
}
const rounds = Array.from({ length: ROUNDS }, (_, round) => round);

test('a gate is approved and its step skipped', async () => {
  for (const round of rounds) {
    const { id } = await asking();
    const [approved, skipped] = await atOnce(round, [() => fleet.send(id, 'steps/asks/approve'), () => fleet.send(id, 'steps/asks/skip')]);
    expect([approved?.status, skipped?.status].sort()).toEqual([200, 409]);
    await untilEventsAgree(fleet, id, 'completed');
    expect(fleet.calls(id)).toEqual(approved?.status === 200 ? ['asks', 'behind'] : ['behind']);
  }
});

test('a gate is approved and rejected', async () => {
  for (const round of rounds) {
    const { id } = await asking();
    const [approved, rejected] = await atOnce(round, [
      () => fleet.send(id, 'steps/asks/approve', {}, { 'x-actor': 'ann' }),
      () => fleet.send(id, 'steps/asks/reject', {}, { 'x-actor': 'bob' }),
    ]);
    expect([approved?.status, rejected?.status].sort()).toEqual([200, 409]);
    await untilEventsAgree(fleet, id, approved?.status === 200 ? 'completed' : 'failed');
    expect(fleet.calls(id)).toEqual(approved?.status === 200 ? ['asks', 'behind'] : []);
  }
});

test('a gate is approved and its plan cancelled: what was cancelled stays so', async () => {
  for (const round of rounds) {
    const { id } = await asking();
    const [approved, cancelled] = await atOnce(round, [() => fleet.send(id, 'steps/asks/approve'), () => fleet.send(id, 'cancel')]);
    for (const answer of [approved, cancelled]) if (answer?.status !== 200) expect(problem(answer as Answer)).toBe('409 wrong_state');
    // An approved plan may have completed before the cancel came.
    await untilEventsAgree(fleet, id, cancelled?.status === 200 ? 'cancelled' : 'completed');
    if (approved?.status !== 200) expect(fleet.calls(id)).toEqual([]);
    expect(['asks', 'behind'].slice(0, fleet.calls(id).length)).toEqual(fleet.calls(id));
  }
});

test('a failed plan is retried and revised', async () => {
  for (const round of rounds) {
    const { plan, mend } = await failedPlan();
    mend();
    const [retried, revised] = await atOnce(round, [
      () => fleet.send(plan.id, 'retry', { from: ['a'] }),
      () => fleet.revise(plan, { steps: [step('a'), step('other', {}, after('a'))] }),
    ]);
    expect([retried?.status, revised?.status].sort()).toEqual([200, 409]);
    if (retried?.status === 200) {
      expect(problem(revised as Answer)).toBe('409 wrong_state');
      await untilEventsAgree(fleet, plan.id, 'completed');
      expect(fleet.calls(plan.id)).toEqual(['a', 'flaky', 'a', 'flaky', 'behind']);
    } else {
      expect(stepOf(revised?.body.plan, 'a').reason?.kind).toBe('pinned');
      await fleet.approve(revised?.body.plan);
      await untilEventsAgree(fleet, plan.id, 'completed');
      expect(fleet.calls(plan.id)).toEqual(['a', 'flaky', 'other']);
    }
  }
});

test('a failed plan and one of its steps are retried', async () => {
  for (const round of rounds) {
    const { plan, mend } = await failedPlan();
    mend();
    const answers = await atOnce(round, [() => fleet.send(plan.id, 'retry'), () => fleet.send(plan.id, 'steps/flaky/retry')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const done = await untilEventsAgree(fleet, plan.id, 'completed');
    expect(done.steps.map(({ generation }) => generation)).toEqual([1, 2, 2]);
    expect(fleet.calls(plan.id)).toEqual(['a', 'flaky', 'flaky', 'behind']);
  }
});

test('a failed step is skipped and retried', async () => {
  for (const round of rounds) {
    const { plan, mend } = await failedPlan();
    mend();
    const [skipped, retried] = await atOnce(round, [
      () => fleet.send(plan.id, 'steps/flaky/skip'),
      () => fleet.send(plan.id, 'steps/flaky/retry'),
    ]);
    // A step that was skipped can be retried, one that is retried cannot be skipped.
    expect(retried?.status).toBe(200);
    if (skipped?.status !== 200) expect(problem(skipped as Answer)).toBe('409 wrong_state');
    await untilEventsAgree(fleet, plan.id, 'completed');
    expect(fleet.calls(plan.id)).toEqual(['a', 'flaky', 'flaky', 'behind']);
  }
});

test('a waiting plan is approved, rejected and cancelled', async () => {
  for (const round of rounds) {
    const plan = await fleet.createPlan(draft([step('a')]));
    const answers = await atOnce(round, [
      () => fleet.send(plan.id, 'approve', { digest: plan.digest }),
      () => fleet.send(plan.id, 'reject', { digest: plan.digest, reason: 'no' }),
      () => fleet.send(plan.id, 'cancel'),
    ]);
    const [approved, rejected, cancelled] = answers.map(({ status }) => status === 200);
    // What was approved can still be cancelled; what was rejected or cancelled stays so.
    expect(approved === true && rejected === true).toBe(false);
    if (rejected) expect([approved, cancelled]).toEqual([false, false]);
    const status = rejected ? 'rejected' : cancelled ? 'cancelled' : 'completed';
    await untilEventsAgree(fleet, plan.id, status);
    if (!approved) expect(fleet.calls(plan.id)).toEqual([]);
  }
});

test('a plan under way is paused, resumed, paused and resumed: each step runs once', async () => {
  for (const round of rounds) {
    const chain = Array.from({ length: 6 }, (_, n) => step(`s${n}`, {}, n === 0 ? {} : after(`s${n - 1}`)));
    const { id } = await fleet.launch(draft(chain));
    const words = ['pause', 'resume', 'pause', 'resume'].map((word) => () => fleet.send(id, word));
    for (const answer of await atOnce(round, words)) if (answer.status !== 200) expect(problem(answer)).toBe('409 wrong_state');
    if ((await fleet.plan(id)).status === 'paused') await fleet.act(id, 'resume');
    await untilEventsAgree(fleet, id, 'completed');
    expect(fleet.calls(id)).toEqual(chain.map((each) => each.id));
  }
});
