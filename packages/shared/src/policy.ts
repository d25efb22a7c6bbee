/** Policy: whether a plan needs people, and how many, decided from its options and its risk. */
import type { Effects, PlanOptions } from './plan.ts';

export interface PolicyDecision {
  /** how many different people must approve; 0: nobody */
  quorum: number;
  /** the rule that decided, in words */
  reason: string;
}

/**
 * The policy of a fresh install: a plan needs one approval. `requireApproval: false` or `autoApprove: true` lets a plan
 * through without a person, unless it holds a destructive step, or is `rewritten`: a planner wrote it anew, and what it read
 * to do so (outputs, errors, feedback) may have been meant to lead it astray.
 */
export function decidePolicy(
  options: Pick<PlanOptions, 'requireApproval' | 'autoApprove'>,
  effects: Effects,
  { rewritten = false }: { rewritten?: boolean } = {},
): PolicyDecision {
  if (options.requireApproval && !options.autoApprove) return { quorum: 1, reason: 'the plan asks for an approval' };
  const asked = options.autoApprove ? 'autoApprove is true' : 'requireApproval is false';
  if (effects.destructive > 0) return { quorum: 1, reason: `${asked}, but a plan with destructive steps always needs a person` };
  if (rewritten) return { quorum: 1, reason: `${asked}, but a revision that a planner writes always needs a person` };
  return { quorum: 0, reason: asked };
}
