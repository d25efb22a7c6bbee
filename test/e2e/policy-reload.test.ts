/** A policy file that is replaced while two APIs and a planner run, and while plans wait. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Json, type Plan, readPolicy } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, Fleet } from './fleet.ts';
import type { ServiceProcess } from './processes.ts';
import { recordStep } from './record-step.ts';

const PATIENT = { timeout: 30_000, interval: 20 };
const folder = mkdtempSync(join(tmpdir(), 'countersign-reload-'));
const file = join(folder, 'policy.yaml');

let fleet: Fleet;
/** two APIs, by their addresses */
let urls: [string, string];
const readers: ServiceProcess[] = [];
beforeAll(async () => {
  writeFileSync(file, JSON.stringify(asking(2)));
  fleet = await Fleet.start({ executors: 1, planner: true, env: { POLICY_FILE: file } });
  const [first, firstUrl] = [fleet.api as ServiceProcess, fleet.url];
  await fleet.startApi();
  urls = [firstUrl, fleet.url];
  readers.push(first, fleet.api as ServiceProcess, fleet.planner as ServiceProcess);
});
afterAll(async () => {
  await fleet?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** So many approvals, for whatever plan; each `name` is another policy. */
const asking = (count: number, name = `ask-${count}`): Json => ({ rules: [{ name, then: { approve: { count } } }] });

async function versionOf(policy: Json): Promise<string> {
  const reading = await readPolicy(policy);
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading.policy.version;
}

const at = async (url: string, path: string, { as = 'ada', body }: { as?: string; body?: object } = {}): Promise<Answer> => {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', 'x-actor': as },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json(), headers: response.headers };
};
const create = async (url: string, body: object = {}): Promise<Plan> =>
  (await at(url, '/v1/plans', { body: { objective: 'wait', steps: [recordStep('a')], ...body } })).body.plan;
const vote = (url: string, { id, digest }: Plan, as: string) => at(url, `/v1/plans/${id}/approve`, { as, body: { digest } });

/** Waits until everybody who reads the file has it in force. */
async function inForce(policy: Json): Promise<void> {
  const version = await versionOf(policy);
  for (const reader of readers)
    await reader.logged((line) => String(line.message).startsWith('policy loaded anew') && line.version === version);
  for (const url of urls) expect((await at(url, '/v1/policy')).body.policy).toMatchObject({ version, problems: [] });
}

/** As Kubernetes mounts a ConfigMap: the file is a link by way of another link, and that one is replaced. */
function mount(name: string, policy: Json): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'policy.yaml'), JSON.stringify(policy));
  symlinkSync(name, join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
}

test.each<[string, (policy: Json) => void]>([
  ['written over', (policy) => writeFileSync(file, JSON.stringify(policy))],
  [
    'renamed over',
    (policy) => {
      writeFileSync(join(folder, 'next'), JSON.stringify(policy));
      renameSync(join(folder, 'next'), file);
    },
  ],
  [
    'replaced by a link',
    (policy) => {
      mount('v1', policy);
      symlinkSync(join('..data', 'policy.yaml'), join(folder, 'next'));
      renameSync(join(folder, 'next'), file);
    },
  ],
  ['swapped behind a link', (policy) => mount('v2', policy)],
])('a file that is %s: both APIs and the planner go by it, and a vote under the former one is void', async (how, replace) => {
  const [one, two] = urls;
  const plan = await create(one);
  expect((await vote(two, plan, 'bob')).body.plan.policy.demands).toMatchObject([{ count: 2, have: 1 }]);
  const policy = asking(2, how.replaceAll(' ', '-'));
  replace(policy);
  await inForce(policy);

  const refused = await vote(two, plan, 'cas');
  expect([refused.status, refused.body.code, refused.body.policyVersion]).toEqual([409, 'policy_changed', await versionOf(policy)]);
  expect(await fleet.plan(plan.id)).toMatchObject({ status: 'pending_approval', approvals: [], digest: plan.digest });
  expect((await vote(one, plan, 'cas')).body.plan.status).toBe('pending_approval');
  expect(fleet.calls(plan.id)).toEqual([]);
  expect((await vote(two, plan, 'bob')).status).toBe(200);
  await fleet.until(plan.id, 'completed');

  const { body } = await at(one, '/v1/tasks', { body: { objective: 'list the files in .' } });
  await expect.poll(async () => (await fleet.task(body.task.id)).status, PATIENT).toBe('planned');
  const planned = await fleet.plan(String((await fleet.task(body.task.id)).planId));
  expect(planned.policy.version).toBe(await versionOf(policy));
});

