import type { PlanDraft, StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, planner: true });
});
afterAll(() => fleet?.close());

const step = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({ id, tool: 'test.record', ...more });
const draft = (steps: unknown[], more: object = {}): PlanDraft => ({ objective: 'test requests', steps: steps as StepDraft[], ...more });
const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  fleet.call('POST', path, { body, headers });
/** The ids of everything there is; plans of earlier tests may still run. */
const stored = async (): Promise<string[]> => {
  const lists = await Promise.all(['/v1/plans?limit=200', '/v1/tasks?limit=200'].map((path) => fleet.call('GET', path)));
  return lists.flatMap(({ body }) => body.items.map(({ id }: { id: string }) => id));
};
const problem = (answer: Answer): unknown[] => [answer.status, answer.body.code, answer.headers.get('content-type')?.split(';')[0]];

test('from an objective to a result: task, plan, approval, live events, result', async () => {
  const submitted = await post('/v1/tasks', { objective: 'list the files in .' }, { 'x-actor': 'sam' });
  expect(submitted.status).toBe(202);
  expect(submitted.body.task.createdBy).toBe('sam');
  // As it is when the answer is written: a planner may have begun, or be done.
  expect(['queued', 'planning', 'planned']).toContain(submitted.body.task.status);
  const taskId = submitted.body.task.id;
  await expect.poll(async () => (await fleet.task(taskId)).status, { timeout: 20_000 }).toBe('planned');
  const task = await fleet.task(taskId);
  expect(task.rounds).toHaveLength(1);
  const plan = await fleet.plan(String(task.planId));
  expect(plan).toMatchObject({ taskId, status: 'pending_approval', progress: { percent: 0 } });

  const following = fetch(`${fleet.url}/v1/plans/${plan.id}/events`).then((response) => response.text());
  await fleet.approve(plan);
  const done = await fleet.until(plan.id, 'completed');
  expect(done.steps.every(({ output }) => output !== null)).toBe(true);
  const types = [...(await following).matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
  expect(types.slice(0, 5)).toEqual(['plan.created', 'plan.submitted', 'plan.voted', 'plan.approved', 'plan.started']);
  expect(types.at(-1)).toBe('plan.completed');
  expect((await fleet.events(plan.id)).map(({ type }) => type)).toEqual(types);
});

test('200 identical submits at once with one Idempotency-Key give one task', async () => {
  const before = (await fleet.call('GET', '/v1/tasks?limit=200')).body.items.length;
  const answers = await Promise.all(
    Array.from({ length: 200 }, () =>
      post('/v1/tasks', { objective: 'list the files in .', input: { a: 1, b: 2 } }, { 'idempotency-key': 'once' }),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(({ body }) => body.task.id)).size).toBe(1);
  expect((await fleet.call('GET', '/v1/tasks?limit=200')).body.items.length).toBe(before + 1);
  const sameValue = await post('/v1/tasks', '{"input":{"b":2,"a":1},  "objective":"list the files in ."}', { 'idempotency-key': 'once' });
  expect(sameValue.body.task.id).toBe(answers[0]?.body.task.id);
  expect(problem(await post('/v1/tasks', { objective: 'something else' }, { 'idempotency-key': 'once' }))).toEqual([
    409,
    'idempotency_conflict',
    'application/problem+json',
  ]);
});

test('an approval sent twice with one Idempotency-Key is one vote with one answer', async () => {
  const plan = await fleet.createPlan(draft([step('a')]));
  const headers = { 'idempotency-key': `approve-${plan.id}` };
  const [first, second] = [
    await post(`/v1/plans/${plan.id}/approve`, { digest: plan.digest }, headers),
    await post(`/v1/plans/${plan.id}/approve`, { digest: plan.digest }, headers),
  ];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(second.body).toEqual(first.body);
  expect((await fleet.until(plan.id, 'completed')).approvals).toHaveLength(1);
});

test('every decision is refused in the wrong state, with the reason', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const create = (more: object = {}) => fleet.createPlan(draft([step('a')], more));
  const approve = (plan: { id: string; digest: string }) => post(`/v1/plans/${plan.id}/approve`, { digest: plan.digest });
  const reject = (plan: { id: string; digest: string }) => post(`/v1/plans/${plan.id}/reject`, { digest: plan.digest, reason: 'no' });
  const cancel = (plan: { id: string }) => post(`/v1/plans/${plan.id}/cancel`, {});

  const stale = await create();
  const refused = await approve({ ...stale, digest });
  expect(problem(refused)).toEqual([409, 'stale_digest', 'application/problem+json']);
  expect(refused.body.currentDigest).toBe(stale.digest);
  expect((await approve(stale)).status).toBe(200);
  expect((await approve(stale)).status).toBe(409);
  await fleet.until(stale.id, 'completed');
  expect(problem(await cancel(stale)).slice(0, 2)).toEqual([409, 'wrong_state']);

  const cancelled = await create();
  expect((await cancel(cancelled)).body.plan.status).toBe('cancelled');
  expect(problem(await approve(cancelled)).slice(0, 2)).toEqual([409, 'wrong_state']);
  expect(problem(await cancel(cancelled)).slice(0, 2)).toEqual([409, 'wrong_state']);

  const rejected = await create();
  expect((await reject(rejected)).body.plan).toMatchObject({ status: 'rejected', rejection: { reason: 'no', actor: 'local' } });
  expect(problem(await approve(rejected)).slice(0, 2)).toEqual([409, 'wrong_state']);

  const unsubmitted = await create({ draft: true });
  expect(unsubmitted.status).toBe('draft');
  expect(problem(await approve(unsubmitted)).slice(0, 2)).toEqual([409, 'wrong_state']);
  expect((await post(`/v1/plans/${unsubmitted.id}/submit`)).body.plan.status).toBe('pending_approval');
  expect(problem(await fleet.call('DELETE', `/v1/plans/${unsubmitted.id}`)).slice(0, 2)).toEqual([409, 'wrong_state']);
  expect((await fleet.call('DELETE', `/v1/plans/${cancelled.id}`)).status).toBe(204);
  expect((await fleet.call('GET', `/v1/plans/${cancelled.id}`)).status).toBe(404);
});

