/** People's votes on gates. */
import { admit, failForGood } from './building-blocks.ts';
import { type Change, moveStep, note, patchStep } from './changes.ts';
import type { CommandOf } from './commands.ts';
import { type GateState, type PlanState, type StepState, stepOf } from './plan-state.ts';
import { type Applied, done, refused, tooLate, unchanged, wrongState } from './replies.ts';

type Vote = CommandOf<'approveGate' | 'rejectGate'>;

const waitingGate = ({ status, gate }: StepState): GateState | null => (status === 'awaiting_approval' ? gate : null);

/** When the step's gate is decided without people; null when it waits for nobody, or without end. */
export const gateDeadline = (step: StepState): number | null => waitingGate(step)?.deadline ?? null;

export function expireGate(change: Change, stepId: string): Change {
  const gate = waitingGate(stepOf(change.state, stepId));
  if (gate === null) throw new Error(`step ${stepId} asks nobody`);
  const expired = patchStep(change, stepId, { gate: { ...gate, decision: 'expired' } });
  return failForGood(expired, stepId, { code: 'expired', retryable: false });
}

export function voteOnGate(state: PlanState, command: Vote, now: number): Applied {
  const { actor, stepId } = command;
  const step = stepOf(state, stepId);
  const deadline = gateDeadline(step);
  if (deadline !== null && deadline <= now) {
    const expired = expireGate(unchanged(state, now), stepId);
    return tooLate(expired, stepOf(expired.state, stepId));
  }
  const gate = waitingGate(step);
  if (gate === null) return wrongState(state, step);
  if (gate.votes.some((vote) => vote.actor === actor)) return refused(state, 'already_voted');
  return done((command.do === 'approveGate' ? approve : reject)(unchanged(state, now), gate, command));
}

function approve(change: Change, gate: GateState, command: Vote): Change {
  const { actor, stepId, comment, data = null } = command;
  const voted = withVote(gate, command);
  const have = voted.votes.length;
  const { need } = gate;
  const noted = note(patchStep(change, stepId, { gate: voted }), {
    type: 'step.approved',
    stepId,
    attempt: stepOf(change.state, stepId).attempt,
    actor,
    data: { have, need, comment, data },
  });
  if (have < need) return noted;
  return admit(moveStep(noted, stepId, { to: 'ready', patch: { gate: { ...voted, decision: 'approved' } } }));
}

function reject(change: Change, gate: GateState, command: Vote): Change {
  const { actor, stepId, comment, data = null } = command;
  const rejected = patchStep(change, stepId, { gate: { ...withVote(gate, command), decision: 'rejected' } });
  const { attempt } = stepOf(change.state, stepId);
  const noted = note(rejected, { type: 'step.rejected', stepId, attempt, actor, data: { comment, data } });
  return failForGood(noted, stepId, { code: 'rejected', retryable: false });
}

function withVote(gate: GateState, command: Vote): GateState {
  const { actor, comment, data = gate.data } = command;
  const decision = command.do === 'approveGate' ? 'approved' : 'rejected';
  return { ...gate, votes: [...gate.votes, { actor, decision, comment }], data };
}
