/**
 * The reference model: docs/engine.md a second time, as a pure function. It keeps whole plans in immutable values and
 * computes by walking them, so that it can be checked by reading; the store's Lua is held against it. What a plan asks of the
 * planner, priorities, the reconciler and outputs that are too large together are not in it.
 */
import { isEndedPlan, type PlanStatus } from '@countersign/shared';
import { approved, approvedByPolicy, approvedOrAsked } from './building-blocks.ts';
import { type Change, endStep, movePlan, note } from './changes.ts';
import { expire, isExpired, pause, resume, tick } from './clock.ts';
import type { Command, CommandOf, ExecutorCommand, StepCommand } from './commands.ts';
import { applyOfExecutor } from './executor-commands.ts';
import { voteOnGate } from './gates.ts';
import { findStep, hasEnded, newPlanState, type PlanState, parentIdOf } from './plan-state.ts';
import { type Applied, done, refused, refusedByPolicy, tooLate, unchanged, wrongState } from './replies.ts';
import { retry, retryStep, skip } from './retries.ts';
import { revise } from './revisions.ts';
import { asked, countsFor, haveOf, needOf } from './votes.ts';

/** What a command does to a plan at a time, in milliseconds. A refusal changes nothing. Throws when it breaks a lifecycle. */
export function apply(state: PlanState | null, command: Command, now: number): Applied {
  if (command.do === 'create') return create(command, now);
  if (state === null) return command.do === 'tick' ? { state, events: [], reply: { ok: true, due: [] } } : refused(state, 'not_found');
  switch (command.do) {
    case 'submit':
      return submit(state, command, now);
    case 'redecide':
      return redecide(state, command, now);
    case 'approve':
      return approve(state, command, now);
    case 'reject':
      return reject(state, command, now);
    case 'cancel':
      return cancel(state, command, now);
    case 'delete':
      return isEndedPlan(state.status) ? { state: null, events: [], reply: { ok: true } } : wrongState(state, state);
    case 'pause':
      return pause(state, command, now);
    case 'resume':
      return resume(state, command, now);
    case 'retry':
      return retry(state, command, now);
    case 'revise':
      return revise(state, command, now);
    case 'tick':
      return tick(state, now);
    default:
      return isKnown(state, command) ? applyToStep(state, command, now) : refused(state, 'not_found');
  }
}

/** People know the steps that they approved; a child is the executors' alone. */
const isKnown = (state: PlanState, command: ExecutorCommand | StepCommand): boolean =>
  findStep(state, command.stepId) !== undefined && ('token' in command || parentIdOf(command.stepId) === null);

function applyToStep(state: PlanState, command: ExecutorCommand | StepCommand, now: number): Applied {
  switch (command.do) {
    case 'approveGate':
    case 'rejectGate':
      return voteOnGate(state, command, now);
    case 'retryStep':
      return retryStep(state, command, now);
    case 'skip':
      return skip(state, command, now);
    default:
      return applyOfExecutor(state, command, now);
  }
}

function create(command: CommandOf<'create'>, now: number): Applied {
  if (command.decision.outcome === 'deny' && !command.draft) return refusedByPolicy(null, command.decision);
  const created = note(unchanged(newPlanState({ ...command, creator: command.actor }), now), {
    type: 'plan.created',
    actor: command.actor,
    data: {},
  });
  return done(command.draft ? created : submitted(created, command.actor));
}

function submit(state: PlanState, { actor, digest, decision }: CommandOf<'submit'>, now: number): Applied {
  if (state.status !== 'draft') return wrongState(state, state);
  if (digest !== state.digest) return refused(state, 'stale_digest', { currentDigest: state.digest });
  if (decision.outcome === 'deny') return refusedByPolicy(state, decision);
  const submitters = [...new Set([...state.submitters, actor])];
  return done(submitted(unchanged({ ...state, decision, submitters }, now), actor));
}

const submitted = (change: Change, actor: string): Change =>
  approvedOrAsked(movePlan(change, 'pending_approval', { type: 'plan.submitted', actor, data: asked(change.state) }));

/** Why nobody can decide about exactly this digest any more. */
function undecidable(state: PlanState, digest: string, now: number): Applied | null {
  if (isExpired(state, now)) {
    const expired = expire(unchanged(state, now));
    return tooLate(expired, expired.state);
  }
  if (state.status !== 'pending_approval') return wrongState(state, state);
  return digest === state.digest ? null : refused(state, 'stale_digest', { currentDigest: state.digest });
}

const hasVoted = ({ votes }: PlanState, actor: string): boolean => votes.some((vote) => vote.actor === actor);

function approve(state: PlanState, command: CommandOf<'approve'>, now: number): Applied {
  const { actor, roles, digest, version, comment } = command;
  const refusal = undecidable(state, digest, now);
  if (refusal !== null) return refusal;
  const { decision } = state;
  if (version !== decision.version) return refused(state, 'policy_changed');
  if (decision.outcome === 'deny') return refusedByPolicy(state, decision);
  if (hasVoted(state, actor)) return refused(state, 'already_voted');
  if (!decision.demands.some((demand) => countsFor(state, demand, { actor, roles }))) return refused(state, 'forbidden');
  const next = { ...state, votes: [...state.votes, { actor, roles }] };
  const data = { digest, comment, roles: [...roles], policy: version, have: haveOf(next), need: needOf(next) };
  const voted = note(unchanged(next, now), { type: 'plan.voted', actor, data });
  if (haveOf(next) < needOf(next)) return done(voted);
  return done(approved(movePlan(voted, 'approved', { type: 'plan.approved', actor, data: { digest, policy: version } })));
}

function redecide(state: PlanState, { digest, decision }: CommandOf<'redecide'>, now: number): Applied {
  const refusal = undecidable(state, digest, now);
  if (refusal !== null) return refusal;
  if (decision.version === state.decision.version) return done(unchanged(state, now));
  const decided = unchanged({ ...state, decision, votes: [] }, now);
  const said = note(decided, { type: 'plan.submitted', data: asked(decided.state) });
  return done(decision.outcome === 'auto' ? approvedByPolicy(said) : said);
}

function reject(state: PlanState, command: CommandOf<'reject'>, now: number): Applied {
  const { actor, digest, reason } = command;
  const refusal = undecidable(state, digest, now);
  if (refusal !== null) return refusal;
  if (hasVoted(state, actor)) return refused(state, 'already_voted');
  return done(movePlan(unchanged(state, now), 'rejected', { type: 'plan.rejected', actor, data: { digest, reason } }));
}

const CANCELLABLE: readonly PlanStatus[] = ['draft', 'pending_approval', 'approved', 'executing', 'paused'];

function cancel(state: PlanState, { actor }: CommandOf<'cancel'>, now: number): Applied {
  if (!CANCELLABLE.includes(state.status)) return wrongState(state, state);
  let next = unchanged(state, now);
  for (const step of state.steps.flatMap((each) => [...each.children, each])) {
    if (!hasEnded(step)) next = endStep(next, step.id, { to: 'cancelled', reason: { kind: 'plan_cancelled', stepId: null } });
  }
  return done(movePlan(next, 'cancelled', { type: 'plan.cancelled', actor, data: {} }));
}
