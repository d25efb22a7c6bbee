/** What deadlines do once they have passed, pauses, and the time that stands still meanwhile. */
import { admit, finish, start, stop } from './building-blocks.ts';
import { type Change, movePlan, note, patchPlan, patchStep } from './changes.ts';
import type { CommandOf, DueDone } from './commands.ts';
import { expireGate, gateDeadline } from './gates.ts';
import { type PlanState, runsOf } from './plan-state.ts';
import { type Applied, done, ticked, unchanged, wrongState } from './replies.ts';

/** Does everything that is due, the earliest first; at the same time gates by their ids, and the plan's time after them. */
export function tick(state: PlanState, now: number): Applied {
  let change = unchanged(state, now);
  const due: DueDone[] = [];
  const { startAt } = state.content.options;
  if (state.status === 'approved' && startAt !== null && Date.parse(startAt) <= now) {
    change = start(change);
    due.push({ what: 'plan_started', stepId: null });
  }
  if (isExpired(state, now)) {
    change = expire(change);
    due.push({ what: 'plan_expired', stepId: null });
  }
  for (;;) {
    const gate = overdueGate(change);
    const timeout = isTimedOut(change.state, now) ? (change.state.timeoutAt ?? now) : Number.POSITIVE_INFINITY;
    if (gate !== null && gate.deadline <= timeout) {
      change = expireGate(change, gate.stepId);
      due.push({ what: 'gate_expired', stepId: gate.stepId });
    } else if (timeout <= now) {
      change = stop(change, { kind: 'plan_timeout', stepId: null });
      due.push({ what: 'plan_timed_out', stepId: null });
    } else break;
  }
  return ticked(change, due);
}

export const isExpired = ({ status, approvalDeadline }: PlanState, now: number): boolean =>
  status === 'pending_approval' && approvalDeadline !== null && approvalDeadline <= now;

export const expire = (change: Change): Change => movePlan(change, 'expired', { type: 'plan.expired', data: {} });

const isTimedOut = ({ status, stopping, timeoutAt }: PlanState, now: number): boolean =>
  status === 'executing' && stopping === null && timeoutAt !== null && timeoutAt <= now;

function overdueGate({ state, now }: Change): { stepId: string; deadline: number } | null {
  const [first] = state.steps
    .map((step) => ({ stepId: step.id, deadline: gateDeadline(step) ?? Number.POSITIVE_INFINITY }))
    .filter(({ deadline }) => deadline <= now)
    .sort((one, other) => one.deadline - other.deadline || (one.stepId < other.stepId ? -1 : 1));
  return first ?? null;
}

export function pause(state: PlanState, { actor }: CommandOf<'pause'>, now: number): Applied {
  if (state.status !== 'executing') return wrongState(state, state);
  const timeLeft = state.timeoutAt === null ? null : Math.max(0, state.timeoutAt - now);
  const paused = movePlan(unchanged(state, now), 'paused', { type: 'plan.paused', actor, data: {} });
  return done(patchPlan(paused, { timeoutAt: null, timeLeft }));
}

export function resume(state: PlanState, { actor }: CommandOf<'resume'>, now: number): Applied {
  if (state.status !== 'paused') return wrongState(state, state);
  const timeoutAt = state.timeLeft === null ? null : now + state.timeLeft;
  let next = movePlan(unchanged(state, now), 'executing', { type: 'plan.resumed', actor, data: {} });
  next = patchPlan(next, { timeoutAt, timeLeft: null });
  for (const { id, status, attempt, delivery: last, notBefore, parked } of runsOf(state)) {
    const delivery = last + 1;
    if (status === 'queued') {
      next = note(patchStep(next, id, { delivery }), { type: 'step.queued', stepId: id, attempt, data: { delivery } });
    } else if (status === 'retrying' && !parked) {
      next = patchStep(next, id, notBefore <= now ? { parked: true } : { delivery });
    }
  }
  return done(finish(admit(next)));
}
