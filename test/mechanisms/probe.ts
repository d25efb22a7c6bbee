/** A tool that a test watches and holds in its hand, and executors in this process that have it. */
import { startExecutor } from '@countersign/executor';
import {
  digestOf,
  type Event,
  type Json,
  type Plan,
  type PlanDraft,
  plainDecision,
  type StepDraft,
  type StepView,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';
import type { Store } from '@countersign/store';
import type { Tool, ToolContext } from '@countersign/tools';
import { expect, vi } from 'vitest';

const PROBE = 'test.probe';

const CONTRACT: ToolContract = {
  name: PROBE,
  description: 'Is watched by the test.',
  risk: 'write',
  idempotent: false,
  inputSchema: { type: 'object' },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [],
};

export interface ProbeCall extends Pick<ToolContext, 'planId' | 'stepId' | 'attempt' | 'idempotencyKey'> {
  /** whose tool was called */
  executor: string;
}

/** What a call of a step does; the call's number among those of its step counts from 1. */
export type Behaviour = (call: ProbeCall, number: number) => Promise<Json> | Json;

export interface LogLine extends Record<string, unknown> {
  message: string;
}

export class Probe {
  readonly calls: ProbeCall[] = [];
  /** what the executors logged */
  readonly log: LogLine[] = [];
  /** by step; without one a call gives back the name of its executor */
  readonly behaviour = new Map<string, Behaviour>();

  /** The steps that were called, in that order, once for each call. */
  called(planId: string): string[] {
    return this.calls.filter((call) => call.planId === planId).map(({ stepId }) => stepId);
  }

  #tool(executor: string): Tool {
    return {
      contract: CONTRACT,
      check: (input) => ({ ok: true, value: input }),
      run: async (_input, { planId, stepId, attempt, idempotencyKey }) => {
        const call = { planId, stepId, attempt, idempotencyKey, executor };
        this.calls.push(call);
        const number = this.calls.filter((each) => each.planId === planId && each.stepId === stepId).length;
        return (await this.behaviour.get(stepId)?.(call, number)) ?? executor;
      },
    };
  }

  /** An executor of its own on this store; give it back with the function that closes it. */
  async startExecutor(store: Store, name: string): Promise<() => Promise<void>> {
    const write = (fields: object, message: string): void => void this.log.push({ ...fields, message });
    const executor = await startExecutor({
      store,
      toolbox: { tools: new Map([[PROBE, this.#tool(name)]]), conditions: new Map() },
      logger: { debug: write, info: write, warn: write, error: write },
      name,
      concurrency: 10,
      drainMs: 0,
    });
    return () => executor.close();
  }
}

export const probeStep = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: PROBE, input: {}, ...more });

/** Creates a plan; with a quorum of 0 it starts at once. */
export async function createPlan(store: Store, draft: Omit<PlanDraft, 'objective'>, quorum = 0): Promise<Plan> {
  const result = validatePlan({ objective: 'try a mechanism', ...draft }, { tools: new Map([[PROBE, CONTRACT]]) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  const { content } = result;
  const decision = plainDecision(quorum, 'as the test says');
  const created = await store.createPlan({ content, digest: await digestOf(content), origin: 'manual', createdBy: 'ada', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return readPlan(store, created.value.id);
}

export async function readPlan(store: Store, planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}

/** Waits until the plan has that status. */
export async function untilPlan(store: Store, planId: string, status: Plan['status']): Promise<Plan> {
  return vi.waitFor(
    async () => {
      const plan = await readPlan(store, planId);
      expect(plan.status).toBe(status);
      return plan;
    },
    { timeout: 40_000, interval: 20 },
  );
}

export function stepIn({ steps }: Plan, id: string): StepView {
  const step = steps.find((each) => each.id === id);
  if (step === undefined) throw new Error(`the plan has no step ${id}`);
  return step;
}

/** Events of a step in few words: `step.completed`; all but those that say that it waits. */
export async function outcomesOf(store: Store, planId: string, stepId: string): Promise<Event['type'][]> {
  const events = await store.readEvents(planId);
  return events.filter((event) => event.stepId === stepId && ENDS.includes(event.type)).map(({ type }) => type);
}

const ENDS: readonly Event['type'][] = ['step.completed', 'step.failed', 'step.skipped', 'step.cancelled'];

/** Something that is waited for, and the hand that ends the wait. */
export function held(): { wait: Promise<void>; letGo(): void } {
  let letGo = (): void => {};
  const wait = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { wait, letGo: () => letGo() };
}
