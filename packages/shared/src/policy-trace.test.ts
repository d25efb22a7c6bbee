import { expect, test } from 'vitest';
import { decidePolicy } from './decide-policy.ts';
import type { PolicyConditions, PolicyRule } from './policy.ts';
import type { PolicyFacts } from './policy-facts.ts';
import { explainTrace } from './policy-trace.ts';

const facts: PolicyFacts = {
  options: { requireApproval: true, autoApprove: false },
  effects: { read: 3, write: 1, destructive: 0 },
  tools: ['fs.read', 'fs.write'],
  steps: 4,
  submitter: { actor: 'ada', roles: ['submitter'] },
  costUsd: 0.5,
  origin: 'openai',
  rewritten: true,
  secrets: ['TEST_KEY'],
};

function because(when: PolicyConditions, more: Partial<PolicyFacts> = {}): string | undefined {
  const rules: PolicyRule[] = [
    { name: 'one', when, then: { auto: 'may' } },
    { name: 'rest', when: {}, then: { auto: 'may' } },
  ];
  const known = { ...facts, ...more };
  const { trace } = decidePolicy({ version: 'sha256:1', rules }, known);
  return explainTrace(trace, rules, known)[0]?.because;
}

test.each<[PolicyConditions, Partial<PolicyFacts>, string]>([
  [{ risk: ['destructive'] }, {}, 'the highest risk of its tools is write, not destructive'],
  [
    { effects: { read: { max: 2 }, destructive: { min: 1 } } },
    {},
    'it has 3 read steps, not at most 2, and it has 0 destructive steps, not at least 1',
  ],
  [{ tools: ['shell.*', 'mail.send'] }, {}, 'no tool of it fits shell.* or mail.send'],
  [{ onlyTools: ['fs.read'] }, {}, 'its tool fs.write does not fit fs.read'],
  [{ submitter: { actors: ['bob'] } }, {}, "it is ada's, who does not fit bob"],
  [{ submitter: { actors: ['ada'], roles: ['operator'] } }, {}, "it is ada's, who had the role submitter, not operator"],
  [{ submitter: { roles: ['operator'] } }, { submitter: { actor: 'ada', roles: [] } }, "it is ada's, who had no role, not operator"],
  [{ steps: { min: 200 } }, {}, 'it has 4 steps, not at least 200'],
  [{ steps: { min: 5, max: 5 } }, {}, 'it has 4 steps, not exactly 5'],
  [{ costUsd: { min: 1, max: 2 } }, {}, 'models took 0.5 US dollars for it, not 1 to 2'],
  [{ costUsd: { min: 1 } }, { costUsd: null }, 'what models took for it is not known'],
  [{ origin: ['manual', 'rules'] }, {}, 'the revision came from openai, not manual or rules'],
  [{ rewritten: false }, {}, 'a planner has rewritten it'],
  [{ rewritten: true }, { rewritten: false }, 'no planner has rewritten it'],
  [{ secrets: ['PROD_*'] }, {}, 'none of its secrets (TEST_KEY) fits PROD_*'],
  [{ secrets: ['*'] }, { secrets: [] }, 'it uses no secret'],
  [{ risk: ['write'], steps: { max: 4 } }, {}, 'its conditions hold: risk, steps'],
  [{}, {}, 'it has no conditions'],
])('%j with %j: %s', (when, more, words) => {
  expect(because(when, more)).toBe(words);
});

test('rules are told of up to the one that decides', () => {
  const rules: PolicyRule[] = ['a', 'b', 'c'].map((name) => ({
    name,
    when: name === 'a' ? { risk: ['read'] } : {},
    then: { auto: 'may' },
  }));
  const { trace } = decidePolicy({ version: 'sha256:1', rules }, facts);
  expect(explainTrace(trace, rules, facts).map(({ rule, matched }) => [rule, matched])).toEqual([
    ['a', false],
    ['b', true],
  ]);
});
