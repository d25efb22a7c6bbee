/** Feedback and summaries where no model is configured: by rules. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan, PlanDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { recordStep, stepOf } from './record-step.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, planner: true });
  mkdirSync(join(fleet.folder, 'docs'));
  writeFileSync(join(fleet.folder, 'docs', 'one.md'), 'one\ntwo\n');
});
afterAll(() => fleet?.close());

const FAILS = { failAttempts: 9 };
const ask = ({ id }: Plan, feedback: string) => fleet.send(id, 'revise', { feedback }, { 'x-actor': 'ann' });

async function answered({ id }: Plan, status: 'done' | 'failed'): Promise<Plan> {
  await expect.poll(async () => (await fleet.plan(id)).planning?.status, { timeout: 20_000 }).toBe(status);
  return fleet.plan(id);
}

async function planned(objective: string): Promise<Plan> {
  const { task } = (await fleet.call('POST', '/v1/tasks', { body: { objective } })).body;
  await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 20_000 }).toBe('planned');
  return fleet.plan(String((await fleet.task(task.id)).planId));
}

test('feedback that the rules understand adds to the plan, and what is approved then is run', async () => {
  const plan = await planned('count the lines in docs');
  const asked = await ask(plan, 'then write the result to report.md');
  expect([asked.status, asked.body.plan.planning.kind]).toEqual([202, 'revise']);
  const revised = await answered(plan, 'done');
  expect(revised.steps.map(({ tool }) => tool)).toEqual(['fs.stats', 'fs.write']);
  // Its tool may have been asked about the older revision already.
  expect({ ...revised.steps[0], effects: null }).toEqual({ ...plan.steps[0], effects: null });
  expect((await fleet.call('GET', `/v1/plans/${plan.id}/revisions`)).body.items[1]).toMatchObject({ origin: 'rules', createdBy: 'ann' });
  await fleet.approve(revised);
  await fleet.until(plan.id, 'completed');
  expect(readFileSync(join(fleet.folder, 'report.md'), 'utf8')).toContain('"lines"');
});

test('feedback with "instead" replaces the steps', async () => {
  const plan = await planned('count the lines in docs');
  await ask(plan, 'instead, list the files in docs');
  const revised = await answered(plan, 'done');
  expect(revised).toMatchObject({
    revision: 2,
    objective: 'count the lines in docs',
    steps: [{ tool: 'fs.list', input: { path: 'docs' } }],
  });
});

test('feedback that they do not understand changes nothing, and the error says what they do', async () => {
  const plan = await fleet.reviewed((await planned('count the lines in docs')).id);
  await ask(plan, 'make it nicer');
  const { planning, ...same } = await answered(plan, 'failed');
  expect(planning).toMatchObject({
    feedback: 'make it nicer',
    error: { code: 'not_understood', message: expect.stringContaining('then write everything to report.md') },
    rounds: [{ planner: 'rules', model: null }],
  });
  expect(same).toMatchObject({ revision: 1, digest: plan.digest, status: 'pending_approval', steps: plan.steps });
});

test.each([
  ['completed', [recordStep('look', { value: 'seven doors' })], ['completed', 'seven doors']],
  [
    'partial',
    [recordStep('look', { value: 'seven doors' }), recordStep('fails', FAILS)],
    ['seven doors', 'What failed', 'attempt 1 fails'],
  ],
  ['failed', [recordStep('fails', FAILS), recordStep('behind', {}, { dependsOn: ['fails'] })], ['The plan failed', 'attempt 1 fails']],
] as const)('the summary of a %s plan is plain text with its objective, outputs and errors', async (status, steps, words) => {
  const draft: PlanDraft = { objective: 'find out what there is', steps: [...steps], options: { summarize: true, stopOnError: false } };
  const plan = await answered(await fleet.launchUntil(draft, status), 'done');
  expect(plan).toMatchObject({ status, planning: { kind: 'summarise', rounds: [{ planner: 'rules' }] } });
  for (const each of ['find out what there is', ...words]) expect(plan.response).toContain(each);
});

test('a replan is beyond the rules: the plan stays failed, and is summarised where it asks for that', async () => {
  const options = { replan: { maxRevisions: 1 }, summarize: true };
  const { id } = await fleet.launch({ objective: 'go on somehow', steps: [recordStep('fails', FAILS)], options });
  await expect.poll(async () => (await fleet.plan(id)).response, { timeout: 20_000 }).not.toBeNull();
  const plan = await fleet.plan(id);
  expect(plan).toMatchObject({ status: 'failed', revision: 1, planning: { kind: 'summarise', number: 2 } });
  expect(stepOf(plan, 'fails').status).toBe('failed');
});
