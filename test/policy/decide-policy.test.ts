/** What holds of every decision, whatever the rules are. */
import { decidePolicy, type PolicyFacts, type PolicyRule, RISKS, ROLES, type Role } from '@countersign/shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const TOOLS = ['fs.read', 'fs.write', 'shell.run', 'http.request'];
const roles = fc.subarray([...ROLES]) as fc.Arbitrary<Role[]>;
const someRoles = fc.subarray([...ROLES], { minLength: 1 }) as fc.Arbitrary<Role[]>;
const amount = fc.integer({ min: 0, max: 4 });
const range = fc.record({ min: amount, max: amount }, { requiredKeys: [] });
const patterns = fc.array(fc.constantFrom('*', 'fs.*', '*.run', 'shell.run', 'a*', 'ada'), { minLength: 1, maxLength: 2 });

const facts: fc.Arbitrary<PolicyFacts> = fc.record({
  options: fc.record({ requireApproval: fc.boolean(), autoApprove: fc.boolean() }),
  effects: fc.record({ read: amount, write: amount, destructive: amount }),
  tools: fc.array(fc.constantFrom(...TOOLS), { minLength: 1, maxLength: 4 }),
  steps: fc.integer({ min: 1, max: 4 }),
  submitter: fc.record({ actor: fc.constantFrom('ada', 'bob'), roles }),
  costUsd: fc.option(fc.double({ min: 0, max: 4, noNaN: true })),
  origin: fc.constantFrom('manual', 'openai', 'rules', 'template'),
  rewritten: fc.boolean(),
  secrets: fc.subarray(['ada', 'KEY']),
});

const demand = fc.record({ count: fc.integer({ min: 1, max: 3 }), roles, notSubmitter: fc.boolean() });
const conditions = {
  risk: fc.subarray([...RISKS], { minLength: 1 }),
  effects: fc.record({ write: range, destructive: range }, { requiredKeys: [] }),
  tools: patterns,
  onlyTools: patterns,
  submitter: fc.record({ actors: patterns, roles: someRoles }, { requiredKeys: [] }),
  steps: range,
  costUsd: range,
  origin: fc.subarray(['manual', 'openai', 'rules', 'template'] as const, { minLength: 1 }),
  rewritten: fc.boolean(),
  secrets: patterns,
};
/** At most two conditions, so that they hold often enough. */
const when: fc.Arbitrary<PolicyRule['when']> = fc
  .tuple(fc.record(conditions), fc.subarray(Object.keys(conditions) as (keyof typeof conditions)[], { maxLength: 2 }))
  .map(([all, chosen]) => Object.fromEntries(chosen.map((name) => [name, all[name]])));
const then: fc.Arbitrary<PolicyRule['then']> = fc.oneof(
  fc.record({ auto: fc.constantFrom('may' as const, 'always' as const) }),
  fc.record({ approve: fc.array(demand, { minLength: 1, maxLength: 3 }) }),
  fc.record({ deny: fc.string({ minLength: 1 }) }),
);
const rules: fc.Arbitrary<PolicyRule[]> = fc
  .array(fc.record({ when, then }), { maxLength: 5 })
  .map((all) => all.map((rule, index) => ({ name: `rule ${index}`, ...rule })));

const decide = (list: PolicyRule[], of: PolicyFacts) => decidePolicy({ version: 'sha256:v', rules: list }, of);
const check = (holds: (list: PolicyRule[], of: PolicyFacts) => void): void => {
  fc.assert(fc.property(rules, facts, holds), { numRuns: 500 });
};

test('the same rules and facts come to the same decision', () => {
  check((list, of) => {
    expect(decide(structuredClone(list), structuredClone(of))).toEqual(decide(list, of));
  });
});

test('the first rule that holds decides, and each before it did not hold', () => {
  check((list, of) => {
    const { rule, trace } = decide(list, of);
    const first = list.findIndex((each) => decide([each], of).rule !== null);
    expect(rule).toBe(list[first]?.name ?? null);
    const looked = first === -1 ? list : list.slice(0, first + 1);
    expect(trace.map(({ rule: name, held }) => [name, held])).toEqual(looked.map(({ name }, at) => [name, at === first]));
    for (const { held, failed } of trace) expect(held).toBe(failed === null);
  });
});

test('a rule behind the one that decides changes nothing', () => {
  fc.assert(
    fc.property(rules, facts, fc.record({ when, then }), (list, of, more) => {
      const decided = decide(list, of);
      fc.pre(decided.rule !== null);
      expect(decide([...list, { name: 'one more', ...more }], of)).toEqual(decided);
    }),
    { numRuns: 500 },
  );
});

test('a decision asks somebody, nobody or never, and one thing of these only', () => {
  check((list, of) => {
    const { outcome, demands } = decide(list, of);
    expect(demands.length > 0).toBe(outcome === 'approve');
  });
});

test('what a planner has rewritten starts by itself only by a rule that is made for it', () => {
  check((list, of) => {
    const { outcome, rule } = decide(list, { ...of, rewritten: true });
    if (outcome !== 'auto') return;
    expect(list.find(({ name }) => name === rule)).toMatchObject({ when: { rewritten: true }, then: { auto: 'always' } });
  });
});

test('where the plan asks for an approval only `auto: always` lets it through', () => {
  check((list, of) => {
    const { outcome, rule } = decide(list, { ...of, options: { requireApproval: true, autoApprove: false } });
    if (outcome === 'auto') expect(list.find(({ name }) => name === rule)?.then).toEqual({ auto: 'always' });
  });
});
