/** What people do to a plan under way, and to one that has failed. */
import type { Json } from '@countersign/shared';
import type { GateDecision, PlanStore } from './contract.ts';
import type { Decide } from './decide.ts';

type Hands = Pick<PlanStore, 'pausePlan' | 'resumePlan' | 'retryPlan' | 'retryStep' | 'skipStep' | 'approveGate' | 'rejectGate'>;

const dataText = (data: Json | undefined): string => (data === undefined ? '' : JSON.stringify(data));

export function planHands(decide: Decide): Hands {
  const vote = (script: string, verb: string) => (planId: string, stepId: string, given: GateDecision) =>
    decide(script, planId, {
      verb,
      stepId,
      idempotency: given.idempotency,
      args: [stepId, given.actor.id, JSON.stringify(given.comment ?? null), dataText(given.data)],
    });
  return {
    pausePlan: (planId, { actor, idempotency }) => decide('pause-plan', planId, { verb: 'pause', idempotency, args: [actor.id] }),
    resumePlan: (planId, { actor, idempotency }) => decide('resume-plan', planId, { verb: 'resume', idempotency, args: [actor.id] }),
    retryPlan: (planId, { actor, from, idempotency }) =>
      decide('retry-plan', planId, { verb: 'retry', idempotency, args: [actor.id, from === undefined ? '' : JSON.stringify(from)] }),
    retryStep: (planId, stepId, { actor, idempotency }) =>
      decide('retry-step', planId, { verb: 'retry', stepId, idempotency, args: [stepId, actor.id] }),
    skipStep: (planId, stepId, { actor, idempotency }) =>
      decide('skip-step', planId, { verb: 'skip', stepId, idempotency, args: [stepId, actor.id] }),
    approveGate: vote('approve-gate', 'approve'),
    rejectGate: vote('reject-gate', 'reject'),
  };
}
