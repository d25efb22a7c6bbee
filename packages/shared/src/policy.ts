/**
 * Policy: who must approve what.
 *
 * - **policy**: a list of rules. The first one whose every condition holds decides; where none does, the default: one
 *   approval, or none where the plan's options ask for none, nothing in it is destructive and no planner has rewritten it.
 * - **outcome**: `auto` (nobody is asked), `approve` (people are), `deny`.
 * - **demand**: how many different people must approve, which roles they must have one of, and whether they must be others
 *   than those who submitted the plan. Every demand must be met; one vote can count for several.
 * - **version**: the digest of a policy as its author wrote it. A vote is on a plan's digest under one version.
 */
import type { Role } from './actor.ts';
import type { PlannerName } from './task.ts';
import type { Risk } from './tool-contract.ts';

export interface Demand {
  /** how many different people, at least 1 */
  count: number;
  /** they have one of these; empty: whoever may approve at all */
  roles: Role[];
  /** they have not created the plan or its task, nor written its current revision or asked for it, nor handed it in */
  notSubmitter: boolean;
}

/** A demand with how many votes meet it, at most `count`. */
export interface CountedDemand extends Demand {
  have: number;
}

/** What was decided about a revision, as it is kept with it. */
export interface PolicyDecision {
  /** of the policy */
  version: string;
  /** the name of the rule; null: the default */
  rule: string | null;
  outcome: 'auto' | 'approve' | 'deny';
  /** of `approve`, at least one; else none */
  demands: Demand[];
  /** for people; of a denial the policy's own message */
  reason: string;
}

/** Whose plan it is: who wrote the current revision, or asked a planner for it. */
export interface Submitter {
  actor: string;
  /** those that they had then */
  roles: Role[];
}

/** What policy says of a plan's current revision, and how far that is met. */
export interface PlanPolicy extends Omit<PolicyDecision, 'demands'> {
  demands: CountedDemand[];
  submitter: Submitter;
  /** whose votes don't count where a demand has `notSubmitter` */
  submitters: string[];
}

/** Both ends belong to it. */
export interface Range {
  min?: number | undefined;
  max?: number | undefined;
}

/** All that are there must hold. */
export interface PolicyConditions {
  /** the highest risk among the plan's tools is one of these */
  risk?: Risk[] | undefined;
  /** how many steps of a risk there are */
  effects?: { [risk in Risk]?: Range | undefined } | undefined;
  /** some step's tool fits one of these patterns */
  tools?: string[] | undefined;
  /** every step's tool fits one of these patterns */
  onlyTools?: string[] | undefined;
  /** who wrote the current revision, or asked for it */
  submitter?: { actors?: string[] | undefined; roles?: Role[] | undefined } | undefined;
  /** how many steps there are */
  steps?: Range | undefined;
  /** what models took for the plan so far, in US dollars; holds for no plan whose cost isn't known */
  costUsd?: Range | undefined;
  /** where the current revision came from */
  origin?: ('manual' | PlannerName)[] | undefined;
  /** whether the current revision is a planner's, for a plan that was there */
  rewritten?: boolean | undefined;
  /** some step uses a secret whose name fits one of these patterns */
  secrets?: string[] | undefined;
}

/** `may`: nobody is asked where the plan's options ask for nobody. `always`: whatever they say. */
export type PolicyConsequence = { auto: 'may' | 'always' } | { approve: Demand[] } | { deny: string };

export interface PolicyRule {
  name: string;
  when: PolicyConditions;
  then: PolicyConsequence;
}

/** A policy with what names it. */
export interface PolicyInForce {
  /** `sha256:` and hex, of the canonical JSON of what its author wrote */
  version: string;
  /** the author's own name for it */
  label: string | null;
  rules: PolicyRule[];
}

/** No rules: the default decides. */
export const DEFAULT_POLICY: PolicyInForce = {
  version: 'sha256:14a56b164595fe0c7b6e17127b3f3874c427c7e00bbb588a3d2e6d99cc608d8b',
  label: 'default',
  rules: [],
};
