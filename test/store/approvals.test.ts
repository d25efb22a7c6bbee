/** The one place in which a plan becomes approved, and what holds executors off where nothing says that it was. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Demand, type PolicyDecision, plainDecision, type Role } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { ANN, planOf } from './plan-by-hand.ts';

const server = useTestRedis();
let store: Store;
let redis: Redis;
beforeEach(() => {
  store = openStore({ redis: { url: server.url } });
  redis = new Redis(server.url);
});
afterEach(async () => {
  redis.disconnect();
  await store.close();
});

const VERSION = `sha256:${'1'.repeat(64)}`;
const demand = (count: number, roles: Role[] = [], notSubmitter = false): Demand => ({ count, roles, notSubmitter });
const asks = (...demands: Demand[]): PolicyDecision => ({ version: VERSION, rule: 'r', outcome: 'approve', demands, reason: 'r' });
const approver = (id: string, ...roles: Role[]) => ({ id, roles: ['approver' as const, ...roles] });
const PLAN = { objective: 'x', steps: [{ id: 'a', tool: TOOL }] };

async function create(decision: PolicyDecision): Promise<{ id: string; digest: string }> {
  const { content, digest } = await createCommand({ plan: PLAN, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ada', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return { id: created.value.id, digest };
}

const stepsOf = (planId: string): string => `{cs0}:plan:${planId}:steps`;
const delivery = (planId: string) => ({ planId, stepId: 'a', generation: 1, delivery: 1 });
const hold = (planId: string) => ({ planId, stepId: 'a', token: 't' });
const claim = (planId: string) => store.claimStep(delivery(planId), { token: 't', executor: 'x' });

test('two votes at the same moment complete two demanded approvals once', async () => {
  for (let round = 0; round < 20; round++) {
    const { id, digest } = await create(asks(demand(2)));
    const votes = ['bob', 'cas', 'dan'].map((name) => store.approvePlan(id, { actor: approver(name), digest, policyVersion: VERSION }));
    const outcomes = await Promise.all(votes);
    expect(outcomes.filter(({ ok }) => ok).length).toBe(2);
    expect(outcomes.find((outcome) => !outcome.ok)).toMatchObject({ refusal: { code: 'wrong_state' } });
    const types = (await store.readEvents(id)).map(({ type }) => type);
    expect(types.filter((type) => type === 'plan.approved' || type === 'plan.started')).toEqual(['plan.approved', 'plan.started']);
  }
});

test('a vote is recorded with the roles of its actor and the version of the policy', async () => {
  const { id, digest } = await create(asks(demand(2)));
  await store.approvePlan(id, { actor: approver('bob', 'operator'), digest, policyVersion: VERSION, comment: 'fine' });
  const vote = { actor: 'bob', roles: ['approver', 'operator'], policy: VERSION, digest, comment: 'fine', at: expect.any(String) };
  expect((await store.audit(id))?.votes).toEqual([vote]);
  const events = await store.readEvents(id);
  expect(events.find(({ type }) => type === 'plan.submitted')?.data).toMatchObject({ policy: asks(demand(2)) });
  expect(events.find(({ type }) => type === 'plan.voted')?.data).toMatchObject({ roles: vote.roles, policy: VERSION, have: 1, need: 2 });
});

test.each([
  ['the submitter', demand(1, [], true), approver('ada'), /the plan is yours, and the policy asks for 1 approval by an approver, not ada/],
  ['somebody without the role', demand(1, ['operator']), approver('bob'), /you have the role approver, and .* 1 approval by an operator/],
])('a vote of %s is refused with who could', async (_who, demanded, actor, message) => {
  const { id, digest } = await create(asks(demanded));
  const refused = await store.approvePlan(id, { actor, digest, policyVersion: VERSION });
  expect(refused).toMatchObject({ ok: false, refusal: { code: 'forbidden', message: expect.stringMatching(message) } });
  expect(await planOf(store, id)).toMatchObject({ status: 'pending_approval', approvals: [] });
});

test.each([
  ['on another digest', { digest: `sha256:${'0'.repeat(64)}` }],
  ['under another version of the policy', { policy: `sha256:${'2'.repeat(64)}` }],
])('a recorded vote %s does not count', async (_what, other) => {
  const { id, digest } = await create(asks(demand(2)));
  const vote = { actor: 'bob', at: 1, digest, comment: null, roles: ['approver'], policy: VERSION, ...other };
  await redis.rpush(`{cs0}:plan:${id}:votes`, JSON.stringify(vote));
  await store.approvePlan(id, { actor: approver('cas'), digest, policyVersion: VERSION });
  expect(await planOf(store, id)).toMatchObject({ status: 'pending_approval', policy: { demands: [{ have: 1 }] } });
});

test('what policy denies is no plan, also where a caller forgets to look', async () => {
  const decision: PolicyDecision = { version: VERSION, rule: 'never', outcome: 'deny', demands: [], reason: 'not here' };
  const { content, digest } = await createCommand({ plan: PLAN, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ada', decision });
  expect(created).toMatchObject({ ok: false, refusal: { code: 'policy_denied', message: 'not here', detail: { rule: 'never' } } });
  expect((await store.listPlans({ limit: 10 })).items).toEqual([]);
});

test.each([
  ['nothing says that it was approved', (planId: string) => redis.hdel(stepsOf(planId), '=')],
  ['another revision was approved', (planId: string) => redis.hset(stepsOf(planId), '=', '2')],
])('no step of an executing plan is taken or begun where %s', async (_what, tamper) => {
  const [before, between] = [await create(plainDecision(0, 'x')), await create(plainDecision(0, 'x'))];
  await tamper(before.id);
  expect(await claim(before.id)).toEqual({ ok: false, refusal: 'not_approved' });
  expect(await claim(between.id)).toMatchObject({ ok: true });
  await tamper(between.id);
  for (const resolvedInput of [null, '{}']) {
    expect(await store.beginStep(hold(between.id), resolvedInput)).toEqual({ ok: false, refusal: 'not_approved' });
  }
});

test('a plan whose revision was not approved is not retried, and is not started by the clock', async () => {
  const failing = await create(plainDecision(0, 'x'));
  await claim(failing.id);
  await store.failStep(hold(failing.id), { error: { code: 'tool_error', message: 'no', retryable: false }, delayMs: 0 });
  await redis.hdel(stepsOf(failing.id), '=');
  for (const retry of [store.retryPlan(failing.id, { actor: ANN }), store.retryStep(failing.id, 'a', { actor: ANN })]) {
    expect(await retry).toMatchObject({ ok: false, refusal: { code: 'wrong_state', message: expect.stringContaining('no approval') } });
  }
  const startAt = new Date(Date.now() + 60_000).toISOString();
  const decision = plainDecision(0, 'x');
  const { content, digest } = await createCommand({ plan: { ...PLAN, options: { startAt } }, decision, draft: false });
  const later = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ada', decision });
  const id = later.ok ? later.value.id : '';
  await redis.hdel(stepsOf(id), '=');
  const tomorrow = openStore({ redis: { url: server.url }, clock: () => Date.now() + 86_400_000 });
  for await (const due of tomorrow.runDue()) expect(due.planId).not.toBe(id);
  await tomorrow.close();
  expect((await planOf(store, id)).status).toBe('approved');
});

test('the scripts have one place in which a plan becomes approved', () => {
  const folder = new URL('../../packages/store/lua/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.lua'));
  const approving = files.filter((name) => /movePlan\('approved'\)/.test(readFileSync(new URL(name, folder), 'utf8')));
  expect(approving).toEqual(['lib/approval.lua']);
  const recording = files.filter((name) => /keepResult\('='|HSET[^\n]*'='/.test(readFileSync(new URL(name, folder), 'utf8')));
  expect(recording).toEqual(['lib/approval.lua']);
});

test('what counts what steps wait for goes when their plan is rejected or expires: it stayed for as long as the plan', async () => {
  const steps = [
    { id: 'a', tool: TOOL },
    { id: 'b', tool: TOOL },
    { id: 'c', tool: TOOL, dependsOn: ['a', 'b'] },
  ];
  const pending = async (): Promise<{ id: string; digest: string }> => {
    const plan = { objective: 'x', steps, options: { approvalTimeoutMs: 1 } };
    const { content, digest } = await createCommand({ plan, decision: asks(demand(1)), draft: false });
    const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: 'ada', decision: asks(demand(1)) });
    if (!created.ok) throw new Error(created.refusal.message);
    expect(await redis.exists(`{cs0}:plan:${created.value.id}:waits`)).toBe(1);
    return { id: created.value.id, digest };
  };
  for (const [status, isLate] of [
    ['rejected', false],
    ['expired', true],
  ] as const) {
    const { id, digest } = await pending();
    const plan = `{cs0}:plan:${id}`;
    if (!isLate) await redis.hdel(plan, 'expiresAt');
    const expiresAt = Number(await redis.hget(plan, 'expiresAt'));
    await expect.poll(() => redis.time().then(([seconds]) => Number(seconds) * 1_000)).toBeGreaterThan(expiresAt);
    await store.rejectPlan(id, { actor: approver('bob'), digest, reason: 'no' });
    expect(await store.getPlan(id)).toMatchObject({ status });
    expect(await redis.exists(`{cs0}:plan:${id}:waits`), status).toBe(0);
  }
});
