/**
 * The reference model: docs/engine.md a second time, as a pure function. It keeps whole plans in immutable values and
 * computes by walking them, so that it can be checked by reading; the store's Lua is held against it.
 */
import { isEndedPlan, LIMITS, type PlanStatus, referencesIn } from '@countersign/shared';
import { admit, finish, settle, start, stop } from './building-blocks.ts';
import {
  type Change,
  type Command,
  type CommandOf,
  capOf,
  definitionOf,
  endStep,
  type FinalError,
  hasEnded,
  inflightOf,
  type ModelEvent,
  movePlan,
  moveStep,
  newPlanState,
  note,
  type PlanState,
  patchStep,
  type Reply,
  type StepState,
  stepOf,
} from './plan-state.ts';

export interface Applied {
  /** null: there is no such plan, or no longer */
  readonly state: PlanState | null;
  readonly events: readonly ModelEvent[];
  readonly reply: Reply;
}

/** What a command does to a plan at a time, in milliseconds. A refusal changes nothing. Throws when it breaks a lifecycle. */
export function apply(state: PlanState | null, command: Command, now: number): Applied {
  if (command.do === 'create') return done(create(command));
  if (state === null) return refused(state, 'not_found');
  switch (command.do) {
    case 'submit':
      return state.status === 'draft' ? done(submit(unchanged(state), command.actor)) : wrongState(state);
    case 'approve':
      return approve(state, command);
    case 'reject':
      return reject(state, command);
    case 'cancel':
      return cancel(state, command);
    case 'delete':
      return isEndedPlan(state.status) ? { state: null, events: [], reply: { ok: true } } : wrongState(state);
    default:
      return state.steps.some(({ id }) => id === command.stepId) ? applyToStep(state, command, now) : refused(state, 'not_found');
  }
}

type StepCommand = Extract<Command, { stepId: string }>;

function applyToStep(state: PlanState, command: StepCommand, now: number): Applied {
  switch (command.do) {
    case 'claim':
      return claim(state, command, now);
    case 'begin':
      return begin(state, command);
    case 'complete':
      return complete(state, command);
    case 'fail':
      return fail(state, command, now);
    case 'release':
      return release(state, command);
  }
}

const unchanged = (state: PlanState): Change => ({ state, events: [] });
const done = (change: Change, reply: Reply = { ok: true }): Applied => ({ ...change, reply });
const refused = (state: PlanState | null, refusal: string): Applied => ({ state, events: [], reply: { ok: false, refusal } });

const wrongState = (state: PlanState): Applied => ({
  state,
  events: [],
  reply: { ok: false, refusal: 'wrong_state', detail: { status: state.status } },
});

function create(command: CommandOf<'create'>): Change {
  const created = note(unchanged(newPlanState(command)), { type: 'plan.created', actor: command.actor, data: {} });
  return command.draft ? created : submit(created, command.actor);
}

function submit(change: Change, actor: string): Change {
  const { digest, quorum, autoReason } = change.state;
  const submitted = movePlan(change, 'pending_approval', { type: 'plan.submitted', actor, data: { digest, quorum } });
  if (quorum > 0) return submitted;
  return start(movePlan(submitted, 'approved', { type: 'plan.approved', data: { digest, auto: autoReason } }));
}

function voteRefusal(state: PlanState, { actor, digest }: { actor: string; digest: string }): Applied | null {
  if (state.status !== 'pending_approval') return wrongState(state);
  if (digest !== state.digest) {
    return { state, events: [], reply: { ok: false, refusal: 'stale_digest', detail: { currentDigest: state.digest } } };
  }
  return state.votes.includes(actor) ? refused(state, 'already_voted') : null;
}

function approve(state: PlanState, command: CommandOf<'approve'>): Applied {
  const refusal = voteRefusal(state, command);
  if (refusal !== null) return refusal;
  const { actor, digest, comment } = command;
  const votes = [...state.votes, actor];
  const data = { digest, comment, have: votes.length, need: state.quorum };
  const voted = note(unchanged({ ...state, votes }), { type: 'plan.voted', actor, data });
  if (votes.length < state.quorum) return done(voted);
  return done(start(movePlan(voted, 'approved', { type: 'plan.approved', actor, data: { digest } })));
}

function reject(state: PlanState, command: CommandOf<'reject'>): Applied {
  const refusal = voteRefusal(state, command);
  if (refusal !== null) return refusal;
  const { actor, digest, reason } = command;
  return done(movePlan(unchanged(state), 'rejected', { type: 'plan.rejected', actor, data: { digest, reason } }));
}

const CANCELLABLE: readonly PlanStatus[] = ['draft', 'pending_approval', 'approved', 'executing', 'paused'];

function cancel(state: PlanState, { actor }: CommandOf<'cancel'>): Applied {
  if (!CANCELLABLE.includes(state.status)) return wrongState(state);
  let next = unchanged(state);
  for (const step of state.steps) {
    if (!hasEnded(step)) next = endStep(next, step.id, { to: 'cancelled', reason: { kind: 'plan_cancelled', stepId: null } });
  }
  return done(movePlan(next, 'cancelled', { type: 'plan.cancelled', actor, data: {} }));
}

function claim(state: PlanState, command: CommandOf<'claim'>, now: number): Applied {
  const step = stepOf(state, command.stepId);
  if (state.status !== 'executing') return refused(state, 'plan_not_executing');
  if (command.generation !== step.generation || command.delivery !== step.delivery) return refused(state, 'stale_delivery');
  switch (step.status) {
    case 'queued':
      return claimed(run(unchanged(state), step, command), step.id);
    case 'running':
      return command.token === step.token ? claimed(unchanged(state), step.id) : takeOver(state, step, command);
    case 'retrying':
      return claimRetrying(state, step, { command, now });
    default:
      return refused(state, 'not_queued');
  }
}

