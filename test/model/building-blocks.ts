/** The building blocks of docs/engine.md: approved, start, reopen, open, ask, admit, settle, stop and finish. */
import { type JsonObject, type PlanStatus, type StepStatus, stepReferences } from '@countersign/shared';
import { type Change, endStep, movePlan, moveStep, patchPlan, patchStep } from './changes.ts';
import { cancelWaiting, failureOf, outputOf } from './children.ts';
import { countAnew, countDependency, verdictOn } from './deciding.ts';
import {
  allBehind,
  capOf,
  definitionOf,
  dependentsOf,
  type FinalError,
  hasEnded,
  inflightOf,
  isCleanUp,
  parentIdOf,
  runsOf,
  type StepState,
  type Stopping,
  stepOf,
  waitsForCap,
} from './plan-state.ts';

/** A plan that has become pending_approval waits for people from now on, unless nobody has to approve it. */
export function approvedOrAsked(change: Change): Change {
  const { decision, content } = change.state;
  const { approvalTimeoutMs } = content.options;
  const approvalDeadline = approvalTimeoutMs === null ? null : change.now + approvalTimeoutMs;
  if (decision.outcome !== 'auto') return patchPlan(change, { votes: [], approvalDeadline });
  return approvedByPolicy(patchPlan(change, { votes: [] }));
}

/** Nobody has to approve it. */
export function approvedByPolicy(change: Change): Change {
  const { digest, decision } = change.state;
  const data = { digest, policy: decision.version, auto: decision.reason };
  return approved(movePlan(change, 'approved', { type: 'plan.approved', data }));
}

/** Starts the plan, or leaves that to the clock. */
export function approved(change: Change): Change {
  const { startAt } = change.state.content.options;
  return startAt !== null && Date.parse(startAt) > change.now ? change : start(change);
}

export function start(change: Change): Change {
  return reopen(countTime(movePlan(change, 'executing', { type: 'plan.started', data: {} })));
}

/** The plan's time counts from now. */
export function countTime(change: Change): Change {
  const { planTimeoutMs } = change.state.content.options;
  return patchPlan(change, { timeoutAt: planTimeoutMs === null ? null : change.now + planTimeoutMs, timeLeft: null });
}

/** Decides what waits for nothing, when some steps are pending again and others have ended before. */
export function reopen(change: Change): Change {
  let next = change;
  for (const step of change.state.content.steps) next = patchStep(next, step.id, countAnew(change.state, step));
  const skipped: string[] = [];
  for (const { id } of change.state.steps) {
    if (stepOf(next.state, id).status !== 'pending') continue;
    next = decide(next, id);
    if (hasEnded(stepOf(next.state, id))) skipped.push(id);
  }
  return settle(next, skipped);
}

/** A pending step that no dependency is left of is skipped, asks, or becomes ready. */
function decide(change: Change, stepId: string): Change {
  const verdict = verdictOn(change.state, stepId);
  if (verdict === 'wait') return change;
  return verdict === 'run' ? open(change, stepId) : endStep(change, stepId, { to: 'skipped', reason: verdict });
}

function open(change: Change, stepId: string): Change {
  const definition = definitionOf(change.state, stepId);
  const isOpen = definition.approval === null || stepOf(change.state, stepId).gate?.decision === 'approved';
  const needsExecutor = definition.when !== null || stepReferences(definition).length > 0;
  return isOpen || needsExecutor ? moveStep(change, stepId, { to: 'ready' }) : ask(change, stepId, definition.approval?.message ?? '');
}

export function ask(change: Change, stepId: string, message: string): Change {
  const need = definitionOf(change.state, stepId).approval?.quorum ?? 1;
  const { approvalTimeoutMs } = change.state.content.options;
  const deadline = approvalTimeoutMs === null ? null : change.now + approvalTimeoutMs;
  const gate = { message, deadline, need, votes: [], decision: null, data: null };
  const data: JsonObject = deadline === null ? { need } : { need, deadline: new Date(deadline).toISOString() };
  return moveStep(change, stepId, { to: 'awaiting_approval', patch: { gate, attempt: 0 }, data });
}

export function admit(change: Change): Change {
  let next = change;
  while (next.state.status === 'executing' && inflightOf(next.state) < capOf(next.state)) {
    const first = runsOf(next.state).find(waitsForCap);
    if (first === undefined) break;
    const delivery = first.delivery + 1;
    next = moveStep(patchPlan(next, { wasQueued: true }), first.id, {
      to: 'queued',
      patch: { delivery, parked: false },
      data: { delivery },
    });
  }
  return next;
}

