/** Ways to get a plan run that is there, past the API: the queue, the dashboard, the clock, what late processes say. */
import { once } from 'node:events';
import { request } from 'node:http';
import { type Plan, plainDecision } from '@countersign/shared';
import { expect } from 'vitest';
import { type Ground, MALLORY, type Target } from './ground.ts';
import type { Way } from './ways-of-calls.ts';

const PATIENT = { timeout: 30_000, interval: 20 };

const generationOf = ({ steps }: Plan): number => steps[0]?.generation ?? 1;

/** What the engine would put into the queue for the plan's first step, under the very id that it would have. */
function jobOf(plan: Plan, delivery: number) {
  const generation = generationOf(plan);
  const data = { planId: plan.id, stepId: 'a', revision: plan.revision, generation, delivery };
  const id = `${plan.id}-a-${generation}${delivery > 1 ? `.${delivery}` : ''}`;
  return { id, data, name: plan.steps[0]?.tool ?? 'test.record' };
}

/** Waits until an executor is done with the job. */
const handled = (ground: Ground, jobId: string): Promise<void> =>
  expect.poll(() => ground.steps.getJobState(jobId), PATIENT).toMatch(/^(completed|failed|unknown)$/);

async function jobsByHand(ground: Ground, { plan }: Target): Promise<void> {
  for (const delivery of [0, 1, 2]) {
    const { id, name, data } = jobOf(plan, delivery);
    await ground.steps.add(name, data, { jobId: id });
    await handled(ground, id);
    await ground.steps.remove(id);
  }
}

/** fetch would set Sec-Fetch-Site by itself. */
async function press({ fleet }: Ground, jobId: string, button: 'retry' | 'promote'): Promise<void> {
  const headers = { 'sec-fetch-site': 'same-origin', 'x-actor': MALLORY };
  const sent = request(`${fleet.url}/admin/queues/api/queues/steps/${jobId}/${button}`, { method: 'PUT', headers });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  expect(response.statusCode, button).toBe(204);
}

async function onTheDashboard(ground: Ground, { plan }: Target): Promise<void> {
  const { id, name, data } = jobOf(plan, 1);
  await ground.steps.add(name, data, { jobId: id, delay: 3_600_000 });
  await press(ground, id, 'promote');
  await handled(ground, id);
  await ground.steps.remove(id);
  // A job that failed, as a step's would be that had run before.
  await ground.steps.add(name, data, { jobId: id, delay: 3_600_000 });
  const key = (part: string): string => ground.steps.toKey(part);
  await ground.redis.multi().zrem(key('delayed'), id).zadd(key('failed'), Date.now(), id).hset(key(id), 'failedReason', 'x').exec();
  await press(ground, id, 'retry');
  await handled(ground, id);
  await ground.steps.remove(id);
}

async function clockAndReconciler(ground: Ground, { plan }: Target): Promise<void> {
  const { redis, store } = ground;
  const due = ['start', 'stop', 'gate'].map((kind) => (kind === 'gate' ? `gate:${plan.id}:b` : `${kind}:${plan.id}`));
  for (const member of due) await redis.zadd('{cs0}:due', 1, member);
  await redis.zadd('{cs0}:plans:executing', 0, plan.id);
  for await (const { planId } of store.runDue()) expect(planId).not.toBe(plan.id);
  // That it stands where its status is not is put right, and nothing else.
  for await (const { planId, what } of store.reconcile({ restMs: 0 })) if (planId === plan.id) expect(what).toBe('placed');
  await redis.zrem('{cs0}:plans:executing', plan.id);
  await redis.zrem('{cs0}:due', ...due);
}

/** All that an executor could still have to say of a step, with whatever it may have in hand. */
async function lateExecutor({ store }: Ground, { plan }: Target): Promise<void> {
  const error = { code: 'tool_error' as const, message: 'late', retryable: true };
  for (const generation of new Set([1, generationOf(plan)])) {
    for (const delivery of [0, 1, 2]) {
      const claimed = await store.claimStep({ planId: plan.id, stepId: 'a', generation, delivery }, { token: 'late', executor: 'late' });
      expect(claimed.ok).toBe(false);
    }
  }
  for (const token of ['late', '']) {
    const hold = { planId: plan.id, stepId: 'a', token };
    const said = [
      await store.beginStep(hold, null),
      await store.beginStep(hold, '{}'),
      await store.expandStep({ ...hold, stepId: 'd' }, ['1']),
      await store.askApproval({ ...hold, stepId: 'b' }, { resolvedInput: null, message: 'Run b?' }),
      await store.declineStep(hold),
      await store.failStep(hold, { error, delayMs: 0 }),
      await store.completeStep(hold, '{}'),
      await store.releaseStep(hold),
    ];
    expect(said.filter(({ ok }) => ok)).toEqual([]);
  }
}

/** A revision that asks nobody, from a planner that was asked long ago. */
async function latePlanner({ store, fleet }: Ground, { plan }: Target): Promise<void> {
  const content = (await store.getRevision(plan.id, plan.revision))?.content;
  if (content === undefined) throw new Error(`there is no plan ${plan.id}`);
  for (const number of [0, 1, 2]) {
    const outcome = await store.revisePlan(plan.id, {
      content: { ...content, description: 'late' },
      digest: `sha256:${'1'.repeat(64)}`,
      origin: 'openai',
      actor: { id: 'planner', roles: [] },
      decision: plainDecision(0, 'nobody is asked'),
      basedOn: plan.digest,
      request: { planId: plan.id, number, token: 'late' },
    });
    expect(outcome.ok).toBe(false);
  }
  expect((await fleet.plan(plan.id)).revision).toBe(plan.revision);
}

export const WAYS_AROUND: readonly Way[] = [
  { name: 'its jobs, added to the queue by hand', by: [], attempt: jobsByHand },
  { name: 'its jobs on the dashboard: promote, retry', by: [], attempt: onTheDashboard },
  { name: 'the clock and the reconciler, told that it is due', by: [], attempt: clockAndReconciler },
  { name: 'what an executor says too late', by: [], attempt: lateExecutor },
  { name: 'what a planner says too late', by: [], attempt: latePlanner },
];
