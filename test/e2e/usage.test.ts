/** What models take is counted on the task and its plan: planning, revisions, replanning and summaries together. */
import type { Plan, Task, TotalUsage } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelReply } from '../model-server/model-server.ts';
import type { Fleet } from './fleet.ts';
import { recordStep } from './record-step.ts';
import { closeScriptedFleet, keep, planReply, type ScriptedModel, startScriptedFleet, written } from './scripted-model.ts';

let model: ScriptedModel;
let fleet: Fleet;
beforeAll(async () => {
  ({ model, fleet } = await startScriptedFleet());
});
afterAll(() => closeScriptedFleet({ model, fleet }));

const taking = (reply: ModelReply, prompt_tokens: number, completion_tokens: number): ModelReply => ({
  ...(reply as Extract<ModelReply, { content: unknown }>),
  usage: { prompt_tokens, completion_tokens },
});
const summary: ModelReply = { content: { response: 'It is done.' } };
const total = (calls: number, inputTokens: number, outputTokens: number): TotalUsage => ({
  ...{ calls, inputTokens, outputTokens },
  costUsd: null,
});

async function planned(body: object): Promise<{ task: Task; plan: Plan }> {
  const { id } = (await fleet.call('POST', '/v1/tasks', { body })).body.task;
  await expect.poll(async () => (await fleet.task(id)).status, { timeout: 20_000 }).toBe('planned');
  const task = await fleet.task(id);
  return { task, plan: await fleet.plan(String(task.planId)) };
}
const answered = ({ id }: Plan, kind: string) =>
  expect.poll(async () => (await fleet.plan(id)).planning, { timeout: 20_000 }).toMatchObject({ kind, status: 'done' });

test('tokens add up over planning, a revision and a summary, on the plan and on its task, which keeps them when the plan is deleted', async () => {
  model.script([
    taking(planReply(written('a', {}, { tool: 'test.missing' })), 100, 10),
    taking(planReply(written('a', { value: 1 })), 200, 20),
    taking(planReply(keep('a'), written('b', { value: 2 })), 1_000, 300),
    taking(summary, 5_000, 4_000),
  ]);
  const { task, plan } = await planned({ objective: 'do two things', options: { summarize: true } });
  expect(task.rounds.map(({ usage }) => [usage?.inputTokens, usage?.outputTokens])).toEqual([
    [100, 10],
    [200, 20],
  ]);
  expect([task.usage, plan.usage]).toEqual([total(2, 300, 30), total(2, 300, 30)]);

  expect((await fleet.send(plan.id, 'revise', { feedback: 'And a second thing.' })).status).toBe(202);
  await answered(plan, 'revise');
  const revised = await fleet.plan(plan.id);
  expect(revised).toMatchObject({ revision: 2, usage: total(3, 1_300, 330) });

  await fleet.approve(revised);
  await fleet.until(plan.id, 'completed');
  await answered(plan, 'summarise');
  const whole = total(4, 6_300, 4_330);
  expect(await fleet.plan(plan.id)).toMatchObject({ response: 'It is done.', usage: whole });
  expect((await fleet.task(task.id)).usage).toEqual(whole);
  expect((await fleet.call('GET', `/v1/plans/${plan.id}/audit`)).body.plan.usage).toEqual(whole);

  expect((await fleet.call('DELETE', `/v1/plans/${plan.id}`)).status).toBe(204);
  expect((await fleet.task(task.id)).usage).toEqual(whole);
});

test('a plan by hand that failed counts the revision that was written after it', async () => {
  model.script([taking(planReply(written('b', { value: 2 })), 70, 7)]);
  const options = { replan: { maxRevisions: 1 } };
  const created = await fleet.createPlan({ objective: 'fail once', steps: [recordStep('a', { failAttempts: 9 })], options });
  expect(created.usage).toEqual(total(0, 0, 0));
  await fleet.approve(created);
  await answered(created, 'replan');
  expect(await fleet.plan(created.id)).toMatchObject({ revision: 2, usage: total(1, 70, 7) });
});

test('calls that gave no plan count, too', async () => {
  model.script([taking({ content: { problem: 'No tool does that.', description: '', steps: [] } }, 40, 4)]);
  const { id } = (await fleet.call('POST', '/v1/tasks', { body: { objective: 'fly' } })).body.task;
  await expect.poll(async () => (await fleet.task(id)).status, { timeout: 20_000 }).toBe('failed');
  expect(await fleet.task(id)).toMatchObject({ planId: null, usage: total(1, 40, 4) });
});
