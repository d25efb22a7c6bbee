/** An operator skips a step. */
import { approve, approveGate, cancel, claim, complete, type EdgeCase, fails, pause, retry, retryStep, runs, skip } from './edge-case.ts';

export const SKIP_CASES: readonly EdgeCase[] = [
  {
    name: 'skip: a pending step does not run, and what waits for it is decided at once',
    steps: [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }, { id: 'c', dependsOn: ['b'] }, { id: 'd', dependsOn: ['b'], runIf: 'none_failed' }],
    calls: [[skip('b'), 'ok']],
    ends: {
      plan: 'executing',
      steps: { a: 'queued', b: 'skipped', c: 'skipped', d: 'queued' },
      reasons: { b: 'skipped_by_hand', c: 'dependency_skipped' },
      events: ['step.skipped b', 'step.skipped c', 'step.ready d', 'step.queued d'],
    },
  },
  {
    name: 'skip: what its dependencies do later changes nothing for it',
    steps: [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }],
    calls: [[skip('b'), 'ok'], ...fails('a')],
    ends: { plan: 'failed', steps: { a: 'failed', b: 'skipped' }, reasons: { b: 'skipped_by_hand' } },
  },
  {
    name: 'skip: a gate need not be decided any more',
    steps: [{ id: 'gate', approval: {} }],
    calls: [
      [skip('gate'), 'ok'],
      [approveGate('gate'), 'wrong_state skipped'],
    ],
    ends: {
      plan: 'completed',
      steps: { gate: 'skipped' },
      gates: { gate: { decision: null } },
      events: ['step.awaiting_approval gate', 'step.skipped gate', 'plan.completed'],
    },
  },
  {
    name: 'skip: a step that failed changes its word, and what followed from its failure stays',
    steps: [{ id: 'a', onError: 'continue' }, { id: 'b', dependsOn: ['a'] }, { id: 'c', dependsOn: ['a', 'd'] }, { id: 'd' }],
    calls: [...fails('a'), [skip('a'), 'ok'], [skip('a'), 'wrong_state skipped'], ...runs('d')],
    ends: {
      plan: 'completed',
      steps: { a: 'skipped', b: 'skipped', c: 'skipped', d: 'completed' },
      attempts: { a: 1 },
      reasons: { a: 'skipped_by_hand', b: 'dependency_failed a', c: 'dependency_failed a' },
      events: ['step.skipped a', 'step.started d', 'step.completed d', 'step.skipped c', 'plan.completed'],
    },
  },
  {
    name: 'skip: the failed step of an ended plan is skipped and the plan stays; a retry then runs what was behind it',
    steps: [{ id: 'a' }, { id: 'b', dependsOn: ['a'], runIf: 'none_failed' }],
    calls: [...fails('a'), [skip('a'), 'ok'], [retry(), 'ok']],
    ends: {
      plan: 'executing',
      steps: { a: 'skipped', b: 'queued' },
      generations: { a: 1, b: 2 },
      events: ['plan.failed', 'step.skipped a', 'plan.retried', 'step.ready b', 'step.queued b'],
    },
  },
  {
    name: 'skip: a retry of a plan in which nothing is left to run ends it at once',
    steps: [{ id: 'a', onError: 'continue' }, { id: 'b' }],
    calls: [...fails('a'), ...runs('b'), [skip('a'), 'ok'], [retry(), 'ok']],
    ends: {
      plan: 'completed',
      steps: { a: 'skipped', b: 'completed' },
      events: ['plan.partial', 'step.skipped a', 'plan.retried', 'plan.completed'],
    },
  },
  {
    name: 'skip: in a paused plan what follows is readied, and waits',
    steps: [
      { id: 'a', approval: {} },
      { id: 'b', dependsOn: ['a'], runIf: 'none_failed' },
    ],
    calls: [
      [pause, 'ok'],
      [skip('a'), 'ok'],
    ],
    ends: {
      plan: 'paused',
      steps: { a: 'skipped', b: 'ready' },
      reasons: { b: 'paused' },
      events: ['plan.paused', 'step.skipped a', 'step.ready b'],
    },
  },
  {
    name: 'skip: what is under way or over is refused, and so is any step of a plan that has not started or is over',
    steps: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
    quorum: 1,
    maxParallelSteps: 2,
    calls: [
      [skip('a'), 'wrong_state pending_approval'],
      [approve('ann'), 'ok'],
      [skip('a'), 'wrong_state queued'],
      [skip('c'), 'wrong_state ready'],
      [claim('a', 't1'), 'ok'],
      [skip('a'), 'wrong_state running'],
      [complete('a', 't1'), 'ok'],
      [skip('a'), 'wrong_state completed'],
      [skip('nobody'), 'not_found'],
      [cancel, 'ok'],
      [skip('b'), 'wrong_state cancelled'],
      [retryStep('b'), 'wrong_state cancelled'],
      [retry('b'), 'wrong_state cancelled'],
    ],
    ends: { plan: 'cancelled', steps: { a: 'completed', b: 'cancelled', c: 'cancelled' } },
  },
];
