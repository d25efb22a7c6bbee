/** Holds what the API acknowledged against what was written: an answer 200 is never taken back. */
import type { EventType } from '@countersign/shared';
import type { Ack, Observed, Violation } from './observed.ts';

/** The event that each change leaves. */
const LEAVES: Readonly<Record<Ack['do'], EventType>> = {
  approve: 'plan.voted',
  reject: 'plan.rejected',
  cancel: 'plan.cancelled',
  pause: 'plan.paused',
  resume: 'plan.resumed',
  revise: 'plan.revised',
  retry: 'plan.retried',
  retry_step: 'plan.retried',
  approve_gate: 'step.approved',
  reject_gate: 'step.rejected',
  skip: 'step.skipped',
};

/** I1: each change that was acknowledged stands in the plan's events, but for what a cut of the append-only file may have taken. */
export function acknowledged({ plans, faults }: Observed): Violation[] {
  return plans.flatMap(({ id, acks, audit }) => {
    const kept = acks.filter(
      ({ status, answeredAt }) =>
        status === 200 && !faults.some(({ lostSince, until }) => lostSince !== null && lostSince <= answeredAt && answeredAt <= until),
    );
    const violations: Violation[] = [];
    for (const [what, type] of Object.entries(LEAVES) as [Ack['do'], EventType][]) {
      const steps = new Set(kept.filter((ack) => ack.do === what).map(({ stepId }) => stepId));
      for (const stepId of steps) {
        const told = kept.filter((ack) => ack.do === what && ack.stepId === stepId).length;
        // A retry of one step is written as one of the plan.
        const written = audit.events.filter((event) => event.type === type && (type.startsWith('plan.') || event.stepId === stepId)).length;
        if (told > written)
          violations.push({
            invariant: 'I1',
            planId: id,
            stepId: stepId ?? null,
            what: `${told} times ${what} was acknowledged, and ${written} times written`,
          });
      }
    }
    return violations;
  });
}
