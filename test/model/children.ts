/** The children of forEach steps: how a step gets them, what is done to them together, and what their endings make of it. */
import { childId } from '@countersign/shared';
import { type Change, endStep, moveStep, patchStep } from './changes.ts';
import { type EndReason, type FinalError, hasEnded, newStep, type PlanState, type StepState, stepOf } from './plan-state.ts';

/** One child for each element, given as JSON texts. Those that a retry kept stay as they are; the others become ready. */
export function addChildren(change: Change, stepId: string, items: readonly string[]): Change {
  const { generation, children: kept } = stepOf(change.state, stepId);
  const children = items.map((item, index): StepState => {
    const id = childId(stepId, index);
    return kept.find((child) => child.id === id) ?? { ...newStep(id, generation), item };
  });
  const expanded = patchStep(change, stepId, { token: null, expanded: true, children });
  return children.filter((child) => !hasEnded(child)).reduce((next, { id }) => moveStep(next, id, { to: 'ready' }), expanded);
}

/** Cancels those children that have not started. */
export function cancelWaiting(change: Change, stepId: string, reason: EndReason): Change {
  const waiting = stepOf(change.state, stepId).children.filter((child) => child.status !== 'running' && !hasEnded(child));
  return waiting.reduce((next, { id }) => endStep(next, id, { to: 'cancelled', reason }), change);
}

/** What a step fails with when a child of it has failed: the error of the first of them, by index. */
export function failureOf({ children }: StepState): FinalError | null {
  const error = children.find(({ status }) => status === 'failed')?.error ?? null;
  return error === null ? null : { code: error.code, retryable: false };
}

/** The outputs in a list, as text; null where a child has not completed. */
export function outputOf({ children }: StepState): string | null {
  return children.every(({ status }) => status === 'completed') ? `[${children.map(({ output }) => output).join(',')}]` : null;
}

/** The children that a step keeps when it is set back and none of its dependencies is. */
export function keptChildren(state: PlanState, stepId: string): readonly StepState[] {
  const { status, expanded, children } = stepOf(state, stepId);
  return status === 'failed' || !expanded ? children.filter((child) => child.status === 'completed') : [];
}
