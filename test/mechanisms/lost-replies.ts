/**
 * A command that was carried out and whose reply was lost: nobody knows. Whoever repeats it, the connection by itself or the
 * caller after an error, hears what was done, and it was done once.
 */
import type { Plan, StepDraft, StepJob } from '@countersign/shared';
import { type OpenStoreOptions, openStore, type Store } from '@countersign/store';
import { afterAll, beforeAll, expect } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../faults/tcp-proxy.ts';
import { startTestRedis, type TestRedis } from '../redis/test-redis.ts';
import { createPlan, Probe, probeStep, readPlan } from './probe.ts';

export const PATIENT = { timeout: 20_000, interval: 25 };
export const ADA = { id: 'ada', roles: ['admin' as const] };

/** What becomes of the connection on which the reply was lost. */
export const WAYS = ['mended at once', 'away until the caller has given up'] as const;

/** Loses the reply to the next command that holds the marker; with the connection away, gives what brings it back. */
export function loseReply(proxy: TcpProxy, marker: string, way: (typeof WAYS)[number]): Promise<void> {
  return proxy.dropReply(marker).then(() => {
    if (way !== WAYS[0]) proxy.refuse(true);
  });
}

/** All cases, or where the caller has to ask again, which takes a second each time, those that stand for their like. */
export const casesOf = <Case extends { askedAgain?: true }>(cases: Record<string, Case>, way: string): [string, Case][] =>
  Object.entries(cases).filter(([, { askedAgain }]) => way === WAYS[0] || askedAgain);

let server: TestRedis | null = null;
/** The store without a proxy before it. */
export let direct: Store;

export const serverUrl = (): string => server?.url ?? '';

/** One Redis for the tests of this file, which run side by side. */
export function useOneRedis(): void {
  beforeAll(async () => {
    server = await startTestRedis();
    direct = openStore({ redis: { url: server.url } });
    // Contracts of the tool, without anybody who takes steps.
    const closeExecutor = await new Probe().startExecutor(direct, 'announces');
    await closeExecutor();
  });
  afterAll(async () => {
    await direct.close();
    await server?.stop();
  });
}

/** A store whose connections go through a proxy of its own. */
export async function behindProxy<Value>(
  work: (store: Store, proxy: TcpProxy) => Promise<Value>,
  options: Pick<OpenStoreOptions, 'onCommand' | 'tag'> = {},
): Promise<Value> {
  const target = new URL(serverUrl());
  const proxy = await startTcpProxy(() => Number(target.port));
  const store = openStore({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, ...options });
  try {
    return await work(store, proxy);
  } finally {
    await store.close();
    await proxy.close();
  }
}
/** What became of a plan, without what differs between two plans. */
export async function story(planId: string): Promise<unknown> {
  const plan = await readPlan(direct, planId);
  const events = await direct.readEvents(planId);
  return {
    status: plan.status,
    revision: plan.revision,
    approvals: plan.approvals.map(({ actor }) => actor),
    planning: plan.planning?.number,
    steps: plan.steps.map(({ id, status, attempt, generation, output, error, resolvedInput, gate }) => [
      id,
      status,
      attempt,
      generation,
      output,
      error,
      resolvedInput,
      gate?.votes.length,
    ]),
    events: events.map(({ type, stepId, attempt, actor, data }) => [type, stepId, attempt, actor, data.delivery, data.takeover]),
  };
}

/** A plan whose steps are taken by hand: `a` has been claimed with the token. */
export async function claimed(token: string, more: Partial<StepDraft> = {}): Promise<StepJob> {
  const a = probeStep('a', { retry: { maxAttempts: 2, delayMs: 0 }, ...more });
  const { id: planId } = await createPlan(direct, { steps: [a, probeStep('b', { dependsOn: ['a'] }), probeStep('c')] });
  const job = { planId, stepId: 'a', revision: 1, generation: 1, delivery: 1 };
  expect(await direct.claimStep(job, { token, executor: 'one' })).toMatchObject({ ok: true });
  return job;
}

/** A plan that waits for a vote. */
export const waitingPlan = (): Promise<Plan> => createPlan(direct, { steps: [probeStep('a'), probeStep('b')] }, 1);
