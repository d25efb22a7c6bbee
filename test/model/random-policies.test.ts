/**
 * Random policies and random plans: what is decided, held against the first rule that fits as a reader of the file would find
 * it. POLICY_SEED sets the seed, which is printed.
 */
import { decidePolicy, type Json, type PolicyFacts, type PolicyRule, RISKS, ROLES, readPolicy } from '@countersign/shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const seed = Number(process.env.POLICY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const numRuns = 2_000;
console.log(`POLICY_SEED=${seed} repeats these policies`);

const TOOLS = ['fs.read', 'fs.write', 'shell.run', 'mail.send'] as const;
const SECRETS = ['PROD_KEY', 'TEST_KEY'] as const;
const ORIGINS = ['manual', 'openai', 'rules', 'template'] as const;

const some = <Value>(values: readonly Value[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const patterns = (values: readonly string[]) => some([...values, '*', ...values.map((value) => `${value.slice(0, 3)}*`)]);
const range = fc
  .tuple(fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }), fc.integer({ min: 0, max: 4 }), fc.boolean())
  .map(([min, more, hasMax]) => ({ ...(min !== undefined && { min }), ...((hasMax || min === undefined) && { max: (min ?? 0) + more }) }));
const optional = { requiredKeys: [] };

const when = fc
  .record(
    {
      risk: some(RISKS),
      effects: fc.record({ write: range, destructive: range }),
      tools: patterns(TOOLS),
      onlyTools: patterns(TOOLS),
      submitter: fc.record({ actors: patterns(['ada', 'bob']), roles: some(ROLES) }),
      steps: range,
      costUsd: range,
      origin: some(ORIGINS),
      rewritten: fc.boolean(),
      secrets: patterns(SECRETS),
    },
    optional,
  )
  // Rules of ten conditions hold for nothing.
  .chain((all) => fc.shuffledSubarray(Object.entries(all), { maxLength: 2 }))
  .map((entries) => Object.fromEntries(entries));

const demand = fc.record({ count: fc.integer({ min: 1, max: 3 }), roles: some(ROLES), notSubmitter: fc.boolean() });
const then = fc.oneof(
  fc.constant('auto'),
  fc.constant({ auto: 'always' }),
  fc.record({ approve: fc.array(demand, { minLength: 1, maxLength: 3 }) }),
  fc.constant({ deny: 'never' }),
);
const rules = fc
  .array(fc.record({ when, then }), { minLength: 1, maxLength: 6 })
  .map((list) => list.map((rule, index) => ({ name: `r${index}`, ...rule })))
  // What stands behind a rule for everything is a mistake that readPolicy refuses.
  .map((list) => list.slice(0, 1 + list.findIndex((rule) => Object.keys(rule.when).length === 0) || list.length));

const facts: fc.Arbitrary<PolicyFacts> = fc
  .record({
    options: fc.record({ requireApproval: fc.boolean(), autoApprove: fc.boolean() }),
    steps: fc.array(fc.record({ tool: fc.constantFrom(...TOOLS), risk: fc.constantFrom(...RISKS) }), { minLength: 1, maxLength: 5 }),
    submitter: fc.record({ actor: fc.constantFrom('ada', 'bob', 'cas'), roles: some(ROLES) }),
    costUsd: fc.option(fc.integer({ min: 0, max: 5 })),
    origin: fc.constantFrom(...ORIGINS),
    rewritten: fc.boolean(),
    secrets: fc.uniqueArray(fc.constantFrom(...SECRETS)),
  })
  .map(({ steps, ...rest }) => ({
    ...rest,
    tools: steps.map(({ tool }) => tool),
    steps: steps.length,
    effects: Object.fromEntries(RISKS.map((risk) => [risk, steps.filter((step) => step.risk === risk).length])) as PolicyFacts['effects'],
  }));

const matches = (name: string, list: readonly string[]): boolean =>
  list.some((pattern) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(name));
