/** What a call is about, for its lines in the log. */
import { type LogIds, logIds } from '@countersign/service';
import { DELIVERY_ID, PLAN_ID, parseChildId, STEP_ID, TASK_ID, WEBHOOK_ID } from '@countersign/shared';
import type { Answer, Resource } from './answer.ts';
import type { Operation } from './operation.ts';

const fits = (pattern: RegExp, id: string | undefined): string | undefined => (id !== undefined && pattern.test(id) ? id : undefined);

/** From the path, and once there is an answer, from that: what was created, and the task that a plan answers. */
export function subjectOf({ path }: Pick<Operation, 'path'>, params: Readonly<Record<string, string>>, answer: Answer | null): LogIds {
  const [, , kind] = path.split('/');
  const { plan, task, webhook }: Resource & { webhook?: { id: string } } = answer?.kind === 'json' ? (answer.body as Resource) : {};
  const isStep = STEP_ID.test(params.stepId ?? '') || parseChildId(params.stepId ?? '') !== null;
  return logIds({
    taskId: plan?.taskId ?? task?.id ?? (kind === 'tasks' ? fits(TASK_ID, params.id) : undefined),
    planId: plan?.id ?? task?.planId ?? (kind === 'plans' ? fits(PLAN_ID, params.id) : undefined),
    stepId: isStep ? params.stepId : undefined,
    webhookId: webhook?.id ?? (kind === 'webhooks' ? fits(WEBHOOK_ID, params.id) : undefined),
    deliveryId: fits(DELIVERY_ID, params.deliveryId),
  });
}
