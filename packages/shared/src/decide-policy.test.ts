import { describe, expect, test } from 'vitest';
import { decidePolicy, plainDecision, quorumOf } from './decide-policy.ts';
import { digestOf } from './json.ts';
import { DEFAULT_POLICY, type PolicyConditions, type PolicyConsequence, type PolicyRule } from './policy.ts';
import type { PolicyFacts } from './policy-facts.ts';

const ASKS = { requireApproval: true, autoApprove: false };
const ASKS_NOBODY = [
  { requireApproval: false, autoApprove: false },
  { requireApproval: true, autoApprove: true },
];

const facts = (given: Partial<PolicyFacts> = {}): PolicyFacts => ({
  options: ASKS,
  effects: { read: 3, write: 1, destructive: 0 },
  tools: ['fs.read', 'fs.read', 'fs.list', 'fs.write'],
  steps: 4,
  submitter: { actor: 'ada', roles: ['submitter'] },
  costUsd: 0,
  origin: 'manual',
  rewritten: false,
  secrets: [],
  ...given,
});

const rule = (name: string, when: PolicyConditions, then: PolicyConsequence): PolicyRule => ({ name, when, then });
const policy = (...rules: PolicyRule[]) => ({ version: 'sha256:1', rules });
const ONE = { count: 1, roles: [], notSubmitter: false };

describe('the default', () => {
  test('is named by the digest of what it would be as a file', async () => {
    expect(DEFAULT_POLICY.version).toBe(await digestOf({ version: 'default', rules: [] }));
  });

  test('asks for one approval', () => {
    expect(decidePolicy(DEFAULT_POLICY, facts())).toEqual({
      version: DEFAULT_POLICY.version,
      rule: null,
      outcome: 'approve',
      demands: [ONE],
      reason: 'the plan asks for an approval',
      trace: [],
    });
  });

  describe.each(ASKS_NOBODY)('with %j', (options) => {
    test('asks for none', () => {
      expect(decidePolicy(DEFAULT_POLICY, facts({ options }))).toMatchObject({ outcome: 'auto', demands: [] });
    });

    test('asks for one where a step is destructive', () => {
      const effects = { read: 0, write: 0, destructive: 1 };
      const reason = expect.stringContaining('destructive steps');
      expect(decidePolicy(DEFAULT_POLICY, facts({ options, effects }))).toMatchObject({ outcome: 'approve', demands: [ONE], reason });
    });

    test('asks for one where a planner wrote it anew', () => {
      const reason = expect.stringContaining('a planner writes');
      expect(decidePolicy(DEFAULT_POLICY, facts({ options, rewritten: true }))).toMatchObject({ outcome: 'approve', reason });
    });
  });
});

describe('a condition', () => {
  test.each<[PolicyConditions, Partial<PolicyFacts>, Partial<PolicyFacts>]>([
    [{ risk: ['write'] }, {}, { effects: { read: 3, write: 1, destructive: 1 } }],
    [{ risk: ['read', 'destructive'] }, { effects: { read: 1, write: 0, destructive: 0 } }, {}],
    [{ effects: { write: { min: 1 } } }, {}, { effects: { read: 1, write: 0, destructive: 0 } }],
    [{ effects: { destructive: { max: 0 }, read: { max: 3 } } }, {}, { effects: { read: 4, write: 0, destructive: 0 } }],
    [{ tools: ['fs.w*'] }, {}, { tools: ['fs.read'] }],
    [{ tools: ['shell.run', '*.write'] }, {}, { tools: ['fs.read', 'fs.writes'] }],
    [{ onlyTools: ['fs.*'] }, {}, { tools: ['fs.read', 'shell.run'] }],
    [{ submitter: { actors: ['a*'] } }, {}, { submitter: { actor: 'bob', roles: ['submitter'] } }],
    [{ submitter: { roles: ['operator', 'submitter'] } }, {}, { submitter: { actor: 'ada', roles: ['admin'] } }],
    [{ submitter: { actors: ['ada'], roles: ['submitter'] } }, {}, { submitter: { actor: 'ada', roles: [] } }],
    [{ steps: { min: 4, max: 4 } }, {}, { steps: 5 }],
    [{ costUsd: { max: 0.5 } }, { costUsd: 0.5 }, { costUsd: 0.51 }],
    [{ costUsd: { max: 0.5 } }, {}, { costUsd: null }],
    [{ costUsd: { min: 0.5 } }, { costUsd: 1 }, { costUsd: null }],
    [{ origin: ['openai', 'template'] }, { origin: 'openai' }, {}],
    [{ rewritten: true }, { rewritten: true }, {}],
    [{ rewritten: false }, {}, { rewritten: true }],
    [{ secrets: ['PROD_*'] }, { secrets: ['DEV', 'PROD_KEY'] }, { secrets: ['DEV'] }],
  ])('%j holds for %j and not for %j', (when, held, not) => {
    const [name] = Object.keys(when);
    const decide = (given: Partial<PolicyFacts>) => decidePolicy(policy(rule('r', when, { deny: 'no' })), facts(given));
    expect(decide(held)).toMatchObject({ rule: 'r', outcome: 'deny', reason: 'no', trace: [{ rule: 'r', held: true, failed: null }] });
    expect(decide(not)).toMatchObject({ rule: null, trace: [{ rule: 'r', held: false, failed: name }] });
  });

  test('all of a rule must hold, and the trace names the first that does not', () => {
    const when: PolicyConditions = { secrets: ['*'], steps: { min: 1 }, rewritten: true };
    expect(decidePolicy(policy(rule('r', when, { deny: 'no' })), facts()).trace).toEqual([{ rule: 'r', held: false, failed: 'rewritten' }]);
  });
});

