/** What a failure does to the rest of its plan. */
import { begin, type Call, claim, complete, type EdgeCase, fail, failRetryable, release } from './edge-case.ts';

export const FAILURE_CASES: readonly EdgeCase[] = [
  {
    name: 'a step whose executors crash too often fails, and stops its plan',
    steps: [{ id: 'a', retry: { maxAttempts: 3 } }, { id: 'b', dependsOn: ['a'] }, { id: 'c' }],
    maxParallelSteps: 1,
    calls: [...Array.from({ length: 10 }, (_, at): Call => [claim('a', `t${at}`), 'ok']), [claim('a', 't10'), 'too_many_crashes']],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'skipped', c: 'cancelled' },
      attempts: { a: 1 },
      reasons: { b: 'dependency_failed a', c: 'plan_stopped' },
      events: ['step.failed a', 'step.skipped b', 'step.cancelled c', 'plan.failed'],
    },
  },
  {
    name: 'a step that failed its last attempt retryably fails',
    steps: [{ id: 'a', retry: { maxAttempts: 2 } }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 0), 'ok'],
      [claim('a', 't2', 2), 'ok'],
      [failRetryable('a', 't2', 0), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed' }, attempts: { a: 2 }, events: ['step.failed a', 'plan.failed'] },
  },
  {
    name: 'stop: the plan ends failed only when what was running has ended',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
    maxParallelSteps: 2,
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [begin('b', 't2'), 'plan_stopping'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'failed', b: 'running', c: 'cancelled' },
      reasons: { c: 'plan_stopped' },
      events: ['step.failed a', 'step.cancelled c'],
    },
  },
  {
    name: 'stop: a running step that is handed back is cancelled, and the plan fails',
    steps: [{ id: 'a' }, { id: 'b' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [release('b', 't2'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'cancelled' },
      reasons: { b: 'plan_stopped' },
      events: ['step.failed a', 'step.cancelled b', 'plan.failed'],
    },
  },
  {
    name: 'stop: a step whose executor died meanwhile is cancelled instead of taken over',
    steps: [{ id: 'a' }, { id: 'b' }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [claim('b', 't3'), 'plan_stopping'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'cancelled' }, events: ['step.cancelled b', 'plan.failed'] },
  },
  {
    name: 'stop: a completion meanwhile stands, and the plan fails all the same',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c', dependsOn: ['b'] }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [complete('b', 't2'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { a: 'failed', b: 'completed', c: 'cancelled' },
      events: ['step.failed a', 'step.cancelled c', 'step.completed b', 'plan.failed'],
    },
  },
  {
    name: 'stop: a retryable failure meanwhile is final',
    steps: [{ id: 'a' }, { id: 'b', retry: { maxAttempts: 3 } }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [failRetryable('b', 't2', 0), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed' }, events: ['step.failed b', 'plan.failed'] },
  },
  {
    name: 'continue: some failed, some completed: partial',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [complete('b', 't2'), 'ok'],
    ],
    ends: { plan: 'partial', steps: { a: 'failed', b: 'completed' }, events: ['step.completed b', 'plan.partial'] },
  },
  {
    name: 'continue: everything failed and nothing completed: failed',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
      [fail('b', 't2'), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed' }, events: ['step.failed b', 'plan.failed'] },
  },
  {
    name: 'continue: steps behind a failure are skipped in the order in which they are reached, each naming the step that failed',
    steps: [
      { id: 'end', dependsOn: ['left', 'right'] },
      { id: 'a', onError: 'continue' },
      { id: 'left', dependsOn: ['a'] },
      { id: 'right', dependsOn: ['a'] },
      { id: 'tail', dependsOn: ['left'] },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [fail('a', 't1'), 'ok'],
    ],
    ends: {
      plan: 'failed',
      steps: { end: 'skipped', a: 'failed', left: 'skipped', right: 'skipped', tail: 'skipped' },
      reasons: {
        end: 'dependency_failed a',
        left: 'dependency_failed a',
        right: 'dependency_failed a',
        tail: 'dependency_failed a',
      },
      events: ['step.failed a', 'step.skipped left', 'step.skipped right', 'step.skipped tail', 'step.skipped end', 'plan.failed'],
    },
  },
  {
    name: 'continue: a step behind two failures names the one that failed first',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'b', onError: 'continue' },
      { id: 'c', dependsOn: ['a', 'b'] },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [claim('b', 't2'), 'ok'],
      [fail('b', 't2'), 'ok'],
      [fail('a', 't1'), 'ok'],
    ],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'failed', c: 'skipped' }, reasons: { c: 'dependency_failed b' } },
  },
];
