/** Plans in the shards of a store, and an executor's hands over all of them. */
import { randomUUID } from 'node:crypto';
import { type Plan, type PlanDraft, plainDecision, type StepJob, shardOf, type TaskRequest } from '@countersign/shared';
import type { Consumer, Idempotency, Store } from '@countersign/store';
import { createCommand, TOOL } from '../model/submission.ts';

export const ANN = { id: 'ann', roles: ['admin' as const] };

export const requestOf = (objective: string): TaskRequest => ({ objective, input: {}, options: {}, tools: null, template: null });

export const stepsNamed = (...ids: string[]): PlanDraft['steps'] => ids.map((id) => ({ id, tool: TOOL, input: {} }));

interface NewPlanOptions {
  /** 0: it starts at once */
  quorum?: number;
  idempotency?: Idempotency;
  task?: { id: string; token: string };
}

export async function createPlan(store: Store, draft: Omit<PlanDraft, 'objective'>, options: NewPlanOptions = {}): Promise<string> {
  const { quorum = 0, ...rest } = options;
  const decision = plainDecision(quorum, 'as the test says');
  const { content, digest } = await createCommand({ plan: { objective: 'lie in a shard', ...draft }, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision, ...rest });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

/** A plan in that shard: tasks get theirs at random, so it makes tasks until one lies there, and the plan lies beside it. */
export async function createPlanIn(
  store: Store,
  shard: number,
  { draft, quorum = 0 }: { draft: Omit<PlanDraft, 'objective'>; quorum?: number },
): Promise<string> {
  for (;;) {
    const created = await store.createTask({ request: requestOf('lie in a shard'), actor: ANN });
    if (!created.ok) throw new Error(created.refusal.message);
    const { id } = created.value;
    if (shardOf(id) !== shard) continue;
    await store.startPlanning(id, 'token');
    return createPlan(store, draft, { quorum, task: { id, token: 'token' } });
  }
}

export async function planOf(store: Store, planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}

export interface Hands extends Consumer {
  /** the steps in hand, in the order in which they were taken */
  readonly running: readonly StepJob[];
  /** how many there ever were at once */
  readonly most: number;
  /** Completes the oldest step in hand that suits; false where there is none. */
  finish(suits?: (job: StepJob) => boolean): boolean;
  /** Completes what is in hand, and from now on each step as soon as it is taken. */
  letGo(): void;
}

/** Takes steps of all shards, and holds each until it is told to finish it. */
export function takeSteps(store: Store, concurrency: number): Hands {
  const running: { job: StepJob; finish: () => void }[] = [];
  let most = 0;
  let holding = true;
  const consumer = store.consumeSteps(
    async (job, _lease, early) => {
      const token = early?.token ?? randomUUID();
      const claimed = early?.reply ?? (await store.claimStep(job, { token, executor: 'test' }));
      if (!claimed.ok) return { word: claimed.refusal };
      await new Promise<void>((resolve) => {
        running.push({ job, finish: resolve });
        most = Math.max(most, running.length);
        if (!holding) resolve();
      });
      running.splice(
        running.findIndex((each) => each.job === job),
        1,
      );
      const hold = { planId: job.planId, stepId: job.stepId, token };
      return { word: 'completed', completion: { hold, output: '1', onReply: () => {} } };
    },
    { concurrency, executor: 'test', persist: (call) => call(), onError: () => {} },
  );
  const letGo = (): void => {
    holding = false;
    for (const { finish } of running) finish();
  };
  return {
    get running() {
      return running.map(({ job }) => job);
    },
    get most() {
      return most;
    },
    finish(suits = () => true) {
      const found = running.find(({ job }) => suits(job));
      found?.finish();
      return found !== undefined;
    },
    letGo,
    async close() {
      letGo();
      await consumer.close();
    },
  };
}
