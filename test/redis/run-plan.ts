/** One plan through a store, past the services. */
import { plainDecision } from '@countersign/shared';
import type { Store } from '@countersign/store';
import { expect } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { ANN, planOf } from '../store/plan-by-hand.ts';

/** A plan of one step from its creation to its end: through commands, a worker and the event stream. */
export async function runPlan(store: Store): Promise<void> {
  const plan = { objective: 'from its creation to its end', steps: [{ id: 'a', tool: TOOL }] };
  const decision = plainDecision(0, 'nobody has to');
  const { content, digest } = await createCommand({ plan, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  const worker = store.consumeSteps(
    async (job) => {
      const hold = { planId: job.planId, stepId: job.stepId, token: 'token' };
      await store.claimStep(job, { token: hold.token, executor: 'test' });
      await store.completeStep(hold, '1');
      return { word: 'completed' };
    },
    { concurrency: 1, executor: 'test', persist: (call) => call(), onError: () => {} },
  );
  const types: string[] = [];
  for await (const { type } of store.tailEvents(created.value.id, { signal: AbortSignal.timeout(20_000) })) types.push(type);
  await worker.close();
  expect(types.at(-1)).toBe('plan.completed');
  expect((await planOf(store, created.value.id)).status).toBe('completed');
}
