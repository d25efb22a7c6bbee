/** What both tests of the model share: a Redis with a store whose clock they set, and plans to try things on. */
import { digestOf, type PlanDraft, type ToolContract, validatePlan } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { startTestRedis } from '../redis/test-redis.ts';
import { TOOL } from './generators.ts';
import type { CommandOf } from './plan-state.ts';
import type { Clock } from './sides.ts';

export interface Trial {
  store: Store;
  clock: Clock;
  close(): Promise<void>;
}

/** Where the clock stands when a plan is created. */
export const START = Date.UTC(2026, 0, 1);

export async function openTrial(): Promise<Trial> {
  const redis = await startTestRedis();
  const clock: Clock = { now: START };
  const store = openStore({ redisUrl: redis.url, clock: () => clock.now });
  return {
    store,
    clock,
    async close() {
      await store.close();
      await redis.stop();
    },
  };
}

const echo: ToolContract = {
  name: TOOL,
  description: 'Gives back what it gets.',
  risk: 'read',
  inputSchema: { type: 'object' },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
};

export interface Submission {
  plan: PlanDraft;
  quorum: number;
  draft: boolean;
}

/** The command that creates a plan, with the content and the digest that the API would make of it. */
export async function createCommand({ plan, quorum, draft }: Submission): Promise<CommandOf<'create'>> {
  const result = validatePlan(plan, { tools: new Map([[TOOL, echo]]) });
  if (!result.valid) throw new Error(`the plan is not valid: ${JSON.stringify(result.issues)}`);
  const { content } = result;
  return { do: 'create', actor: 'ann', content, digest: await digestOf(content), quorum, autoReason: 'nobody has to', draft };
}
