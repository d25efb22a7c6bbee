/** Plans that start at once, and what people decide about their steps. */
import type { Json, Plan, PlanDraft, StepDraft, StepStatus, StepView } from '@countersign/shared';
import { expect } from 'vitest';
import type { Answer, Fleet } from './fleet.ts';

/** Environment of executors whose reconciler never looks: it would mend what a command lost. */
export const NOTHING_MENDED = { RECONCILE_EVERY_MS: '3600000' };

export const record = (id: string, input: StepDraft['input'] = {}, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input,
  ...more,
});

/** A step that asks before it runs. */
export const gated = (id: string, more: Partial<StepDraft> = {}, input: StepDraft['input'] = {}): StepDraft =>
  record(id, input, { approval: { message: `Run ${id}?` }, ...more });

/** A plan that needs nobody's approval. */
export const startPlan = (fleet: Fleet, steps: StepDraft[], options: PlanDraft['options'] = {}): Promise<Plan> =>
  fleet.createPlan({ objective: 'test what waits', steps, options: { requireApproval: false, ...options } });

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

/** A person's word about a plan, such as pause; it has to be accepted. */
export async function command(fleet: Fleet, plan: { id: string }, verb: string, body: Json = {}): Promise<Plan> {
  const answer = await fleet.call('POST', `/v1/plans/${plan.id}/${verb}`, { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.plan;
}

export function stepOf({ steps }: Plan, stepId: string): StepView {
  const step = steps.find(({ id }) => id === stepId);
  if (step === undefined) throw new Error(`the plan has no step ${stepId}`);
  return step;
}

export const statuses = ({ steps }: Plan): Record<string, StepStatus> => Object.fromEntries(steps.map(({ id, status }) => [id, status]));

/** Waits until those steps have those statuses. */
export async function untilSteps(fleet: Fleet, { id }: { id: string }, expected: Record<string, StepStatus>): Promise<Plan> {
  let plan = await fleet.plan(id);
  await expect
    .poll(
      async () => {
        plan = await fleet.plan(id);
        return statuses(plan);
      },
      { timeout: 30_000, interval: 25 },
    )
    .toMatchObject(expected);
  return plan;
}

/** The steps whose tools were called, in that order. */
export const called = (fleet: Fleet, { id }: { id: string }): string[] =>
  fleet
    .ledger(id)
    .filter(({ what }) => what === 'start')
    .map(({ stepId }) => stepId);

/** Status and code of a refused call. */
export const refusal = ({ status, body }: Answer): [number, string] => [status, body.code];
