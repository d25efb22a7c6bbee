/** What executors report: claims, takeovers, late and repeated words, attempts after a backoff. */
import { begin, cancel, claim, complete, type EdgeCase, fail, failRetryable, release } from './edge-case.ts';

export const EXECUTOR_CASES: readonly EdgeCase[] = [
  {
    name: 'running -> cancelled: a late completion is refused, and so is every other word of the executor',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [cancel, 'ok'],
      [begin('a', 't1'), 'plan_not_executing'],
      [complete('a', 't1'), 'plan_not_executing'],
      [fail('a', 't1'), 'plan_not_executing'],
      [release('a', 't1'), 'plan_not_executing'],
      [claim('a', 't2'), 'plan_not_executing'],
    ],
    ends: { plan: 'cancelled', steps: { a: 'cancelled' }, events: ['step.cancelled a', 'plan.cancelled'] },
  },
  {
    name: 'a claim whose reply was lost is answered again without a second start',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('a', 't1'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'running' }, attempts: { a: 1 }, events: ['step.queued a', 'step.started a'] },
  },
  {
    name: 'a takeover after a crash keeps the attempt, and a completion with the old token is refused',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('a', 't2'), 'ok'],
      [begin('a', 't1'), 'stale_token'],
      [complete('a', 't1'), 'stale_token'],
      [complete('a', 't2'), 'ok'],
    ],
    ends: {
      plan: 'completed',
      steps: { a: 'completed' },
      attempts: { a: 1 },
      events: ['step.started a', 'step.started a', 'step.completed a', 'plan.completed'],
    },
  },
  {
    name: 'the completion that ended the plan is answered again when its reply was lost',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [complete('a', 't2'), 'plan_not_executing'],
    ],
    ends: { plan: 'completed', steps: { a: 'completed' }, events: ['step.completed a', 'plan.completed'] },
  },
  {
    name: 'a backoff gives its place to another step and is not over before its time',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }, { id: 'b' }],
    maxParallelSteps: 1,
    calls: [[claim('a', 't1'), 'ok'], [failRetryable('a', 't1', 1_000), 'ok'], 999, [claim('a', 't2', 2), 'not_due']],
    ends: {
      plan: 'executing',
      steps: { a: 'retrying', b: 'queued' },
      reasons: { a: 'backoff', b: 'queued' },
      events: ['step.retrying a', 'step.queued b'],
    },
  },
  {
    name: 'a due step that finds the cap full is parked, and queued once there is room',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }, { id: 'b' }, { id: 'c' }],
    maxParallelSteps: 1,
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 1_000), 'ok'],
      1_000,
      [claim('a', 't2', 2), 'parked'],
      [claim('b', 't3'), 'ok'],
      [complete('b', 't3'), 'ok'],
      // It comes before c, as it does in the array, and with a delivery of its own.
      [claim('a', 't4', 2), 'stale_delivery'],
      [claim('c', 't5', 1), 'stale_delivery'],
      [claim('a', 't6', 3), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'running', b: 'completed', c: 'ready' },
      attempts: { a: 2 },
      reasons: { c: 'cap' },
      events: ['step.completed b', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'a due step that finds room is queued and running at once',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }],
    calls: [[claim('a', 't1'), 'ok'], [failRetryable('a', 't1', 1_000), 'ok'], 1_000, [claim('a', 't2', 2), 'ok']],
    ends: {
      plan: 'executing',
      steps: { a: 'running' },
      attempts: { a: 2 },
      events: ['step.retrying a', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'an executor that hands its step back does not cost it an attempt',
    steps: [{ id: 'a' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [release('a', 't1'), 'ok'],
      [complete('a', 't1'), 'stale_token'],
      [claim('a', 't2', 2), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'running' },
      attempts: { a: 1 },
      events: ['step.started a', 'step.retrying a', 'step.queued a', 'step.started a'],
    },
  },
  {
    name: 'a completion with a token that failed or handed back its step is refused, for its output is not kept',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }, { id: 'b' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 1_000), 'ok'],
      [complete('a', 't1'), 'stale_token'],
      [claim('b', 't2'), 'ok'],
      [release('b', 't2'), 'ok'],
      [complete('b', 't2'), 'stale_token'],
      [release('b', 't2'), 'stale_token'],
    ],
    ends: { plan: 'executing', steps: { a: 'retrying', b: 'queued' }, attempts: { a: 1, b: 0 } },
  },
  {
    name: 'every word about a step that the plan does not have is answered with not_found',
    steps: [{ id: 'a' }],
    calls: [
      [claim('b', 't1'), 'not_found'],
      [begin('b', 't1'), 'not_found'],
      [complete('b', 't1'), 'not_found'],
      [fail('b', 't1'), 'not_found'],
      [release('b', 't1'), 'not_found'],
    ],
    ends: { plan: 'executing', steps: { a: 'queued' } },
  },
  {
    name: 'steps that become ready at once are queued in the order of the array, whatever they waited for',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c', dependsOn: ['a'] }, { id: 'd', dependsOn: ['b', 'a'] }, { id: 'e', dependsOn: ['a'] }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [complete('b', 't2'), 'ok'],
      [complete('a', 't1'), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'completed', b: 'completed', c: 'queued', d: 'queued', e: 'queued' },
      events: ['step.completed a', 'step.ready c', 'step.ready d', 'step.ready e', 'step.queued c', 'step.queued d', 'step.queued e'],
    },
  },
];
