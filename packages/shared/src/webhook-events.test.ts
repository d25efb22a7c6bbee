import { expect, test } from 'vitest';
import { type Event, PLAN_EVENT_TYPES, STEP_EVENT_TYPES, TASK_EVENT_TYPES } from './events.ts';
import { WEBHOOK_TYPES, wantedEvents, webhookMessage, webhookTypesOf } from './webhook-events.ts';

const event = (fields: Partial<Event>): Event => ({
  ...{
    id: '1772442990000-0',
    type: 'plan.failed',
    planId: 'pln_1',
    taskId: 'tsk_1',
    revision: 2,
    at: '2026-03-02T09:16:30.000Z',
    data: {},
  },
  ...fields,
});
const told = (fields: Partial<Event>, subscription = 'plan.ended' as const) =>
  webhookMessage(subscription, event(fields), { digest: 'sha256:1', publicUrl: 'https://cs.example.com' });

test('all is every event but the routine between two states', () => {
  const all = [...TASK_EVENT_TYPES, ...PLAN_EVENT_TYPES, ...STEP_EVENT_TYPES];
  const wanted = wantedEvents(['*']);
  expect(all.filter((type) => !wanted.includes(type))).toEqual(['task.planning', 'step.ready', 'step.queued', 'step.progress']);
  expect(wantedEvents(WEBHOOK_TYPES)).toEqual(wanted);
  expect(wantedEvents(['plan.pending_approval', 'plan.revised'])).toEqual(['plan.revised', 'plan.submitted']);
});

test('an end is told under both its names, to who wants both', () => {
  expect(webhookTypesOf(event({ type: 'plan.failed' }), ['*'])).toEqual(['plan.failed', 'plan.ended']);
  expect(webhookTypesOf(event({ type: 'plan.failed' }), ['plan.ended', 'plan.completed'])).toEqual(['plan.ended']);
});

test('people are asked only where there is a quorum', () => {
  for (const type of ['plan.submitted', 'plan.revised'] as const) {
    expect(webhookTypesOf(event({ type, data: { quorum: 1 } }), ['plan.pending_approval'])).toEqual(['plan.pending_approval']);
    expect(webhookTypesOf(event({ type, data: { quorum: 0 } }), ['plan.pending_approval'])).toEqual([]);
  }
});

test('a message says where things stand', () => {
  expect(told({ data: { stepId: 'save', replanning: true } })).toEqual({
    type: 'plan.ended',
    timestamp: '2026-03-02T09:16:30.000Z',
    data: {
      eventId: '1772442990000-0',
      planId: 'pln_1',
      taskId: 'tsk_1',
      stepId: 'save',
      revision: 2,
      digest: 'sha256:1',
      status: 'failed',
      reason: 'step_failed',
      replanning: true,
      links: { plan: 'https://cs.example.com/v1/plans/pln_1', task: 'https://cs.example.com/v1/tasks/tsk_1' },
    },
  });
  expect(told({ data: { timedOut: true } }).data).toMatchObject({ reason: 'plan_timeout' });
  expect(told({ type: 'plan.rejected', data: { reason: 'x'.repeat(900), digest: 'sha256:1' }, actor: 'ada' }).data).toMatchObject({
    status: 'rejected',
    actor: 'ada',
    reason: `${'x'.repeat(499)}…`,
  });
});

test('of what users and tools said, nothing but codes is told', () => {
  const data = {
    error: { code: 'tool_error', message: 'password hunter2 is wrong', retryable: true },
    comment: 'hunter2',
    data: { answer: 'hunter2' },
    executor: 'hunter2',
    reason: { kind: 'dependency_failed', stepId: 'a', text: 'hunter2' },
  };
  const message = told({ type: 'step.failed', stepId: 'b', attempt: 3, data });
  expect(message.data).toMatchObject({
    stepId: 'b',
    attempt: 3,
    status: 'failed',
    error: { code: 'tool_error' },
    reason: 'dependency_failed',
  });
  expect(JSON.stringify(message)).not.toContain('hunter2');
});
