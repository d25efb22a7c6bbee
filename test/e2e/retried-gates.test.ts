import type { PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { Fleet } from './fleet.ts';
import { stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ env: { CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: 'test.record', input: { value: id }, ...more });
const after = (...dependsOn: string[]): Partial<StepDraft> => ({ dependsOn });
const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'test gates of retried plans',
  steps,
  options,
});
let switches = 0;
/** A step that fails until it is mended. */
const flaky = (id: string, more: Partial<StepDraft> = {}): { made: StepDraft; mend(): void } => {
  const { file, open } = fleet.gate(`mended-${switches++}`);
  return { made: step(id, { input: { failUntil: file, value: id }, ...more }), mend: open };
};

test('a gate that was approved before a failure is not asked again; one that was rejected is', async () => {
  const gate = { approval: { message: 'Go?' } };
  const b = flaky('b', { ...gate, ...after('a') });
  const { id } = await fleet.launch(draft([step('a'), b.made, step('c', { ...gate, ...after('b') })]));
  const asks = (stepId: string) =>
    expect.poll(async () => stepOf(await fleet.plan(id), stepId).status, { timeout: 20_000 }).toBe('awaiting_approval');
  await asks('b');
  await fleet.act(id, 'steps/b/approve', { data: 1 });
  const failed = await fleet.until(id, 'failed');
  b.mend();
  await fleet.act(id, 'retry');
  await asks('c');
  expect(stepOf(await fleet.plan(id), 'b').gate).toEqual(stepOf(failed, 'b').gate);
  await fleet.act(id, 'steps/c/reject', { comment: 'no' });
  const rejected = await fleet.until(id, 'failed');
  expect(stepOf(rejected, 'c')).toMatchObject({ error: { code: 'rejected' }, gate: { decision: 'rejected' } });
  await fleet.act(id, 'retry');
  await asks('c');
  expect(stepOf(await fleet.plan(id), 'c').gate).toMatchObject({ decision: null, have: 0, votes: [], data: null });
  await fleet.act(id, 'steps/c/approve');
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['a', 'b', 'b', 'c']);
  expect((await fleet.events(id)).filter(({ type }) => type === 'step.awaiting_approval').map(({ stepId }) => stepId)).toEqual([
    'b',
    'c',
    'c',
  ]);
});

test('a gate whose time was up asks again, and has its whole time', async () => {
  const { id } = await fleet.launch(draft([step('asks', { approval: {} })], { approvalTimeoutMs: 2_000 }));
  const expired = await fleet.until(id, 'failed');
  expect(stepOf(expired, 'asks')).toMatchObject({ error: { code: 'expired' }, gate: { decision: 'expired' } });
  const again = await fleet.act(id, 'retry');
  const { status, gate } = stepOf(again, 'asks');
  expect([status, gate?.decision, gate?.have]).toEqual(['awaiting_approval', null, 0]);
  expect(Date.parse(String(gate?.deadline)) - Date.parse(String(gate?.since))).toBe(2_000);
  await fleet.act(id, 'steps/asks/approve');
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['asks']);
});

test('an approval is void when what stands before the gate runs again', async () => {
  const b = flaky('b', { approval: { message: 'Publish {{a.output.value}}?' }, ...after('a') });
  const { id } = await fleet.launch(draft([step('a'), b.made]));
  const asks = () => expect.poll(async () => stepOf(await fleet.plan(id), 'b').status, { timeout: 20_000 }).toBe('awaiting_approval');
  await asks();
  await fleet.act(id, 'steps/b/approve');
  await fleet.until(id, 'failed');
  b.mend();
  await fleet.act(id, 'retry', { from: ['a'] });
  await asks();
  await fleet.act(id, 'steps/b/approve');
  await untilEventsAgree(fleet, id, 'completed');
  expect(fleet.calls(id)).toEqual(['a', 'b', 'a', 'b']);
});
