/** What executors report: claims, results, and steps that they let go of. */
import { LIMITS, stepReferences } from '@countersign/shared';
import { admit, ask, endByChildren, failForGood, follow, settle } from './building-blocks.ts';
import { type Change, endStep, moveStep, note, patchStep } from './changes.ts';
import { addChildren } from './children.ts';
import type { CommandOf, ExecutorCommand, Referenced } from './commands.ts';
import { capOf, definitionOf, hasEnded, inflightOf, isCleanUp, type PlanState, type StepState, stepOf } from './plan-state.ts';
import { type Applied, done, refused, unchanged } from './replies.ts';

export function applyOfExecutor(state: PlanState, command: ExecutorCommand, now: number): Applied {
  const change = unchanged(state, now);
  switch (command.do) {
    case 'claim':
      return claim(change, command);
    case 'begin':
      return begin(change, command);
    case 'decline':
      return decline(change, command);
    case 'ask':
      return askPeople(change, command);
    case 'expand':
      return expand(change, command);
    case 'complete':
      return complete(change, command);
    case 'fail':
      return fail(change, command);
    case 'release':
      return release(change, command);
  }
}

function claim(change: Change, command: CommandOf<'claim'>): Applied {
  const { state } = change;
  const step = stepOf(state, command.stepId);
  const goesOn = state.status === 'executing' || (state.status === 'paused' && step.status === 'running');
  if (!goesOn) return refused(state, 'plan_not_executing');
  if (command.generation !== step.generation || command.delivery !== step.delivery) return refused(state, 'stale_delivery');
  switch (step.status) {
    case 'queued':
      return claimed(run(change, step, command), step.id);
    case 'running':
      if (step.expanded) return refused(state, 'not_queued');
      return command.token === step.token ? claimed(change, step.id) : takeOver(change, step, command);
    case 'retrying':
      return claimRetrying(change, step, command);
    default:
      return refused(state, 'not_queued');
  }
}

function claimed(change: Change, stepId: string): Applied {
  const { state } = change;
  const roots = stepReferences(definitionOf(state, stepId)).map(({ root }) => root);
  const named = state.steps.filter(({ id }) => roots.includes(id)).map((step) => [step.id, readable(step)]);
  return done(change, { ok: true, attempt: stepOf(state, stepId).attempt, referenced: Object.fromEntries(named) });
}

const readable = ({ status, output, gate }: StepState): Referenced => ({
  status,
  output: output === null ? null : JSON.parse(output),
  gate: gate === null ? null : { decision: gate.decision, data: gate.data },
});

function run(change: Change, step: StepState, { token, executor }: CommandOf<'claim'>): Change {
  return moveStep(change, step.id, { to: 'running', patch: { token, attempt: step.attempt + 1 }, data: { executor } });
}

/** The step's first executor went silent and the queue delivered it again. */
function takeOver(change: Change, step: StepState, { token, executor }: CommandOf<'claim'>): Applied {
  const crashes = step.crashes + 1;
  const crashed = patchStep(change, step.id, { crashes });
  const refusing = ({ state, events }: Change, refusal: string): Applied => ({ ...refused(state, refusal), events });
  if (isToAbort(change.state, step.id)) return refusing(cancelStopped(crashed, step.id), 'plan_stopping');
  if (crashes >= LIMITS.crashes) {
    return refusing(failForGood(crashed, step.id, { code: 'tool_error', retryable: false }), 'too_many_crashes');
  }
  const taken = patchStep(crashed, step.id, { token });
  const data = { executor, takeover: crashes };
  return claimed(note(taken, { type: 'step.started', stepId: step.id, attempt: step.attempt, data }), step.id);
}

function claimRetrying(change: Change, step: StepState, command: CommandOf<'claim'>): Applied {
  const { state, now } = change;
  const { delivery, notBefore } = step;
  if (notBefore > now) return { state, events: [], reply: { ok: false, refusal: 'not_due', notBefore } };
  if (inflightOf(state) >= capOf(state)) return done(patchStep(change, step.id, { parked: true }), { ok: false, refusal: 'parked' });
  const queued = moveStep(change, step.id, { to: 'queued', patch: { parked: false }, data: { delivery } });
  return claimed(run(queued, step, command), step.id);
}

/** A pause lets what is running finish. */
const isUnderWay = ({ status }: PlanState): boolean => status === 'executing' || status === 'paused';