/** Decides what waited for steps that have ended, and what waited for that. */
export function settle(change: Change, endedIds: readonly string[]): Change {
  let next = change;
  const worklist = [...endedIds];
  for (let id = worklist.shift(); id !== undefined; id = worklist.shift()) {
    for (const dependent of dependentsOf(next.state, id)) {
      const step = stepOf(next.state, dependent);
      if (step.status !== 'pending') continue;
      next = decide(patchStep(next, dependent, countDependency(step, stepOf(next.state, id))), dependent);
      if (hasEnded(stepOf(next.state, dependent))) worklist.push(dependent);
    }
  }
  return finish(admit(next));
}

/** The lifecycle has no edge from ready, queued or retrying to skipped. */
const CAN_BE_SKIPPED: readonly StepStatus[] = ['pending', 'awaiting_approval'];

/** Stops the plan, on a step's terminal failure or because its time is up. */
export function stop(change: Change, stopping: Stopping): Change {
  const { kind, stepId: failedId } = stopping;
  let next = patchPlan(change, { stopping });
  const behind = allBehind(next.state, failedId === null ? [] : [failedId]);
  const ended = failedId === null ? [] : [failedId];
  for (const { id, status, expanded } of change.state.steps) {
    if (hasEnded(stepOf(change.state, id)) || isCleanUp(change.state, id)) continue;
    if (expanded) next = cancelWaiting(next, id, stopping);
    const runs = expanded ? !stepOf(next.state, id).children.every(hasEnded) : status === 'running';
    if (runs) continue;
    const isBehind = behind.has(id) && CAN_BE_SKIPPED.includes(status);
    next = isBehind
      ? endStep(next, id, { to: 'skipped', reason: { kind: 'dependency_failed', stepId: failedId } })
      : endStep(next, id, { to: 'cancelled', reason: { kind, stepId: failedId } });
    ended.push(id);
  }
  return settle(next, ended);
}

/** Fails a step for good. */
export function failForGood(change: Change, stepId: string, error: FinalError): Change {
  const failed = markFailed(change, stepId, error);
  const stops = definitionOf(failed.state, stepId).onError === 'stop' && failed.state.stopping === null;
  if (!stops) return follow(failed, stepId);
  const parentId = parentIdOf(stepId);
  if (parentId === null) return stop(failed, { kind: 'plan_stopped', stepId });
  // A child's failure is its step's at once.
  const stopping = { kind: 'plan_stopped', stepId: parentId } as const;
  const cancelled = cancelWaiting(failed, parentId, stopping);
  return stop(markFailed(cancelled, parentId, failureOf(stepOf(failed.state, parentId)) ?? error), stopping);
}

const markFailed = (change: Change, stepId: string, error: FinalError): Change =>
  moveStep(change, stepId, { to: 'failed', patch: { error }, data: { error: { ...error } } });

/** A step or a child has ended; the last child ends its step. */
export function follow(change: Change, stepId: string): Change {
  const parentId = parentIdOf(stepId);
  if (parentId === null) return settle(change, [stepId]);
  const parent = stepOf(change.state, parentId);
  const isLast = !hasEnded(parent) && parent.children.every(hasEnded);
  return isLast ? endByChildren(change, parent) : finish(admit(change));
}

/** All children of a step have ended. */
export function endByChildren(change: Change, step: StepState): Change {
  const failure = failureOf(step);
  if (failure !== null) return failForGood(change, step.id, failure);
  const output = outputOf(step);
  if (output !== null) return settle(moveStep(change, step.id, { to: 'completed', patch: { output } }), [step.id]);
  const { stopping } = change.state;
  if (stopping === null) throw new Error(`a child of ${step.id} was cancelled, and the plan is not stopping`);
  return settle(endStep(change, step.id, { to: 'cancelled', reason: stopping }), [step.id]);
}

export function finish(change: Change): Change {
  const { steps, stopping } = change.state;
  const any = (...statuses: StepStatus[]) => steps.some(({ status }) => statuses.includes(status));
  const end = (to: PlanStatus & ('completed' | 'partial' | 'failed')) => movePlan(change, to, { type: `plan.${to}`, data: {} });
  if (stopping !== null) {
    const cleansUp = steps.some((step) => isCleanUp(change.state, step.id) && !hasEnded(step));
    return inflightOf(change.state) > 0 || cleansUp ? change : end('failed');
  }
  if (!steps.every(hasEnded)) return change;
  if (!any('failed', 'cancelled')) return end('completed');
  return end(any('completed') ? 'partial' : 'failed');
}
