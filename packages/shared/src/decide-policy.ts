/** The decision: what a policy says of a plan. */
import { fitsAny } from './pattern.ts';
import type { Effects } from './plan.ts';
import {
  DEFAULT_POLICY,
  type Demand,
  type PolicyConditions,
  type PolicyDecision,
  type PolicyInForce,
  type PolicyRule,
  type Range,
} from './policy.ts';
import type { PolicyFacts } from './policy-facts.ts';
import { RISKS, type Risk } from './tool-contract.ts';

/** What became of a rule that was looked at. */
export interface RuleTrace {
  rule: string;
  held: boolean;
  /** the first condition that did not hold; null where all did */
  failed: keyof PolicyConditions | null;
}

export interface PolicyVerdict extends PolicyDecision {
  /** in the policy's order, up to the rule that decided */
  trace: RuleTrace[];
}

const within = (number: number, { min, max }: Range): boolean =>
  (min === undefined || number >= min) && (max === undefined || number <= max);

/** The highest risk that some tool of a plan has. */
export const highestRisk = (effects: Effects): Risk => RISKS.findLast((risk) => effects[risk] > 0) ?? 'read';

type Checks = { [Name in keyof PolicyConditions]-?: (wanted: NonNullable<PolicyConditions[Name]>, facts: PolicyFacts) => boolean };

/** In the order in which they are looked at. */
const HOLDS: Checks = {
  risk: (risks, { effects }) => risks.includes(highestRisk(effects)),
  effects: (wanted, { effects }) => RISKS.every((risk) => within(effects[risk], wanted[risk] ?? {})),
  tools: (patterns, { tools }) => tools.some((tool) => fitsAny(tool, patterns)),
  onlyTools: (patterns, { tools }) => tools.every((tool) => fitsAny(tool, patterns)),
  submitter: ({ actors, roles }, { submitter }) =>
    (actors === undefined || fitsAny(submitter.actor, actors)) &&
    (roles === undefined || roles.some((role) => submitter.roles.includes(role))),
  steps: (range, { steps }) => within(steps, range),
  costUsd: (range, { costUsd }) => costUsd !== null && within(costUsd, range),
  origin: (origins, { origin }) => origins.includes(origin),
  rewritten: (wanted, { rewritten }) => wanted === rewritten,
  secrets: (patterns, { secrets }) => secrets.some((secret) => fitsAny(secret, patterns)),
};

function failedCondition(when: PolicyConditions, facts: PolicyFacts): keyof PolicyConditions | null {
  const holds = <Name extends keyof PolicyConditions>(name: Name): boolean => {
    const wanted = when[name];
    return wanted === undefined || (HOLDS[name] as (wanted: unknown, facts: PolicyFacts) => boolean)(wanted, facts);
  };
  return (Object.keys(HOLDS) as (keyof PolicyConditions)[]).find((name) => !holds(name)) ?? null;
}

type Decided = Pick<PolicyDecision, 'outcome' | 'demands' | 'reason'>;

const ONE_APPROVAL: Demand = { count: 1, roles: [], notSubmitter: false };
const auto = (reason: string): Decided => ({ outcome: 'auto', demands: [], reason });
const oneApproval = (reason: string): Decided => ({ outcome: 'approve', demands: [ONE_APPROVAL], reason });

/** Why the plan's options ask for nobody; null where they ask for somebody. */
function asksNobody({ options: { requireApproval, autoApprove } }: PolicyFacts): string | null {
  if (autoApprove) return 'autoApprove is true';
  return requireApproval ? null : 'requireApproval is false';
}

const ASKED = 'the plan asks for an approval';
/** What a planner read to rewrite a plan (outputs, errors, feedback) may have been meant to lead it astray. */
const REWRITTEN = 'but a revision that a planner writes always needs a person';

function byDefault(facts: PolicyFacts): Decided {
  const asked = asksNobody(facts);
  if (asked === null) return oneApproval(ASKED);
  if (facts.effects.destructive > 0) return oneApproval(`${asked}, but a plan with destructive steps always needs a person`);
  return facts.rewritten ? oneApproval(`${asked}, ${REWRITTEN}`) : auto(asked);
}

function byRule({ name, when, then }: PolicyRule, facts: PolicyFacts): Decided {
  if ('deny' in then) return { outcome: 'deny', demands: [], reason: then.deny };
  if ('approve' in then) return { outcome: 'approve', demands: then.approve, reason: `the rule "${name}" asks for it` };
  const asked = asksNobody(facts);
  if (then.auto === 'may' && asked === null) return oneApproval(ASKED);
  const why = then.auto === 'always' ? `the rule "${name}" asks nobody` : `${asked}, and the rule "${name}" allows it`;
  const isMeant = then.auto === 'always' && when.rewritten === true;
  return facts.rewritten && !isMeant ? oneApproval(`${why}, ${REWRITTEN}`) : auto(why);
}

/** The first rule whose every condition holds decides; where none does, the default. */
export function decidePolicy({ version, rules }: Pick<PolicyInForce, 'version' | 'rules'>, facts: PolicyFacts): PolicyVerdict {
  const trace: RuleTrace[] = [];
  for (const rule of rules) {
    const failed = failedCondition(rule.when, facts);
    trace.push({ rule: rule.name, held: failed === null, failed });
    if (failed === null) return { version, rule: rule.name, ...byRule(rule, facts), trace };
  }
  return { version, rule: null, ...byDefault(facts), trace };
}

/** The same, where somebody has to be asked after all: `why`, as in `..., but the API has another policy`. */
export const needingPerson = (verdict: PolicyVerdict, why: string): PolicyVerdict => ({
  ...verdict,
  ...oneApproval(`${verdict.reason}, but ${why}`),
});

/** What the default policy comes to where so many people are to be asked; 0: nobody. */
export const plainDecision = (quorum: number, reason: string): PolicyDecision => ({
  version: DEFAULT_POLICY.version,
  rule: null,
  outcome: quorum === 0 ? 'auto' : 'approve',
  demands: quorum === 0 ? [] : [{ ...ONE_APPROVAL, count: quorum }],
  reason,
});

/** The largest number of people that one demand asks for; 0 where nobody is asked. */
export const quorumOf = ({ demands }: Pick<PolicyDecision, 'demands'>): number => Math.max(0, ...demands.map(({ count }) => count));