const inside = (number: number, { min, max }: { min?: number | undefined; max?: number | undefined }): boolean =>
  !(min !== undefined && number < min) && !(max !== undefined && number > max);

/** Whether a rule is for this plan, read from the page of policies and from nothing else. */
function isFor({ when: wanted }: PolicyRule, plan: PolicyFacts): boolean {
  const { risk, effects, tools, onlyTools, submitter, steps, costUsd, origin, rewritten, secrets } = wanted;
  const highest = plan.effects.destructive > 0 ? 'destructive' : plan.effects.write > 0 ? 'write' : 'read';
  return [
    risk === undefined || risk.includes(highest),
    effects === undefined || RISKS.every((each) => effects[each] === undefined || inside(plan.effects[each], effects[each])),
    tools === undefined || plan.tools.some((tool) => matches(tool, tools)),
    onlyTools === undefined || !plan.tools.some((tool) => !matches(tool, onlyTools)),
    submitter?.actors === undefined || matches(plan.submitter.actor, submitter.actors),
    submitter?.roles === undefined || submitter.roles.some((role) => plan.submitter.roles.includes(role)),
    steps === undefined || inside(plan.steps, steps),
    costUsd === undefined || (plan.costUsd !== null && inside(plan.costUsd, costUsd)),
    origin === undefined || origin.includes(plan.origin),
    rewritten === undefined || rewritten === plan.rewritten,
    secrets === undefined || plan.secrets.some((secret) => matches(secret, secrets)),
  ].every(Boolean);
}

async function read(document: Json) {
  const reading = await readPolicy({ rules: document });
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.policy;
}

describe('a random policy on a random plan', () => {
  test('never asks for less than the first rule that fits says', async () => {
    const seen = new Set<string>();
    const property = fc.asyncProperty(rules, facts, async (list, plan) => {
      const policy = await read(list as Json);
      const decided = decidePolicy(policy, plan);
      const first = policy.rules.find((rule) => isFor(rule, plan));
      expect(decided.rule).toBe(first?.name ?? null);
      const { then: says } = first ?? { then: null };
      const asksNobody = plan.options.autoApprove || !plan.options.requireApproval;
      const needsNobody =
        says === null
          ? asksNobody && plan.effects.destructive === 0 && !plan.rewritten
          : 'auto' in says &&
            (says.auto === 'always' || asksNobody) &&
            (!plan.rewritten || (says.auto === 'always' && first?.when.rewritten === true));
      if (says !== null && 'deny' in says) expect(decided).toMatchObject({ outcome: 'deny', demands: [], reason: 'never' });
      else if (says !== null && 'approve' in says) expect(decided).toMatchObject({ outcome: 'approve', demands: says.approve });
      else if (needsNobody) expect(decided).toMatchObject({ outcome: 'auto', demands: [] });
      else expect(decided).toMatchObject({ outcome: 'approve', demands: [{ count: 1, roles: [], notSubmitter: false }] });
      seen.add(`${first === undefined ? 'default' : 'rule'} ${decided.outcome}`);
    });
    await fc.assert(property, { seed, numRuns });
    expect([...seen].sort()).toEqual(['default approve', 'default auto', 'rule approve', 'rule auto', 'rule deny']);
  });

  test('is decided by nothing that stands behind the rule that fits', async () => {
    const property = fc.asyncProperty(rules, rules, facts, async (list, more, plan) => {
      const [{ trace, ...short }, policy] = await read(list as Json).then((made) => [decidePolicy(made, plan), made] as const);
      fc.pre(short.rule !== null);
      const behind = [...policy.rules, ...(await read(more as Json)).rules.map((rule) => ({ ...rule, name: `more-${rule.name}` }))];
      const { trace: longTrace, ...long } = decidePolicy({ version: policy.version, rules: behind }, plan);
      expect([long, longTrace]).toEqual([short, trace]);
    });
    await fc.assert(property, { seed, numRuns: numRuns / 4 });
  });
});