test('a broken file changes nothing, and everybody who reads it says so, until it is mended', async () => {
  const before = asking(2, 'before-it-broke');
  mount('v3', before);
  await inForce(before);
  const plan = await create(urls[0]);
  await vote(urls[1], plan, 'bob');

  mkdirSync(join(folder, 'v4'));
  writeFileSync(join(folder, 'v4', 'policy.yaml'), 'rules:\n  - name: open\n    when: { risks: read }\n    then: { auto: always }\n');
  symlinkSync('v4', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  const problem = `POLICY_FILE: ${file}:3:13: rules[0].when.risks: there is no such field`;
  for (const reader of readers) {
    const line = await reader.logged(({ message }) => String(message).includes('cannot be used as it is'));
    expect(line).toMatchObject({ level: 'error', version: await versionOf(before), problems: [problem] });
  }
  for (const url of urls) {
    expect((await at(url, '/v1/policy')).body.policy).toMatchObject({ version: await versionOf(before), problems: [problem] });
    expect((await create(url, { options: { autoApprove: true } })).policy).toMatchObject({ rule: 'before-it-broke' });
  }
  // Votes under the policy that stayed go on counting.
  expect((await vote(urls[0], plan, 'cas')).status).toBe(200);
  await fleet.until(plan.id, 'completed');
  const mended = asking(3, 'mended');
  mount('v5', mended);
  await inForce(mended);
});

test('votes at both APIs at once, right after a change, decide the plan anew once, and those under the former policy are void', async () => {
  const plans = await Promise.all(Array.from({ length: 10 }, (_, number) => create(urls[number % 2] as string)));
  await Promise.all(plans.map((plan) => vote(urls[0], plan, 'bob')));
  const policy = asking(1, 'one');
  mount('v6', policy);
  await inForce(policy);
  for (const plan of plans) {
    const votes = await Promise.all([vote(urls[0], plan, 'cas'), vote(urls[1], plan, 'dan'), vote(urls[1], plan, 'bob')]);
    expect(votes.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
    const submitted = (await fleet.events(plan.id)).filter(({ type }) => type === 'plan.submitted');
    expect(submitted.map(({ data }) => (data.policy as { rule: string }).rule)).toEqual(['mended', 'one']);
    // At least one vote found out and was refused; a later one, under the new policy, may have counted.
    expect(votes.filter(({ body }) => body.code === 'policy_changed').length).toBeGreaterThan(0);
    const now = await fleet.plan(plan.id);
    expect(now.approvals.every((approval) => approval.policy === now.policy.version)).toBe(true);
    if (now.status === 'pending_approval') expect((await vote(urls[0], plan, 'cas')).status).toBe(200);
    await fleet.until(plan.id, 'completed');
    expect((await fleet.plan(plan.id)).approvals).toHaveLength(1);
  }
});

test('an API whose file is another than the planner’s decides the planner’s plans anew, and starts none unasked', async () => {
  const other = join(folder, 'other.yaml');
  writeFileSync(other, JSON.stringify({ rules: [{ name: 'open', then: { auto: 'always' } }] }));
  await fleet.planner?.end();
  await fleet.startPlanner({ POLICY_FILE: other });
  const { body } = await at(urls[0], '/v1/tasks', { body: { objective: 'list the files in .', options: { autoApprove: true } } });
  await expect.poll(async () => (await fleet.task(body.task.id)).status, PATIENT).toBe('planned');
  const plan = await fleet.plan(String((await fleet.task(body.task.id)).planId));
  expect(plan).toMatchObject({
    status: 'pending_approval',
    policy: { rule: 'open', outcome: 'approve', reason: expect.stringContaining('the API has another policy') },
  });
  expect((await vote(urls[1], plan, 'bob')).body.code).toBe('policy_changed');
  expect((await fleet.plan(plan.id)).policy.rule).toBe('one');
  expect((await vote(urls[0], plan, 'bob')).status).toBe(200);
  await fleet.until(plan.id, 'completed');
});
