/** Policies in a running fleet: who approves what, and a file that changes while plans wait. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { startService } from './processes.ts';
import { recordStep } from './record-step.ts';

const folder = mkdtempSync(join(tmpdir(), 'countersign-policy-'));
const file = join(folder, 'policy.yaml');

/** As an editor saves it: another file in the place of the first. */
function write(...rules: string[]): void {
  writeFileSync(join(folder, 'next'), `rules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`);
  renameSync(join(folder, 'next'), file);
}

const TWO_FOR_MANY = '{ name: many, when: { steps: { min: 2 } }, then: { approve: { count: 2 } } }';
const OTHERS = '{ name: others, then: { approve: { count: 1, notSubmitter: true } } }';

let fleet: Fleet;
let versions = 0;
/** The policy begins anew with each test, under a version of its own. */
const begin = (...rules: string[]): Promise<string> => {
  write(`{ name: 'version ${++versions}', when: { steps: { min: 9999 } }, then: auto }`, ...rules);
  return inForce(`version ${versions}`);
};

const policyNow = async () => (await fleet.call('GET', '/v1/policy')).body.policy;

/** Waits until the API and the planner have the policy whose first rule this is; gives its version. */
async function inForce(rule: string): Promise<string> {
  const first = async () => (await policyNow()).rules[0]?.name;
  await expect.poll(first, { timeout: 20_000, interval: 20 }).toBe(rule);
  const { version } = await policyNow();
  await fleet.planner?.logged(({ message, version: loaded }) => /^policy loaded/.test(String(message)) && loaded === version);
  return version;
}

beforeAll(async () => {
  write(OTHERS);
  fleet = await Fleet.start({ executors: 1, planner: true, env: { POLICY_FILE: file } });
});
afterAll(async () => {
  await fleet.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => begin(TWO_FOR_MANY, OTHERS));

const steps = (...ids: string[]): StepDraft[] => ids.map((id) => recordStep(id));
const create = async (...ids: string[]): Promise<Plan> =>
  (await fleet.call('POST', '/v1/plans', { body: { objective: 'test policies', steps: steps(...ids) }, headers: { 'x-actor': 'ada' } }))
    .body.plan;
const vote = ({ id, digest }: Plan, actor: string) => fleet.send(id, 'approve', { digest }, { 'x-actor': actor });

test('few steps need somebody else, many need two people, and then they run', async () => {
  const [few, many] = [await create('a'), await create('a', 'b')];
  expect((await vote(few, 'ada')).body.code).toBe('forbidden');
  expect((await vote(few, 'bob')).status).toBe(200);
  expect((await vote(many, 'ada')).body.plan.status).toBe('pending_approval');
  expect(fleet.calls(many.id)).toEqual([]);
  expect((await vote(many, 'bob')).status).toBe(200);
  for (const plan of [few, many]) await fleet.until(plan.id, 'completed');
  expect(fleet.calls(many.id).sort()).toEqual(['a', 'b']);
});

test('a plan that waits while the file changes is decided anew by the next vote, and runs once', async () => {
  const plan = await create('a', 'b');
  expect((await vote(plan, 'bob')).status).toBe(200);
  const version = await begin('{ name: three, then: { approve: { count: 3 } } }');
  const refused = await vote(plan, 'cas');
  expect([refused.status, refused.body.code, refused.body.policyVersion]).toEqual([409, 'policy_changed', version]);
  const asked = await fleet.plan(plan.id);
  expect(asked).toMatchObject({ status: 'pending_approval', approvals: [], policy: { version, rule: 'three' } });
  for (const actor of ['bob', 'cas', 'dan']) expect((await vote(asked, actor)).status).toBe(200);
  const ended = await fleet.until(plan.id, 'completed');
  expect(ended.approvals.map((approval) => approval.policy)).toEqual([version, version, version]);
  expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b']);
});

test('a file that cannot be used leaves the policy in force and says what is wrong', async () => {
  const { version } = await policyNow();
  write('{ name: x, then: allow }');
  await expect.poll(async () => (await policyNow()).problems, { timeout: 20_000, interval: 20 }).toHaveLength(1);
  const { problems, version: still } = await policyNow();
  expect(problems).toEqual([expect.stringMatching(/policy\.yaml:2:22: rules\[0\]\.then: must be `auto`/)]);
  expect(still).toBe(version);
  expect((await create('a', 'b')).policy).toMatchObject({ version, rule: 'many' });
});

test('what the policy denies is no plan, by hand and by the planner', async () => {
  await begin("{ name: closed, when: { origin: [manual, rules] }, then: { deny: 'not today' } }");
  const refused = await fleet.call('POST', '/v1/plans', { body: { objective: 'x', steps: steps('a') } });
  expect([refused.status, refused.body.code, refused.body.rule]).toEqual([403, 'policy_denied', 'closed']);
  const { body } = await fleet.call('POST', '/v1/tasks', { body: { objective: 'Count the files in this folder' } });
  await expect.poll(async () => (await fleet.task(body.task.id)).status, { timeout: 20_000 }).toBe('failed');
  expect((await fleet.task(body.task.id)).error).toMatchObject({ code: 'policy_denied', message: 'not today', detail: { rule: 'closed' } });
});

test.each(['api', 'planner'] as const)('%s does not start with a file that cannot be used', async (name) => {
  const broken = join(folder, 'broken.yaml');
  writeFileSync(broken, 'rules: []\n');
  const service = startService(name, { REDIS_URL: fleet.redis.url, POLICY_FILE: broken, PORT: '0' });
  expect(await service.ended()).toBe(78);
});
