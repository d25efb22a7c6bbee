/** Why a vote on a plan is not taken because of its policy, in words: what the policy says, and who could vote. */
import { type Actor, demandsText, type PlanSummary } from '@countersign/shared';
import type { Outcome, Refusal } from './contract.ts';
import { refused } from './outcome.ts';

export const isByPolicy = ({ code }: Refusal): boolean => code === 'policy_denied' || code === 'forbidden';

/** `plan` is as it is by now; null where it is gone. */
export function explained(refusal: Refusal, plan: PlanSummary | null, actor: Actor): Outcome<never> {
  if (plan === null) return { ok: false, refusal };
  const { rule, reason, demands, submitters } = plan.policy;
  switch (refusal.code) {
    case 'policy_denied':
      return refused('policy_denied', reason, { rule: rule ?? '' });
    case 'forbidden': {
      const own = submitters.includes(actor.id)
        ? 'the plan is yours'
        : `you have the role${actor.roles.length === 1 ? '' : 's'} ${actor.roles.join(', ')}`;
      return refused('forbidden', `your vote would count for nothing: ${own}, and the policy asks for ${demandsText(demands, submitters)}`);
    }
    default:
      return { ok: false, refusal };
  }
}
