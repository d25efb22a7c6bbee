/** What policy demands of a plan, and how its votes meet that. */
import type { Demand, JsonObject } from '@countersign/shared';
import type { PlanState, PlanVote } from './plan-state.ts';

export function countsFor({ submitters }: PlanState, { roles, notSubmitter }: Demand, vote: PlanVote): boolean {
  if (notSubmitter && submitters.includes(vote.actor)) return false;
  return roles.length === 0 || vote.roles.some((role) => roles.includes(role));
}

/** How many votes meet each demand, at most as many as it asks for. */
export const metOf = (state: PlanState): number[] =>
  state.decision.demands.map((demand) => Math.min(demand.count, state.votes.filter((vote) => countsFor(state, demand, vote)).length));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

export const haveOf = (state: PlanState): number => sum(metOf(state));
export const needOf = ({ decision }: PlanState): number => sum(decision.demands.map(({ count }) => count));

/** The most people that one demand asks for. */
export const quorumOf = ({ decision }: Pick<PlanState, 'decision'>): number => Math.max(0, ...decision.demands.map(({ count }) => count));

/** What people are told that they are asked. */
export const asked = ({ digest, decision }: Pick<PlanState, 'digest' | 'decision'>): JsonObject => ({
  digest,
  quorum: quorumOf({ decision }),
  policy: { ...decision, demands: decision.demands.map((demand) => ({ ...demand })) },
});
