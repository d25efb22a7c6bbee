import { plainDecision, type StepDraft } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';

const server = useTestRedis();
let store: Store;
beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
});
afterEach(() => store.close());

/** Creates the plan and lets its first step fail. */
async function failedPlan(steps: StepDraft[]): Promise<string> {
  const { content, digest } = await createCommand({
    plan: { objective: 'fail at once', steps },
    decision: plainDecision(0, 'for a test'),
    draft: false,
  });
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  const hold = { planId: created.value.id, stepId: steps[0]?.id as string, token: 'once' };
  await store.claimStep({ ...hold, generation: 1, delivery: 1 }, { token: 'once', executor: 'test' });
  await store.failStep(hold, { error: { code: 'tool_error', message: 'broken', retryable: false }, delayMs: 0 });
  return hold.planId;
}

// Looking behind each step by itself took some 50 million looks, and Redis answered nobody for longer than clients wait.
test('a retry that names each of 10,000 steps looks at what stands behind each of them once', async () => {
  const step = (n: number): StepDraft => ({ id: `s${n}`, tool: TOOL, input: {}, dependsOn: n === 0 ? [] : [`s${n - 1}`] });
  const steps = Array.from({ length: 10_000 }, (_, n) => step(n));
  const planId = await failedPlan(steps);
  const from = steps.map(({ id }) => id);
  expect(await store.retryPlan(planId, { actor: { id: 'ann', roles: ['admin'] }, from })).toMatchObject({ ok: true });
  const plan = await store.getPlan(planId);
  expect(plan?.status).toBe('executing');
  expect(plan?.steps.filter(({ generation }) => generation === 2)).toHaveLength(10_000);
});
