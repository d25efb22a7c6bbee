/** What people do to a plan, in the trace of the plan: the request belongs to the trace of its caller, and each leads to the other. */
import { activeSpan, isTracing, keptContext, type LogIds, openSpan, type SpanAttributes } from '@countersign/service';
import type { Accepted, Outcome } from '@countersign/store';
import type { Call, Operation } from './operation.ts';

export const spanAttributes = ({ taskId, planId, stepId }: LogIds): SpanAttributes => ({
  'countersign.task.id': taskId ?? undefined,
  'countersign.plan.id': planId ?? undefined,
  'countersign.step.id': stepId ?? undefined,
});

/** `plan.approve` of approvePlan, `gate.reject` of rejectGate */
function spanName({ id }: Pick<Operation, 'id'>): string {
  const [, verb = id, noun = ''] = /^([a-z]+)([A-Z].*)$/.exec(id) ?? [];
  return `${noun.toLowerCase()}.${verb}`;
}

type DecisionCall = Pick<Call, 'context' | 'params'>;

/** Has a decision carried out. Once it is, a span of the plan says so, and another one for how long people were waited for. */
export async function inTraceOfPlan(
  definition: Pick<Operation, 'id'>,
  { context: { store }, params: { id = '', stepId } }: DecisionCall,
  decide: () => Promise<Outcome<Accepted>>,
): Promise<Outcome<Accepted>> {
  if (!isTracing()) return decide();
  const waiting = (): Promise<number | null> => store.waitingSince(id, stepId).catch(() => null);
  const [parent, since] = await Promise.all([keptContext(() => store.readTrace(id)), waiting()]);
  const startedAt = Date.now();
  const outcome = await decide();
  // What was refused changed nothing, and what is repeated was said before.
  if (parent === null || !outcome.ok || outcome.value.replay !== null) return outcome;
  const request = activeSpan();
  const attributes = spanAttributes({ planId: id, stepId });
  if (since !== null && (await waiting()) === null) {
    openSpan(stepId === undefined ? 'plan.wait' : 'gate.wait', { parent, attributes, startedAt: since }).end();
  }
  const span = openSpan(spanName(definition), { parent, attributes, startedAt, links: [request.context] });
  request.link(span.context);
  span.end();
  return outcome;
}
