import { expect, test } from 'vitest';
import { type Event, foldEvents } from './events.ts';

const plan = (type: Event['type'], data = {}) => ({ type, data });
const step = (type: Event['type'], stepId: string, attempt?: number) => ({ type, stepId, ...(attempt === undefined ? {} : { attempt }) });
const statuses = (folded: ReturnType<typeof foldEvents>) => Object.fromEntries([...folded.steps].map(([id, { status }]) => [id, status]));

test('a plan without events has no status', () => expect(foldEvents([])).toEqual({ status: null, steps: new Map() }));

test('a plan that is approved and runs to its end', () => {
  const folded = foldEvents([
    plan('plan.created'),
    plan('plan.submitted'),
    plan('plan.voted'),
    plan('plan.approved'),
    plan('plan.started'),
    step('step.ready', 'a'),
    step('step.queued', 'a', 1),
    step('step.started', 'a', 1),
    step('step.progress', 'a', 1),
    step('step.retrying', 'a', 1),
    step('step.queued', 'a', 2),
    step('step.started', 'a', 2),
    step('step.completed', 'a', 2),
    step('step.skipped', 'b'),
    plan('plan.completed'),
  ]);
  expect(folded.status).toBe('completed');
  expect(folded.steps.get('a')).toEqual({ status: 'completed', attempt: 2 });
  expect(folded.steps.get('b')).toEqual({ status: 'skipped', attempt: 0 });
});

test('a pause is over when the plan resumes', () => {
  expect(foldEvents([plan('plan.started'), plan('plan.paused')]).status).toBe('paused');
  expect(foldEvents([plan('plan.started'), plan('plan.paused'), plan('plan.resumed')]).status).toBe('executing');
});

test('a gate waits, and an approval alone leaves it waiting until it is ready', () => {
  const waiting = [plan('plan.started'), step('step.awaiting_approval', 'a'), step('step.approved', 'a')];
  expect(statuses(foldEvents(waiting))).toEqual({ a: 'awaiting_approval' });
  expect(statuses(foldEvents([...waiting, step('step.ready', 'a')]))).toEqual({ a: 'ready' });
  expect(statuses(foldEvents([...waiting, step('step.rejected', 'a')]))).toEqual({ a: 'failed' });
});

test('a new revision has no steps that ran', () => {
  const folded = foldEvents([plan('plan.started'), step('step.failed', 'a', 1), plan('plan.failed'), plan('plan.revised')]);
  expect(folded).toEqual({ status: 'pending_approval', steps: new Map() });
});

test('a retry makes the steps it names pending, and no others', () => {
  const folded = foldEvents([
    plan('plan.started'),
    step('step.completed', 'a', 1),
    step('step.failed', 'b', 3),
    plan('plan.failed'),
    plan('plan.retried', { steps: ['b'] }),
  ]);
  expect(folded.status).toBe('executing');
  expect(statuses(folded)).toEqual({ a: 'completed' });
});

test('the children of a step go with it, but for those that a retry keeps, and stay with it where a revision pins it', () => {
  const events = [
    plan('plan.started'),
    step('step.completed', 'each[0]', 1),
    step('step.failed', 'each[1]', 1),
    step('step.failed', 'each', 1),
    step('step.completed', 'all[0]', 1),
    step('step.completed', 'all', 1),
    plan('plan.partial'),
  ];
  const all = { 'all[0]': 'completed', all: 'completed' };
  expect(statuses(foldEvents([...events, plan('plan.retried', { steps: ['each'] })]))).toEqual(all);
  const keeping = plan('plan.retried', { steps: ['each'], kept: ['each[0]'] });
  expect(statuses(foldEvents([...events, keeping]))).toEqual({ 'each[0]': 'completed', ...all });
  expect(statuses(foldEvents([...events, plan('plan.revised', { pinned: ['all'] })]))).toEqual(all);
});

test('an attempt that an executor handed back does not count', () => {
  const handedBack = { ...step('step.retrying', 'a', 2), data: { handedBack: true } };
  const folded = foldEvents([plan('plan.started'), step('step.started', 'a', 2), handedBack]);
  expect(folded.steps.get('a')).toEqual({ status: 'retrying', attempt: 1 });
});
