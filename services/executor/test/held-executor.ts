/** An executor in this process whose one tool is in the test's hands: a call ends when the test ends it, or its signal aborts. */
import { digestOf, type PlanDraft, plainDecision, type StepDraft, validatePlan } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { defineTool, type ToolContext } from '@countersign/tools';
import { expect } from 'vitest';
import { z } from 'zod';
import { startExecutor } from '../src/executor.ts';

export interface HeldCall {
  ctx: ToolContext;
  end(output: string): void;
  fail(error: Error): void;
}

export interface HeldExecutor {
  calls: HeldCall[];
  /** what was logged, but for debugging: message and fields */
  log: string[];
  /** Resolves with the call of that number, counted from 0. */
  called(number?: number): Promise<HeldCall>;
  close(): Promise<void>;
}

/** `redisUrl` is the executor's way to Redis. */
export async function startHeldExecutor({
  redisUrl,
  commandTimeoutMs,
}: {
  redisUrl: string;
  commandTimeoutMs?: number;
}): Promise<HeldExecutor> {
  const calls: HeldCall[] = [];
  const log: string[] = [];
  const say = (fields: object, message: string): number => log.push(`${message} ${JSON.stringify(fields)}`);
  const held = defineTool({
    name: 'test.held',
    description: 'Is held by the test.',
    risk: 'read',
    input: z.looseObject({}),
    run: (_input, ctx) =>
      new Promise<string>((end, fail) => {
        ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason as Error));
        calls.push({ ctx, end, fail });
      }),
  });
  const store = openStore({ redis: { url: redisUrl }, ...(commandTimeoutMs !== undefined && { commandTimeoutMs }) });
  const executor = await startExecutor({
    store,
    toolbox: { tools: new Map([[held.contract.name, held]]), conditions: new Map() },
    logger: { debug() {}, info: say, warn: say, error: say },
    name: 'held',
    concurrency: 2,
    drainMs: 0,
  });
  return {
    calls,
    log,
    async called(number = 0) {
      await expect.poll(() => calls.length, { timeout: 30_000, interval: 10 }).toBeGreaterThan(number);
      return calls[number] as HeldCall;
    },
    async close() {
      await executor.close();
      await store.close();
    },
  };
}

/** Creates a plan that nobody has to approve, in a store that goes to Redis by itself. */
export async function launch(store: Store, steps: readonly Omit<StepDraft, 'tool'>[], draft: Partial<PlanDraft> = {}): Promise<string> {
  const written = { objective: 'be held', steps: steps.map((step) => ({ ...step, tool: 'test.held' })), ...draft };
  const contracts = new Map((await store.listTools()).map((contract) => [contract.name, contract]));
  const result = validatePlan(written, { tools: contracts, conditions: new Set() });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const decision = plainDecision(0, 'nobody has to');
  const created = await store.createPlan({ content, digest: await digestOf(content), origin: 'manual', createdBy: 'ada', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

export const whenPlanIs = (store: Store, planId: string, status: string): Promise<void> =>
  expect.poll(async () => (await store.getPlan(planId))?.status, { timeout: 30_000 }).toBe(status);