test('approve, reject and cancel at once: one of them wins', async () => {
  for (let round = 0; round < 10; round++) {
    const plan = await fleet.createPlan(draft([step('a')]));
    const answers = await Promise.all([
      post(`/v1/plans/${plan.id}/approve`, { digest: plan.digest }),
      post(`/v1/plans/${plan.id}/reject`, { digest: plan.digest, reason: 'no' }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  }
});

test.each<[string, () => Promise<Answer>, number, string]>([
  ['an empty objective', () => post('/v1/tasks', { objective: ' ' }), 422, 'invalid_request'],
  ['no objective', () => post('/v1/tasks', {}), 422, 'invalid_request'],
  ['a wrong type', () => post('/v1/tasks', { objective: 5 }), 422, 'invalid_request'],
  ['an unknown field', () => post('/v1/tasks', { objective: 'x', nonsense: 1 }), 422, 'invalid_request'],
  ['an unknown tool', () => post('/v1/plans', draft([step('a', { tool: 'no.such' })])), 422, 'invalid_plan'],
  ['a cycle', () => post('/v1/plans', draft([step('a', { dependsOn: ['b'] }), step('b', { dependsOn: ['a'] })])), 422, 'invalid_plan'],
  ['10,001 steps', () => post('/v1/plans', draft(Array.from({ length: 10_001 }, (_, i) => step(`s${i}`)))), 422, 'invalid_plan'],
  ['a gate of 0 people', () => post('/v1/plans', draft([step('a', { approval: { quorum: 0 } })])), 422, 'invalid_plan'],
  ['bad JSON', () => post('/v1/plans', '{"objective": '), 400, 'invalid_json'],
  ['too large a body', () => post('/v1/plans', { objective: 'x'.repeat(4_000_001) }), 413, 'too_large'],
  ['another media type', () => post('/v1/plans', 'objective: x', { 'content-type': 'text/yaml' }), 415, 'unsupported_media_type'],
  ['an unknown plan', () => fleet.call('GET', '/v1/plans/pln_0000000000000000000000'), 404, 'not_found'],
  ['an id that is none', () => fleet.call('GET', '/v1/tasks/..%2f..'), 404, 'not_found'],
  ['an unknown path', () => fleet.call('GET', '/v1/nothing'), 404, 'not_found'],
])('%s is refused with the right status and code, and nothing is stored', async (_name, send, status, code) => {
  const before = await stored();
  expect(problem(await send())).toEqual([status, code, 'application/problem+json']);
  expect(await stored()).toEqual(before);
});

test('every issue of a plan comes at once, with its path and code', async () => {
  const steps = [
    { id: '1st', tool: 'no.such' },
    step('b', { input: { nonsense: 1 }, retry: { maxAttempts: 0 } }),
    step('b', { dependsOn: ['ghost'], input: { value: '{{gone.output}}' } }),
  ];
  const answer = await post('/v1/plans/validate', draft(steps, { options: { maxParallelSteps: 0, speed: 'high' } }));
  expect(answer.status).toBe(200);
  expect(answer.body.valid).toBe(false);
  expect(answer.body.issues.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`).sort()).toEqual(
    [
      'options.maxParallelSteps bad_option',
      'options.speed unknown_field',
      'steps[0].id bad_id',
      'steps[0].tool unknown_tool',
      'steps[1].input.nonsense bad_input',
      'steps[1].retry.maxAttempts bad_option',
      'steps[2].dependsOn[0] unknown_step',
      'steps[2].id duplicate_id',
      'steps[2].input.value unknown_reference',
    ].sort(),
  );
});
