/** Which steps run: branches, conditions on steps, and `runIf`. */
import { CONDITION_TOOL, type StepDraft } from '@countersign/shared';
import { claim, complete, decides, decline, type EdgeCase, failRetryable, fails, runs, skip } from './edge-case.ts';

const condition = (id: string, branches: Partial<StepDraft>): StepDraft => ({
  id,
  tool: CONDITION_TOOL,
  input: { expression: 'true' },
  ...branches,
});

export const BRANCH_CASES: readonly EdgeCase[] = [
  {
    name: 'branch: the true side runs, the false side is skipped and names the condition',
    steps: [condition('check', { ifTrue: ['yes'], ifFalse: ['no'] }), { id: 'no' }, { id: 'yes' }],
    calls: decides('check', true),
    ends: {
      plan: 'executing',
      steps: { check: 'completed', no: 'skipped', yes: 'queued' },
      reasons: { no: 'branch_not_taken check' },
      events: ['step.completed check', 'step.skipped no', 'step.ready yes', 'step.queued yes'],
    },
  },
  {
    name: 'branch: with false the other side runs, and both sides wait for the condition until then',
    steps: [{ id: 'yes' }, { id: 'no' }, condition('check', { ifTrue: ['yes'], ifFalse: ['no'] })],
    calls: [[claim('yes', 't1', 0), 'not_queued'], ...decides('check', false)],
    ends: {
      plan: 'executing',
      steps: { yes: 'skipped', no: 'queued', check: 'completed' },
      events: ['step.completed check', 'step.skipped yes', 'step.ready no', 'step.queued no'],
    },
  },
  {
    name: 'branch: nothing of an untaken side is looked at, nested conditions included, and a join behind both sides runs',
    steps: [
      condition('outer', { ifTrue: ['yes'], ifFalse: ['inner'] }),
      { id: 'yes' },
      condition('inner', { ifTrue: ['deep'], ifFalse: ['deeper'] }),
      { id: 'deep' },
      { id: 'deeper' },
      { id: 'join', dependsOn: ['yes', 'deep', 'deeper'] },
    ],
    calls: [...decides('outer', true), ...runs('yes')],
    ends: {
      plan: 'executing',
      steps: { outer: 'completed', yes: 'completed', inner: 'skipped', deep: 'skipped', deeper: 'skipped', join: 'queued' },
      reasons: { inner: 'branch_not_taken outer', deep: 'branch_not_taken inner', deeper: 'branch_not_taken inner' },
      events: ['step.completed yes', 'step.ready join', 'step.queued join'],
    },
  },
  {
    name: 'branch: a step of an untaken side does not run, whatever its runIf, and counts as skipped',
    steps: [
      condition('check', { ifFalse: ['no'] }),
      { id: 'no', runIf: 'all_done' },
      { id: 'after', dependsOn: ['no'], runIf: 'none_failed' },
    ],
    calls: decides('check', true),
    ends: {
      plan: 'executing',
      steps: { check: 'completed', no: 'skipped', after: 'queued' },
      reasons: { no: 'branch_not_taken check' },
      events: ['step.skipped no', 'step.ready after', 'step.queued after'],
    },
  },
  {
    name: 'branch: a step that hangs on several conditions names the first untaken one in the order of its dependencies',
    steps: [condition('one', { ifTrue: ['end'] }), condition('two', { ifTrue: ['end'] }), { id: 'end', dependsOn: ['two', 'one'] }],
    calls: [...decides('one', false), ...decides('two', false)],
    ends: {
      plan: 'completed',
      steps: { one: 'completed', two: 'completed', end: 'skipped' },
      reasons: { end: 'branch_not_taken two' },
    },
  },
  {
    name: 'branch: both sides of a condition that failed are skipped behind the failure, clean-up steps too',
    steps: [
      condition('check', { ifTrue: ['yes'], ifFalse: ['no'], onError: 'continue' }),
      { id: 'yes' },
      { id: 'no', runIf: 'all_done' },
      { id: 'after', dependsOn: ['no'], runIf: 'all_done' },
    ],
    calls: fails('check'),
    ends: {
      plan: 'executing',
      steps: { check: 'failed', yes: 'skipped', no: 'skipped', after: 'queued' },
      reasons: { yes: 'dependency_failed check', no: 'dependency_failed check' },
    },
  },
  {
    name: 'branch: neither side of a condition that was skipped runs',
    steps: [condition('check', { ifTrue: ['yes'], ifFalse: ['no'], when: 'false' }), { id: 'yes' }, { id: 'no' }],
    calls: [
      [claim('check', 't1'), 'ok'],
      [decline('check', 't1'), 'ok'],
    ],
    ends: {
      plan: 'completed',
      steps: { check: 'skipped', yes: 'skipped', no: 'skipped' },
      reasons: { check: 'condition_false', yes: 'branch_not_taken check', no: 'branch_not_taken check' },
      events: ['step.skipped check', 'step.skipped yes', 'step.skipped no', 'plan.completed'],
    },
  },
  {
    name: 'branch: neither side of a condition that was skipped by hand runs',
    steps: [{ id: 'a' }, condition('check', { ifTrue: ['yes'], ifFalse: ['no'], dependsOn: ['a'] }), { id: 'yes' }, { id: 'no' }],
    calls: [[skip('check'), 'ok'], ...runs('a')],
    ends: {
      plan: 'completed',
      steps: { a: 'completed', check: 'skipped', yes: 'skipped', no: 'skipped' },
      reasons: { check: 'skipped_by_hand', yes: 'branch_not_taken check', no: 'branch_not_taken check' },
    },
  },
  {
    name: 'when: a step whose condition is false is skipped, gives its place back, and looking was no attempt',
    steps: [{ id: 'a', when: '1 == 2' }, { id: 'b' }, { id: 'c', dependsOn: ['a'] }],
    maxParallelSteps: 1,
    calls: [
      [claim('a', 't1'), 'ok'],
      [decline('a', 't2'), 'stale_token'],
      [decline('a', 't1'), 'ok'],
      [decline('a', 't1'), 'stale_token'],
      [complete('a', 't1'), 'stale_token'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'skipped', b: 'queued', c: 'skipped' },
      attempts: { a: 0 },
      reasons: { a: 'condition_false', c: 'dependency_skipped' },
      events: ['step.started a', 'step.skipped a', 'step.skipped c', 'step.queued b'],
    },
  },
  {
    name: 'when: a condition that is found false on a later attempt leaves no attempt either',
    steps: [{ id: 'a', when: '1 == 2', retry: { maxAttempts: 2 } }],
    calls: [
      [claim('a', 't1'), 'ok'],
      [failRetryable('a', 't1', 0), 'ok'],
      [claim('a', 't2', 2), 'ok'],
      [decline('a', 't2'), 'ok'],
    ],
    ends: { plan: 'completed', steps: { a: 'skipped' }, attempts: { a: 0 }, reasons: { a: 'condition_false' } },
  },
  {
    name: 'runIf: with one of two skipped, all_success is skipped for it, and the others run',
    steps: [
      { id: 'a', when: 'false' },
      { id: 'b' },
      { id: 'default', dependsOn: ['a', 'b'] },
      { id: 'all', dependsOn: ['a', 'b'], runIf: 'all_success' },
      { id: 'none', dependsOn: ['a', 'b'], runIf: 'none_failed' },
      { id: 'always', dependsOn: ['a', 'b'], runIf: 'all_done' },
    ],
    maxParallelSteps: 5,
    calls: [[claim('a', 't1'), 'ok'], [decline('a', 't1'), 'ok'], ...runs('b')],
    ends: {
      plan: 'executing',
      steps: { a: 'skipped', b: 'completed', default: 'queued', all: 'skipped', none: 'queued', always: 'queued' },
      reasons: { all: 'dependency_skipped' },
    },
  },
  {
    name: 'runIf: with everything skipped, the default is skipped for it, and none_failed runs',
    steps: [
      { id: 'a', when: 'false' },
      { id: 'default', dependsOn: ['a'] },
      { id: 'none', dependsOn: ['a'], runIf: 'none_failed' },
      { id: 'always', dependsOn: ['a'], runIf: 'all_done' },
    ],
    calls: [
      [claim('a', 't1'), 'ok'],
      [decline('a', 't1'), 'ok'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'skipped', default: 'skipped', none: 'queued', always: 'queued' },
      reasons: { default: 'dependency_skipped' },
    },
  },
  {
    name: 'runIf: behind a failure only all_done runs, also behind a step that was skipped for it',
    steps: [
      { id: 'a', onError: 'continue' },
      { id: 'default', dependsOn: ['a'] },
      { id: 'all', dependsOn: ['a'], runIf: 'all_success' },
      { id: 'none', dependsOn: ['default'], runIf: 'none_failed' },
      { id: 'always', dependsOn: ['none'], runIf: 'all_done' },
    ],
    calls: fails('a'),
    ends: {
      plan: 'executing',
      steps: { a: 'failed', default: 'skipped', all: 'skipped', none: 'skipped', always: 'queued' },
      reasons: { default: 'dependency_failed a', all: 'dependency_failed a', none: 'dependency_failed a' },
      events: ['step.failed a', 'step.skipped default', 'step.skipped all', 'step.skipped none', 'step.ready always', 'step.queued always'],
    },
  },
  {
    name: 'runIf: a step without dependencies runs, whatever it says',
    steps: [
      { id: 'a', runIf: 'all_success' },
      { id: 'b', runIf: 'none_failed' },
      { id: 'c', runIf: 'all_done' },
    ],
    calls: [],
    ends: { plan: 'executing', steps: { a: 'queued', b: 'queued', c: 'queued' } },
  },
];
