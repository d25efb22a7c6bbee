/** Why a rule of a policy held or did not, in words. */
import type { RuleTrace } from './decide-policy.ts';
import { highestRisk } from './decide-policy.ts';
import { fitsAny } from './pattern.ts';
import type { PolicyConditions, PolicyRule, Range } from './policy.ts';
import type { PolicyFacts } from './policy-facts.ts';
import { RISKS } from './tool-contract.ts';

/** A rule that was looked at, for people. */
export interface ExplainedRule {
  rule: string;
  matched: boolean;
  because: string;
}

const anyOf = (words: readonly (string | number)[]): string => words.join(' or ');

function rangeText({ min, max }: Range): string {
  if (min === undefined) return `at most ${max}`;
  if (max === undefined) return `at least ${min}`;
  return min === max ? `exactly ${min}` : `${min} to ${max}`;
}

const within = (number: number, { min = 0, max = Number.POSITIVE_INFINITY }: Range): boolean => number >= min && number <= max;

type Reasons = { [Name in keyof PolicyConditions]-?: (wanted: NonNullable<PolicyConditions[Name]>, facts: PolicyFacts) => string };

/** What is so instead, where a condition does not hold. */
const INSTEAD: Reasons = {
  risk: (risks, { effects }) => `the highest risk of its tools is ${highestRisk(effects)}, not ${anyOf(risks)}`,
  effects: (wanted, { effects }) =>
    RISKS.filter((risk) => !within(effects[risk], wanted[risk] ?? {}))
      .map((risk) => `it has ${effects[risk]} ${risk} steps, not ${rangeText(wanted[risk] ?? {})}`)
      .join(', and '),
  tools: (patterns) => `no tool of it fits ${anyOf(patterns)}`,
  onlyTools: (patterns, { tools }) => `its tool ${tools.find((tool) => !fitsAny(tool, patterns))} does not fit ${anyOf(patterns)}`,
  submitter: ({ actors, roles = [] }, { submitter }) =>
    actors !== undefined && !fitsAny(submitter.actor, actors)
      ? `it is ${submitter.actor}'s, who does not fit ${anyOf(actors)}`
      : `it is ${submitter.actor}'s, who had ${submitter.roles.length === 0 ? 'no role' : `the role ${submitter.roles.join(', ')}`}, not ${anyOf(roles)}`,
  steps: (range, { steps }) => `it has ${steps} steps, not ${rangeText(range)}`,
  costUsd: (range, { costUsd }) =>
    costUsd === null ? 'what models took for it is not known' : `models took ${costUsd} US dollars for it, not ${rangeText(range)}`,
  origin: (origins, { origin }) => `the revision came from ${origin}, not ${anyOf(origins)}`,
  rewritten: (_, { rewritten }) => (rewritten ? 'a planner has rewritten it' : 'no planner has rewritten it'),
  secrets: (patterns, { secrets }) =>
    secrets.length === 0 ? 'it uses no secret' : `none of its secrets (${secrets.join(', ')}) fits ${anyOf(patterns)}`,
};

function because({ when }: PolicyRule, failed: RuleTrace['failed'], facts: PolicyFacts): string {
  if (failed !== null) return (INSTEAD[failed] as (wanted: unknown, facts: PolicyFacts) => string)(when[failed], facts);
  const names = Object.keys(when).filter((name) => when[name as keyof PolicyConditions] !== undefined);
  return names.length === 0 ? 'it has no conditions' : `its conditions hold: ${names.join(', ')}`;
}

/** The rules that were looked at, with why each held or did not. `rules` are those of the policy that `trace` is from. */
export function explainTrace(trace: readonly RuleTrace[], rules: readonly PolicyRule[], facts: PolicyFacts): ExplainedRule[] {
  const named = new Map(rules.map((rule) => [rule.name, rule]));
  return trace.map(({ rule, held, failed }) => ({
    rule,
    matched: held,
    because: because(named.get(rule) ?? { name: rule, when: {}, then: { auto: 'may' } }, failed, facts),
  }));
}
