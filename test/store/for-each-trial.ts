/** Plans with a forEach step, on a store whose clock the test sets. */
import type { PlanDraft, StepDraft } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, beforeEach } from 'vitest';
import { TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { PlanByHand } from './plan-by-hand.ts';

export const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: TOOL, input: {}, ...more });
export const each = (more: Partial<StepDraft> = {}): StepDraft => step('each', { forEach: '{{input.list}}', ...more });
export const children = (count: number): string[] => Array.from({ length: count }, (_, i) => `each[${i}]`);

export const draft = (steps: StepDraft[], options: PlanDraft['options'] = {}): PlanDraft => ({
  objective: 'one for each',
  input: { list: [] },
  steps,
  options: { maxParallelSteps: 5, ...options },
});

export interface ForEachTrial {
  clock: { now: number };
  /** The plan of the test, which starts at once. */
  start(steps: StepDraft[], options?: PlanDraft['options']): Promise<PlanByHand>;
  /** Does what is due; gives in words what that was. */
  clockRuns(): Promise<string[]>;
}

/** A store for each test. Whatever a test does with its plan, what the events say and what is read must be one in the end. */
export function useForEachTrial(): ForEachTrial {
  const server = useTestRedis();
  const clock = { now: 0 };
  let store: Store;
  let redis: Redis;
  let plan: PlanByHand | null;
  beforeEach(() => {
    clock.now = Date.UTC(2026, 0, 1);
    store = openStore({ redis: { url: server.url }, clock: () => clock.now });
    redis = new Redis(server.url, { maxRetriesPerRequest: null });
    plan = null;
  });
  afterEach(async () => {
    await plan?.eventsAgree();
    await plan?.close();
    redis.disconnect();
    await store.close();
  });
  return {
    clock,
    async start(steps, options) {
      plan = await PlanByHand.start(draft(steps, options), { store, redis });
      return plan;
    },
    async clockRuns() {
      const done: string[] = [];
      for await (const { what } of store.runDue()) done.push(what);
      return done;
    },
  };
}
