/** Every way into execution goes by the policy: whatever somebody does alone, nothing runs that two people have not approved. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ground, type Target } from './ways/ground.ts';
import { approvedByTwoOfThree, unapproved } from './ways/unapproved.ts';
import { WAYS_AROUND } from './ways/ways-around.ts';
import { WAYS_IN } from './ways/ways-in.ts';
import { WAYS_OF_CALLS } from './ways/ways-of-calls.ts';

const WAYS = [...WAYS_OF_CALLS, ...WAYS_AROUND];

let ground: Ground;
/** one for each way */
const ofFormerPolicy: Plan[] = [];
const all: Target[] = [];
beforeAll(async () => {
  ground = await Ground.start();
  ofFormerPolicy.push(...(await Promise.all(WAYS.map(() => approvedByTwoOfThree(ground)))));
  await ground.changePolicy();
});
afterAll(() => ground?.close());

/** Holds that a way goes by what the table says of it: that is what the last test relies on. */
function expectCalled(by: readonly string[]): void {
  expect([...ground.called]).toEqual(expect.arrayContaining([...by]));
}

test.each(WAYS)('a plan is not run by: $name', async ({ by, attempt }) => {
  ground.called.clear();
  const targets = await unapproved(ground, ofFormerPolicy.pop() as Plan);
  all.push(...targets.map(([, target]) => target));
  const attempts = targets.map(async ([why, target]) => {
    await attempt(ground, target).catch((error: Error) => {
      throw new Error(`a plan ${why}: ${error.message}`, { cause: error });
    });
  });
  await Promise.all(attempts);
  expectCalled(by);
  for (const [why, target] of targets) {
    await ground.expectNothingStarted(target).catch((error: Error) => {
      throw new Error(`a plan ${why} was run: ${error.message}`, { cause: error });
    });
  }
});

async function expectWaiting(plans: readonly Plan[]): Promise<void> {
  const targets = await Promise.all(plans.map((plan) => ground.target(plan)));
  for (const { plan } of targets) {
    const now = await ground.fleet.plan(plan.id);
    expect(now.status).toMatch(/^(draft|pending_approval)$/);
    // What ran of a plan that was approved ran before its revision.
    const ran = now.steps.filter(({ status }) => status !== 'pending' && status !== 'completed');
    expect(ran).toEqual([]);
    expect(ground.fleet.calls(plan.id).filter((stepId) => stepId !== 'a' || now.revision === 1)).toEqual([]);
    const events = await ground.fleet.events(plan.id);
    const current = events.filter(({ revision, type }) => revision === now.revision && type !== 'plan.voted').map(({ type }) => type);
    expect(current.filter((type) => /approved|started|step\./.test(type))).toEqual([]);
  }
  all.push(...targets);
}

test.each(WAYS_IN)('a plan does not come in and run by: $name', async ({ by, attempt }) => {
  ground.called.clear();
  const plans = await attempt(ground);
  expectCalled(by);
  await expectWaiting(plans);
});

describe('with other planners', () => {
  test('a plan does not come in and run by: a task for the rules', async () => {
    await ground.fleet.planner?.end();
    await ground.fleet.startPlanner();
    mkdirSync(join(ground.fleet.folder, 'docs'));
    writeFileSync(join(ground.fleet.folder, 'docs', 'one.md'), 'one\n');
    const objective = 'count the lines in docs, then write the result to report.md';
    await expectWaiting([await ground.planned({ objective, options: { autoApprove: true, requireApproval: false } })]);
    expect(existsSync(join(ground.fleet.folder, 'report.md'))).toBe(false);
  });

  test('a plan does not come in and run by: a planner without a policy file', async () => {
    await ground.fleet.planner?.end();
    await ground.fleet.startPlanner({ POLICY_FILE: '' });
    const plan = await ground.planned({ template: 'record', options: { autoApprove: true } });
    expect(plan.policy).toMatchObject({ rule: null, outcome: 'approve', reason: expect.stringContaining('the API has another policy') });
    await expectWaiting([plan]);
    // The API decides with the first vote; that one does not count.
    const vote = await ground.post(plan, 'approve', { digest: plan.digest });
    expect([vote.status, vote.body.code]).toEqual([409, 'policy_changed']);
    expect((await ground.fleet.plan(plan.id)).policy).toMatchObject({ rule: 'two', demands: [{ count: 2, have: 0 }, { count: 1 }] });
  });
});

test('nothing of all those plans has run since, while everything that moves plans had its turn', async () => {
  await ground.everythingMoves();
  expect(all.length).toBeGreaterThan(WAYS.length * 7);
  for (const target of all) {
    const { calls, starts } = target.before;
    expect([ground.fleet.calls(target.plan.id), await ground.starts(target.plan)]).toEqual([
      calls,
      (await ground.fleet.call('GET', `/v1/plans/${target.plan.id}`)).status === 404 ? [] : starts,
    ]);
  }
});

test('the table has every operation that changes something and every tool of agents', async () => {
  const listed = new Set([...WAYS, ...WAYS_IN].flatMap(({ by }) => by));
  const changing = ground.operations.filter(({ changes }) => changes).map(({ id }) => id);
  const { tools } = await ground.agent.client.listTools();
  expect(changing.length).toBeGreaterThan(20);
  expect(tools.length).toBeGreaterThan(15);
  expect([...changing, ...tools.map(({ name }) => name)].filter((name) => !listed.has(name))).toEqual([]);
});