function claimed(change: Change, stepId: string): Applied {
  const references = referencesIn(definitionOf(change.state, stepId).input);
  const referenced = Object.fromEntries(references.map(({ root }) => [root, stepOf(change.state, root).output]));
  return done(change, { ok: true, attempt: stepOf(change.state, stepId).attempt, referenced });
}

function run(change: Change, step: StepState, { token, executor }: CommandOf<'claim'>): Change {
  return moveStep(change, step.id, { to: 'running', patch: { token, attempt: step.attempt + 1 }, data: { executor } });
}

/** The step's first executor went silent and the queue delivered it again. */
function takeOver(state: PlanState, step: StepState, { token, executor }: CommandOf<'claim'>): Applied {
  const crashes = step.crashes + 1;
  const crashed = patchStep(unchanged(state), step.id, { crashes });
  if (state.stopping !== null) return done(cancelStopped(crashed, step.id), { ok: false, refusal: 'plan_stopping' });
  if (crashes >= LIMITS.crashes) {
    return done(failForGood(crashed, step.id, { code: 'tool_error', retryable: false }), { ok: false, refusal: 'too_many_crashes' });
  }
  const taken = patchStep(crashed, step.id, { token });
  const data = { executor, takeover: crashes };
  return claimed(note(taken, { type: 'step.started', stepId: step.id, attempt: step.attempt, data }), step.id);
}

function claimRetrying(state: PlanState, step: StepState, { command, now }: { command: CommandOf<'claim'>; now: number }): Applied {
  if (step.notBefore > now) {
    return { state, events: [], reply: { ok: false, refusal: 'not_due', notBefore: step.notBefore } };
  }
  if (inflightOf(state) >= capOf(state)) {
    return done(patchStep(unchanged(state), step.id, { parked: true }), { ok: false, refusal: 'parked' });
  }
  const { delivery } = step;
  const queued = moveStep(unchanged(state), step.id, { to: 'queued', patch: { parked: false }, data: { delivery } });
  return claimed(run(queued, step, command), step.id);
}

/** A pause lets what is running finish. */
const isUnderWay = ({ status }: PlanState): boolean => status === 'executing' || status === 'paused';

function begin(state: PlanState, { stepId, token, resolvedInput }: CommandOf<'begin'>): Applied {
  const step = stepOf(state, stepId);
  if (!isUnderWay(state)) return refused(state, 'plan_not_executing');
  if (state.stopping !== null) return refused(state, 'plan_stopping');
  if (step.status !== 'running' || step.token !== token) return refused(state, 'stale_token');
  return done(resolvedInput === null ? unchanged(state) : patchStep(unchanged(state), stepId, { resolvedInput }));
}

function recordRefusal(state: PlanState, { stepId, token }: { stepId: string; token: string }): string | null {
  const step = stepOf(state, stepId);
  if (!isUnderWay(state)) return 'plan_not_executing';
  return step.status === 'running' && step.token === token ? null : 'stale_token';
}

function complete(state: PlanState, command: CommandOf<'complete'>): Applied {
  const { stepId, token, output } = command;
  const step = stepOf(state, stepId);
  // The first reply may have been lost, and the completion may have been the one that ended the plan.
  if (step.status === 'completed' && step.token === token) return done(unchanged(state));
  const refusal = recordRefusal(state, command);
  if (refusal !== null) return refused(state, refusal);
  return done(settle(moveStep(unchanged(state), stepId, { to: 'completed', patch: { output } }), stepId));
}

function fail(state: PlanState, command: CommandOf<'fail'>, now: number): Applied {
  const refusal = recordRefusal(state, command);
  if (refusal !== null) return refused(state, refusal);
  const { stepId, error, delayMs } = command;
  const step = stepOf(state, stepId);
  const again = error.retryable && step.attempt < definitionOf(state, stepId).retry.maxAttempts && state.stopping === null;
  if (!again) return done(failForGood(unchanged(state), stepId, error));
  const notBefore = now + delayMs;
  const delayed = delayMs > 0;
  const patch = { notBefore, parked: !delayed, delivery: step.delivery + (delayed ? 1 : 0) };
  const data = { error: { ...error }, delayMs, notBefore };
  return done(admit(moveStep(unchanged(state), stepId, { to: 'retrying', patch, data })));
}

function failForGood(change: Change, stepId: string, error: FinalError): Change {
  const failed = moveStep(change, stepId, { to: 'failed', patch: { error }, data: { error: { ...error } } });
  if (definitionOf(failed.state, stepId).onError === 'continue') return settle(failed, stepId);
  return failed.state.stopping === null ? stop(failed, stepId) : finish(failed);
}

function release(state: PlanState, command: CommandOf<'release'>): Applied {
  const refusal = recordRefusal(state, command);
  if (refusal !== null) return refused(state, refusal);
  const { stepId } = command;
  if (state.stopping !== null) return done(cancelStopped(unchanged(state), stepId));
  const { attempt } = stepOf(state, stepId);
  const released = moveStep(unchanged(state), stepId, { to: 'retrying', patch: { parked: true }, data: { handedBack: true } });
  // The event has the number of the attempt that did not count, so the count goes back after it.
  return done(admit(patchStep(released, stepId, { attempt: attempt - 1 })));
}

function cancelStopped(change: Change, stepId: string): Change {
  return finish(endStep(change, stepId, { to: 'cancelled', reason: { kind: 'plan_stopped', stepId: change.state.stopping } }));
}
