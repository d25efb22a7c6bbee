/** How votes meet what a policy demands, and what is missing, in words. */
import type { Role } from './actor.ts';
import { count } from './markdown-text.ts';
import type { CountedDemand, Demand } from './policy.ts';

export interface Voter {
  actor: string;
  /** at the time of the vote; empty where they were not recorded */
  roles: readonly Role[];
}

/** Whether a vote counts towards a demand. `submitters` are those whose plan it is. */
const countsTowards = ({ roles, notSubmitter }: Demand, voter: Voter, submitters: readonly string[]): boolean =>
  (roles.length === 0 || voter.roles.some((role) => roles.includes(role))) && !(notSubmitter && submitters.includes(voter.actor));

/** A vote can count towards several demands, an actor once towards each. */
export const countVotes = (demands: readonly Demand[], votes: readonly Voter[], submitters: readonly string[]): CountedDemand[] =>
  demands.map((demand) => {
    const actors = new Set(votes.filter((vote) => countsTowards(demand, vote, submitters)).map(({ actor }) => actor));
    return { ...demand, have: Math.min(demand.count, actors.size) };
  });

/** What is needed, and what is there, of all demands together. */
export const sumOf = (demands: readonly CountedDemand[]): { count: number; have: number } => ({
  count: demands.reduce((sum, demand) => sum + demand.count, 0),
  have: demands.reduce((sum, demand) => sum + demand.have, 0),
});

const ARTICLE: Record<Role, 'a' | 'an'> = { viewer: 'a', submitter: 'a', approver: 'an', operator: 'an', admin: 'an' };

/** `1 approval by an operator, not ada`. */
function demandText({ roles, notSubmitter }: Demand, number: number, submitters: readonly string[]): string {
  const who: readonly Role[] = roles.length === 0 ? ['approver'] : roles;
  const by = number === 1 ? who.map((role) => `${ARTICLE[role]} ${role}`) : who.map((role) => `${role}s`);
  const not = notSubmitter ? `, not ${submitters.join(' or ') || 'who submitted it'}` : '';
  return `${count(number, 'approval')} by ${number === 1 ? '' : 'different '}${by.join(' or ')}${not}`;
}

/** All that is demanded, in words. */
export const demandsText = (demands: readonly Demand[], submitters: readonly string[]): string =>
  demands.map((demand) => demandText(demand, demand.count, submitters)).join(', and ');

/** Whether a number says all of it: one demand that anybody can meet who may approve. */
export const isPlain = (demands: readonly Demand[]): boolean =>
  demands.length < 2 && demands.every(({ roles, notSubmitter }) => roles.length === 0 && !notSubmitter);

/** What is still missing, in words; '' where nothing is. */
export const missingText = (demands: readonly CountedDemand[], submitters: readonly string[]): string =>
  demands
    .filter(({ count, have }) => have < count)
    .map((demand) => demandText(demand, demand.count - demand.have, submitters))
    .join(', and ');
