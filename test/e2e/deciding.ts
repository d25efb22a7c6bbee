/** Plans that start at once, and what people decide about their steps. */
import type { Json, Plan, PlanDraft, StepDraft, StepStatus } from '@countersign/shared';
import { expect } from 'vitest';
import type { Answer, Fleet } from './fleet.ts';
import { recordStep, statuses } from './record-step.ts';

/** Environment of executors whose reconciler never looks: it would mend what a command lost. */
export const NOTHING_MENDED = { RECONCILE_EVERY_MS: '3600000' };

/** A step that asks before it runs. */
export const gated = (id: string, more: Partial<StepDraft> = {}, input: StepDraft['input'] = {}): StepDraft =>
  recordStep(id, input, { approval: { message: `Run ${id}?` }, ...more });

/** A plan that needs nobody's approval. */
export const startPlan = (fleet: Fleet, steps: StepDraft[], options: PlanDraft['options'] = {}): Promise<Plan> =>
  fleet.launch({ objective: 'test what waits', steps, options });

export interface Decision {
  verb?: 'approve' | 'reject' | 'skip' | 'retry';
  actor?: string;
  data?: Json;
  comment?: string;
  headers?: Record<string, string>;
}

/** A person's word about a step. */
export const decide = (
  fleet: Fleet,
  [plan, stepId]: [{ id: string }, string],
  { verb = 'approve', actor, headers = {}, ...body }: Decision = {},
): Promise<Answer> =>
  fleet.call('POST', `/v1/plans/${plan.id}/steps/${stepId}/${verb}`, {
    body,
    headers: { ...(actor === undefined ? {} : { 'x-actor': actor }), ...headers },
  });

/** Waits until those steps have those statuses. */
export async function untilSteps(fleet: Fleet, { id }: { id: string }, expected: Record<string, StepStatus>): Promise<Plan> {
  let plan = await fleet.plan(id);
  await expect
    .poll(
      async () => {
        plan = await fleet.plan(id);
        return statuses(plan.steps);
      },
      { timeout: 30_000, interval: 25 },
    )
    .toMatchObject(expected);
  return plan;
}

/** Status and code of a refused call. */
export const refusal = ({ status, body }: Answer): [number, string] => [status, body.code];