describe('the rule that decides', () => {
  const approve: PolicyConsequence = { approve: [{ count: 2, roles: ['operator'], notSubmitter: true }, ONE] };

  test('asks for what it says, whatever the options say', () => {
    for (const options of [ASKS, ...ASKS_NOBODY])
      expect(decidePolicy(policy(rule('two', {}, approve)), facts({ options }))).toMatchObject({ outcome: 'approve', ...approve2 });
  });
  const approve2 = { demands: [{ count: 2, roles: ['operator'], notSubmitter: true }, ONE] };

  test('`auto` asks nobody only where the options ask for nobody, and then also for destructive steps', () => {
    const may = policy(rule('may', {}, { auto: 'may' }));
    expect(decidePolicy(may, facts())).toMatchObject({ outcome: 'approve', demands: [ONE], rule: 'may' });
    const effects = { read: 0, write: 0, destructive: 2 };
    for (const options of ASKS_NOBODY)
      expect(decidePolicy(may, facts({ options, effects }))).toMatchObject({ outcome: 'auto', demands: [] });
  });

  test('`auto: always` asks nobody, whatever the options say', () => {
    expect(decidePolicy(policy(rule('always', {}, { auto: 'always' })), facts())).toMatchObject({ outcome: 'auto' });
  });

  test.each<[string, PolicyConditions, PolicyConsequence, 'auto' | 'approve']>([
    ['auto', {}, { auto: 'may' }, 'approve'],
    ['auto with rewritten: true', { rewritten: true }, { auto: 'may' }, 'approve'],
    ['auto: always', {}, { auto: 'always' }, 'approve'],
    ['auto: always with rewritten: true', { rewritten: true }, { auto: 'always' }, 'auto'],
  ])('a plan that a planner has rewritten needs a person unless the rule is made for it: %s', (_what, when, then, outcome) => {
    const options = { requireApproval: false, autoApprove: true };
    const decided = decidePolicy(policy(rule('r', when, then)), facts({ options, rewritten: true }));
    expect(decided).toMatchObject({ outcome, rule: 'r' });
    if (outcome === 'approve') expect(decided).toMatchObject({ demands: [ONE], reason: expect.stringContaining('a planner writes') });
  });

  test('is the first that holds', () => {
    const rules = [rule('not', { rewritten: true }, { deny: 'a' }), rule('first', {}, { deny: 'b' }), rule('second', {}, { deny: 'c' })];
    const decided = decidePolicy(policy(...rules), facts());
    expect(decided).toMatchObject({ rule: 'first', reason: 'b' });
    expect(decided.trace).toEqual([
      { rule: 'not', held: false, failed: 'rewritten' },
      { rule: 'first', held: true, failed: null },
    ]);
  });
});

test('a plain decision asks as many people as it is told', () => {
  expect([0, 1, 3].map((quorum) => quorumOf(plainDecision(quorum, 'x')))).toEqual([0, 1, 3]);
  expect(plainDecision(0, 'x')).toEqual({ version: DEFAULT_POLICY.version, rule: null, outcome: 'auto', demands: [], reason: 'x' });
});