/** Running when the plan was stopped, and no clean-up step. */
const isToAbort = (state: PlanState, stepId: string): boolean => state.stopping !== null && !isCleanUp(state, stepId);

function recordRefusal(state: PlanState, { stepId, token }: { stepId: string; token: string }): string | null {
  const step = stepOf(state, stepId);
  if (!isUnderWay(state)) return 'plan_not_executing';
  return step.status === 'running' && step.token === token ? null : 'stale_token';
}

const withInput = (change: Change, { stepId, resolvedInput }: CommandOf<'begin' | 'ask'>): Change =>
  resolvedInput === null ? change : patchStep(change, stepId, { resolvedInput });

function begin(change: Change, command: CommandOf<'begin'>): Applied {
  const { state } = change;
  // It says first whether there is still something to do, and only then by whom.
  if (isUnderWay(state) && isToAbort(state, command.stepId)) return refused(state, 'plan_stopping');
  const refusal = recordRefusal(state, command);
  return refusal === null ? done(withInput(change, command)) : refused(state, refusal);
}

function decline(change: Change, command: CommandOf<'decline'>): Applied {
  const refusal = recordRefusal(change.state, command);
  if (refusal !== null) return refused(change.state, refusal);
  const { stepId } = command;
  const declined = endStep(patchStep(change, stepId, { attempt: 0 }), stepId, {
    to: 'skipped',
    reason: { kind: 'condition_false', stepId: null },
  });
  return done(settle(declined, [stepId]));
}

function askPeople(change: Change, command: CommandOf<'ask'>): Applied {
  const refusal = recordRefusal(change.state, command);
  if (refusal !== null) return refused(change.state, refusal);
  if (isToAbort(change.state, command.stepId)) return refused(change.state, 'plan_stopping');
  return done(admit(ask(withInput(change, command), command.stepId, command.message)));
}

function expand(change: Change, command: CommandOf<'expand'>): Applied {
  const refusal = recordRefusal(change.state, command);
  if (refusal !== null) return refused(change.state, refusal);
  const { stepId, items } = command;
  if (isToAbort(change.state, stepId)) return refused(change.state, 'plan_stopping');
  const expanded = addChildren(change, stepId, items);
  const step = stepOf(expanded.state, stepId);
  return done(step.children.every(hasEnded) ? endByChildren(expanded, step) : admit(expanded));
}

function complete(change: Change, command: CommandOf<'complete'>): Applied {
  const { stepId, token, output } = command;
  const step = stepOf(change.state, stepId);
  // The first reply may have been lost, and the completion may have been the one that ended the plan.
  if (step.status === 'completed' && step.token === token) return done(change);
  const refusal = recordRefusal(change.state, command);
  if (refusal !== null) return refused(change.state, refusal);
  return done(follow(moveStep(change, stepId, { to: 'completed', patch: { output } }), stepId));
}

function fail(change: Change, command: CommandOf<'fail'>): Applied {
  const { state, now } = change;
  const refusal = recordRefusal(state, command);
  if (refusal !== null) return refused(state, refusal);
  const { stepId, error, delayMs } = command;
  const step = stepOf(state, stepId);
  const again = error.retryable && step.attempt < definitionOf(state, stepId).retry.maxAttempts && !isToAbort(state, stepId);
  if (!again) return done(failForGood(change, stepId, error));
  const notBefore = now + delayMs;
  const delayed = delayMs > 0;
  const patch = { notBefore, parked: !delayed, delivery: step.delivery + (delayed ? 1 : 0) };
  const data = { error: { ...error }, delayMs, notBefore };
  return done(admit(moveStep(change, stepId, { to: 'retrying', patch, data })));
}

function release(change: Change, command: CommandOf<'release'>): Applied {
  const refusal = recordRefusal(change.state, command);
  if (refusal !== null) return refused(change.state, refusal);
  const { stepId } = command;
  if (isToAbort(change.state, stepId)) return done(cancelStopped(change, stepId));
  const { attempt } = stepOf(change.state, stepId);
  const released = moveStep(change, stepId, { to: 'retrying', patch: { parked: true }, data: { handedBack: true } });
  // The event has the number of the attempt that did not count, so the count goes back after it.
  return done(admit(patchStep(released, stepId, { attempt: attempt - 1 })));
}

function cancelStopped(change: Change, stepId: string): Change {
  const { stopping } = change.state;
  if (stopping === null) throw new Error('the plan is not stopping');
  return follow(endStep(change, stepId, { to: 'cancelled', reason: stopping }), stepId);
}
