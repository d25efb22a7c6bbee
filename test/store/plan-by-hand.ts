/** A plan whose steps a test runs by hand, as an executor would: it takes what the queue delivers and says what comes of it. */
import {
  foldEvents,
  type Plan,
  type PlanDraft,
  parseChildId,
  plainDecision,
  STEPS_QUEUE,
  type StepError,
  type StepJob,
  type StepView,
} from '@countersign/shared';
import type { ClaimReply, RecordReply, Store } from '@countersign/store';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { createCommand, reviseCommand } from '../model/submission.ts';

export const PREFIX = '{cs0}:bull';
export const ANN = { id: 'ann', roles: ['admin' as const] };
export const BROKEN: StepError = { code: 'tool_error', message: 'broken', retryable: true };
export const FATAL: StepError = { ...BROKEN, retryable: false };

/** Creates a plan that starts at once. */
async function startPlan(store: Store, plan: PlanDraft): Promise<string> {
  const { content, digest } = await createCommand({ plan, decision: plainDecision(0, 'for a test'), draft: false });
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

export async function planOf(store: Store, planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}

/** The status of each step and of each child, by id. */
const statusesOf = ({ steps }: Plan): Record<string, string> =>
  Object.fromEntries(steps.flatMap((step) => [step, ...(step.children ?? [])]).map(({ id, status }) => [id, status]));

/** What the reconciler puts right, in few words: `step_queued a job_missing`. */
export async function reconciled(store: Store, restMs = 0): Promise<string[]> {
  const mended: string[] = [];
  for await (const { what, stepId, why } of store.reconcile({ restMs }))
    mended.push([what, stepId, why].filter((word) => word !== null).join(' '));
  return mended;
}

export class PlanByHand {
  readonly #worker: Worker<StepJob>;
  readonly #delivered = new Map<string, StepJob>();
  readonly store: Store;
  readonly planId: string;
  readonly queue: Queue<StepJob>;
  readonly redis: Redis;

  private constructor(planId: string, store: Store, redis: Redis) {
    this.planId = planId;
    this.store = store;
    this.redis = redis;
    const connection = { connection: redis, prefix: PREFIX };
    this.queue = new Queue(STEPS_QUEUE, connection);
    this.#worker = new Worker(STEPS_QUEUE, null, { ...connection, autorun: false });
  }

  static async start(plan: PlanDraft, { store, redis }: { store: Store; redis: Redis }): Promise<PlanByHand> {
    return new PlanByHand(await startPlan(store, plan), store, redis);
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await this.queue.close();
  }

  /** Takes all that the queue delivers; gives the ids of the steps in that order. */
  async deliveries(): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const job = await this.#worker.getNextJob('by hand', { block: false });
      if (job === undefined) return ids;
      this.#delivered.set(job.data.stepId, job.data);
      ids.push(job.data.stepId);
      await job.moveToCompleted(null, 'by hand', false);
    }
  }

  /** Claims a step for its last delivery. */
  async claim(stepId: string, token = `${stepId} held`): Promise<ClaimReply> {
    await this.deliveries();
    const job = this.#delivered.get(stepId);
    if (job === undefined) throw new Error(`the queue has not delivered ${stepId}`);
    return this.store.claimStep(job, { token, executor: token });
  }

  async claimed(...stepIds: string[]): Promise<void> {
    for (const stepId of stepIds) expect(await this.claim(stepId), stepId).toMatchObject({ ok: true });
  }

  hold(stepId: string, token = `${stepId} held`) {
    return { planId: this.planId, stepId, token };
  }

  /** Claims the step and makes children of it, one for each element. */
  async expand(stepId: string, elements: readonly unknown[]): Promise<void> {
    await this.claimed(stepId);
    const items = elements.map((element) => JSON.stringify(element));
    expect(await this.store.expandStep(this.hold(stepId), items)).toEqual({ ok: true });
  }

  complete(stepId: string, output: unknown = stepId): Promise<RecordReply> {
    return this.store.completeStep(this.hold(stepId), JSON.stringify(output));
  }

  fail(stepId: string, error: StepError = FATAL, delayMs = 0): Promise<RecordReply> {
    return this.store.failStep(this.hold(stepId), { error, delayMs });
  }

  release(stepId: string): Promise<RecordReply> {
    return this.store.releaseStep(this.hold(stepId));
  }

  /** Claims and completes each of these. */
  async runs(...stepIds: string[]): Promise<void> {
    for (const stepId of stepIds) {
      await this.claimed(stepId);
      expect(await this.complete(stepId), stepId).toEqual({ ok: true });
    }
  }

  async revise(plan: PlanDraft): Promise<void> {
    const { content, digest } = await reviseCommand({
      plan,
      decision: plainDecision(0, 'for a test'),
      actor: ANN.id,
      basedOn: (await this.plan()).digest,
    });
    const decision = plainDecision(0, 'nobody has to');
    const basedOn = (await this.plan()).digest;
    expect(await this.store.revisePlan(this.planId, { content, digest, origin: 'manual', actor: ANN, decision, basedOn })).toMatchObject({
      ok: true,
    });
  }

  plan(): Promise<Plan> {
    return planOf(this.store, this.planId);
  }

  async step(id: string): Promise<StepView> {
    const step = (await this.plan()).steps.find((each) => each.id === id);
    if (step === undefined) throw new Error(`the plan has no step ${id}`);
    return step;
  }

  async statuses(): Promise<Record<string, string>> {
    return statusesOf(await this.plan());
  }

  /** The events in few words: `step.queued each[0]`. */
  async events(): Promise<string[]> {
    return (await this.store.readEvents(this.planId)).map(({ type, stepId }) => (stepId === undefined ? type : `${type} ${stepId}`));
  }

  /** Holds what the events add up to against what is read of the plan, its steps and their children. */
  async eventsAgree(): Promise<void> {
    const plan = await this.plan();
    const folded = foldEvents(await this.store.readEvents(this.planId));
    expect(folded.status).toBe(plan.status);
    const seen = Object.entries(statusesOf(plan)).filter(([, status]) => status !== 'pending');
    // Children that stay from before are not shown until their step is expanded again.
    const hidden = plan.steps.flatMap(({ id, children }) => (children === null ? [id] : []));
    const told = [...folded.steps].filter(([id, { status }]) => status !== 'completed' || !hidden.includes(parseChildId(id)?.stepId ?? ''));
    expect(Object.fromEntries(told.map(([id, { status }]) => [id, status]))).toEqual(Object.fromEntries(seen));
  }
}
