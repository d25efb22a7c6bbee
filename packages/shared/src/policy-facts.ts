/** What a policy can know of a plan. */
import type { JsonObject } from './json.ts';
import { type Effects, effectsOf, type Plan, type PlanContent, type PlanOptions, type RevisionOrigin, type Step } from './plan.ts';
import type { Submitter } from './policy.ts';
import { secretsByStep } from './secrets.ts';
import type { TotalUsage } from './task.ts';

export interface PolicyFacts {
  options: Pick<PlanOptions, 'requireApproval' | 'autoApprove'>;
  effects: Effects;
  /** the tool of each step */
  tools: readonly string[];
  steps: number;
  submitter: Submitter;
  /** US dollars; null where it isn't known */
  costUsd: number | null;
  origin: RevisionOrigin;
  rewritten: boolean;
  /** the names of the secrets that steps use */
  secrets: readonly string[];
}

/** What a content does not say of itself. */
export interface Circumstances {
  submitter: Submitter;
  origin: RevisionOrigin;
  /** a planner wrote it for a plan that was there */
  rewritten: boolean;
  /** what models took for it so far; absent: nothing */
  usage?: TotalUsage | undefined;
}

/** Where no model was asked nothing was spent; where one was, the cost is known only with prices. */
const costOf = (usage: TotalUsage | undefined): number | null => (usage === undefined || usage.calls === 0 ? 0 : usage.costUsd);

const ofSteps = (plan: { steps: readonly Pick<Step, 'id' | 'tool' | 'input'>[]; input: JsonObject }) => ({
  tools: plan.steps.map(({ tool }) => tool),
  steps: plan.steps.length,
  secrets: [...new Set([...secretsByStep(plan).values()].flat())],
});

/** The facts of a plan that is about to be stored. */
export const factsOf = (content: PlanContent, { submitter, origin, rewritten, usage }: Circumstances): PolicyFacts => ({
  options: content.options,
  effects: effectsOf(content),
  ...ofSteps(content),
  submitter,
  costUsd: costOf(usage),
  origin,
  rewritten,
});

/** The facts of a plan that is stored, as they are now. */
export const factsOfPlan = ({ options, effects, steps, input, policy, usage, origin, revision }: Plan): PolicyFacts => ({
  options,
  effects,
  ...ofSteps({ steps, input }),
  submitter: policy.submitter,
  costUsd: costOf(usage),
  origin,
  rewritten: isRewritten({ origin, revision }),
});

/** What comes first is written for a task, and what a person writes is theirs. */
const isRewritten = ({ origin, revision }: Pick<Plan, 'origin' | 'revision'>): boolean => revision > 1 && origin !== 'manual';
