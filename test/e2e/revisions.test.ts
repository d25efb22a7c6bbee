import { digestOf, type Plan, type PlanContent, type PlanDraft, type StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ env: { CLOCK_EVERY_MS: '100' } });
});
afterAll(() => fleet?.close());

const step = (id: string, value: unknown = id, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'test.record',
  input: { value } as StepDraft['input'],
  ...more,
});
const draft = (steps: StepDraft[], more: Partial<PlanDraft> & { draft?: boolean } = {}): PlanDraft & { draft?: boolean } => ({
  objective: 'test revisions',
  steps,
  ...more,
});
const FAILS = { tool: 'test.record', input: { failAttempts: 9 } };
const get = (planId: string, path: string): Promise<Answer> => fleet.call('GET', `/v1/plans/${planId}/${path}`);
const content = async (planId: string, revision: number): Promise<PlanContent> =>
  (await get(planId, `revisions/${revision}`)).body.revision.content;
const problem = ({ status, body }: Answer): unknown[] => [status, body.code];
/** Makes the revision and gives the plan. */
const revised = async (plan: Plan, body: unknown): Promise<Plan> => {
  const answer = await fleet.revise(plan, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.plan;
};
const typesIn = (stream: string): string[] => [...stream.matchAll(/^event: (.*)$/gm)].map(([, type]) => String(type));

test('a change must name the digest that it was made from, in quotes or not; refused ones change nothing', async () => {
  const plan = await fleet.reviewed((await fleet.createPlan(draft([step('a')]))).id);
  const body = { steps: [step('a', 'other')] };
  const other = `sha256:${'0'.repeat(64)}`;
  expect(problem(await fleet.revise(plan, body, {}))).toEqual([428, 'if_match_required']);
  for (const ifMatch of [other, `"${other}"`, '*', `W/"${plan.digest}"`]) {
    const refused = await fleet.revise(plan, body, { 'if-match': ifMatch });
    expect(problem(refused)).toEqual([412, 'stale_digest']);
    expect(refused.body.currentDigest).toBe(plan.digest);
    expect(refused.body.detail).toContain(plan.digest);
  }
  expect(await fleet.plan(plan.id)).toEqual(plan);
  expect((await get(plan.id, 'revisions')).body.items).toHaveLength(1);

  const second = await revised(plan, body);
  expect(second).toMatchObject({ id: plan.id, revision: 2, status: 'pending_approval' });
  const third = await fleet.revise(second, { steps: [step('a', 'third')] }, { 'if-match': `"${second.digest}"` });
  expect([third.status, third.body.plan.revision, third.headers.get('etag')]).toEqual([200, 3, `"${third.body.plan.digest}"`]);
});

test('the same content makes no revision, as it was written, as it is read back, or in other words', async () => {
  const written = draft([step('a', { x: 1, y: [2] }), step('b', '{{a.output.value}}', { when: '{{input.go}} == true' })], {
    description: 'two steps',
    input: { go: true, n: 1 },
    options: { maxParallelSteps: 2, retry: { maxAttempts: 2 } },
  });
  const plan = await fleet.reviewed((await fleet.createPlan(written)).id);
  const { steps, options, description, input } = await content(plan.id, 1);
  const again: unknown[] = [
    { steps: written.steps, options: written.options, description: written.description, input: written.input },
    { steps: written.steps },
    { steps, options, description, input },
    { steps: [step('a', { y: [2], x: 1 }), { ...written.steps[1], dependsOn: ['a'], runIf: 'none_failed_min_one_success' }] },
  ];
  const events = await fleet.events(plan.id);
  for (const body of again) expect(await revised(plan, body)).toEqual(plan);
  expect((await get(plan.id, 'revisions')).body.items).toHaveLength(1);
  expect(await fleet.events(plan.id)).toEqual(events);
});

test('a revision takes a signature of its own: votes are gone, and the old digest can neither be approved nor rejected', async () => {
  const plan = await fleet.run(draft([step('a'), { id: 'b', ...FAILS, dependsOn: ['a'] }]), 'failed');
  expect(plan.approvals).toHaveLength(1);
  const second = await revised(plan, { steps: [step('a'), step('b', 'b', { dependsOn: ['a'] })] });
  expect(second).toMatchObject({ status: 'pending_approval', quorum: 1, approvals: [], revision: 2, finishedAt: null, error: null });
  for (const [action, body] of [
    ['approve', { digest: plan.digest }],
    ['reject', { digest: plan.digest, reason: 'no' }],
  ] as const) {
    const stale = await fleet.send(plan.id, action, body);
    expect([...problem(stale), stale.body.currentDigest]).toEqual([409, 'stale_digest', second.digest]);
  }
  expect(fleet.calls(plan.id)).toEqual(['a', 'b']);

  // Back to the first content: what was signed once is to be signed again.
  const third = await revised(second, { steps: (await content(plan.id, 1)).steps });
  expect(third).toMatchObject({ revision: 3, digest: plan.digest, status: 'pending_approval', approvals: [] });
  await fleet.approve(third);
  const failed = await fleet.until(plan.id, 'failed');
  expect(failed.approvals.map(({ digest }) => digest)).toEqual([plan.digest]);
  expect((await get(plan.id, 'audit')).body.votes).toHaveLength(1);
  expect((await fleet.events(plan.id)).filter(({ type }) => type === 'plan.voted').map(({ revision }) => revision)).toEqual([1, 3]);
});

test('a draft that is revised is submitted by that; a pending plan goes on waiting, for the new digest', async () => {
  const plan = await fleet.createPlan(draft([step('a')], { draft: true }));
  const second = await revised(plan, { steps: [step('b')] });
  expect(second.status).toBe('pending_approval');
  const third = await revised(second, { steps: [step('c')], description: 'shorter' });
  const waiting = (await fleet.call('GET', '/v1/approvals')).body.items.filter(({ planId }: { planId: string }) => planId === plan.id);
  expect(waiting).toMatchObject([{ kind: 'plan', digest: third.digest, approvals: { count: 1, have: 0 } }]);
  await fleet.approve(third);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id)).toEqual(['c']);
});

test('every revision can be read for good, and its digest is that of its content', async () => {
  const plan = await fleet.createPlan(draft([step('a')]));
  const first = await get(plan.id, 'revisions/1');
  const second = await fleet.revise(plan, { steps: [step('b')] }, { 'if-match': plan.digest, 'x-actor': 'ann' });
  expect((await get(plan.id, 'revisions/1')).body).toEqual(first.body);
  const { items } = (await get(plan.id, 'revisions')).body;
  expect(items).toMatchObject([
    { revision: 1, digest: plan.digest, origin: 'manual', createdBy: 'local' },
    { revision: 2, digest: second.body.plan.digest, origin: 'manual', createdBy: 'ann' },
  ]);
  for (const { revision, digest } of items) expect(await digestOf(await content(plan.id, revision))).toBe(digest);
  for (const path of ['revisions/3', 'revisions/0', 'revisions/x']) expect((await get(plan.id, path)).status).toBe(404);
  expect((await get(plan.id, 'audit')).body.revisions.map(({ revision }: { revision: number }) => revision)).toEqual([1, 2]);
});

test('the difference of any two revisions: added, removed, changed field by field, dependencies, options', async () => {
  const plan = await fleet.createPlan(draft([step('a', 1), step('b', 2), step('c', 3, { dependsOn: ['a'] })], { input: { root: '.' } }));
  const second = await revised(plan, {
    steps: [step('a', 1), step('c', 4, { dependsOn: ['a', 'd'], retry: { maxAttempts: 2 } }), step('d', 5)],
    options: { maxParallelSteps: 7 },
    input: { root: '..' },
  });
  const third = await revised(second, { steps: [step('a', 1)], description: 'one step' });
  const diff = async (query: string) => (await get(plan.id, `diff${query}`)).body;
  const between = await diff('?from=1&to=2');
  expect([between.from, between.to]).toEqual([1, 2]);
  expect(between.changes.map(({ kind, stepId }: { kind: string; stepId: string }) => [kind, stepId])).toEqual([
    ['plan', null],
    ['changed', 'c'],
    ['added', 'd'],
    ['removed', 'b'],
  ]);
  expect(between.changes[0].fields).toEqual([
    { path: 'input.root', from: '.', to: '..' },
    { path: 'options.maxParallelSteps', from: 3, to: 7 },
  ]);
  expect(between.changes[1].fields).toEqual([
    { path: 'input.value', from: 3, to: 4 },
    { path: 'dependsOn', from: ['a'], to: ['a', 'd'] },
    { path: 'retry.maxAttempts', from: 1, to: 2 },
  ]);
  for (const line of [
    '~ c (test.record)',
    '+ d (test.record)',
    '- b (test.record)',
    'options.maxParallelSteps: 3 -> 7',
    'retry.maxAttempts: 1 -> 2',
  ])
    expect(between.text).toContain(line);

  expect(await diff('?from=2&to=3')).toEqual(await diff(''));
  expect((await diff('?from=1&to=1')).changes).toEqual([]);
  const back = await diff('?from=3&to=1');
  expect(back.changes.find(({ kind }: { kind: string }) => kind === 'plan').fields).toContainEqual({
    path: 'description',
    from: 'one step',
    to: '',
  });
  expect(third.revision).toBe(3);
  expect((await get(plan.id, 'diff?from=1&to=4')).status).toBe(404);
});

test('of changes at once from one digest exactly one makes a revision', async () => {
  for (let round = 0; round < 5; round++) {
    const plan = await fleet.createPlan(draft([step('a')]));
    const same = round % 2 === 0;
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => fleet.revise(plan, { steps: [step('a', same ? 'same' : `change ${n}`)] })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
    const winner = answers.find(({ status }) => status === 200)?.body.plan;
    const now = await fleet.plan(plan.id);
    expect(now).toEqual({ ...winner, reviewedAt: now.reviewedAt });
    for (const { status, body } of answers) if (status === 412) expect(body.currentDigest).toBe(winner.digest);
    expect((await get(plan.id, 'revisions')).body.items).toHaveLength(2);
  }
});

test('a revision and an approval of the old digest at once: never does what nobody signed run', async () => {
  for (let round = 0; round < 10; round++) {
    const plan = await fleet.createPlan(draft([step('old')]));
    const [put, vote] = await Promise.all([
      fleet.revise(plan, { steps: [step('new')] }),
      fleet.send(plan.id, 'approve', { digest: plan.digest }),
    ]);
    if (vote.status === 200) {
      expect(problem(put)).toEqual([409, 'wrong_state']);
      await fleet.until(plan.id, 'completed');
      expect(fleet.calls(plan.id)).toEqual(['old']);
    } else {
      expect([put.status, ...problem(vote)]).toEqual([200, 409, 'stale_digest']);
      const now = await fleet.plan(plan.id);
      expect(now).toEqual({ ...put.body.plan, reviewedAt: now.reviewedAt });
      expect(fleet.calls(plan.id)).toEqual([]);
    }
  }
});

test('a revision that asks for nobody runs at once, unless it holds a destructive step', async () => {
  const plan = await fleet.createPlan(draft([step('a')]));
  const removes = { steps: [step('a'), { id: 'remove', tool: 'test.remove' }], options: { requireApproval: false } };
  const second = await revised(plan, removes);
  expect(second).toMatchObject({ status: 'pending_approval', quorum: 1, autoApproved: null });
  const third = await revised(second, { steps: [step('a')] });
  expect(third.autoApproved).toContain('requireApproval is false');
  const done = await fleet.until(plan.id, 'completed');
  expect(done).toMatchObject({ approvals: [], revision: 3 });
  expect(fleet.calls(plan.id)).toEqual(['a']);
});

test('a revision has deadlines of its own', async () => {
  const impatient = { approvalTimeoutMs: 1_500 };
  const patient = await fleet.createPlan(draft([step('a')], { options: impatient }));
  const second = await revised(patient, { steps: [step('a')], options: {} });
  const first = await fleet.createPlan(draft([step('a')], { options: {} }));
  const hurried = await revised(first, { steps: [step('a')], options: impatient });
  // Created later with the same timeout: when it has expired, the first revision of the other would have, too.
  await fleet.until(hurried.id, 'expired');
  expect((await fleet.plan(patient.id)).status).toBe('pending_approval');
  await fleet.approve(second);
  await fleet.until(patient.id, 'completed');
});

test('a revision of a failed plan can be put off with startAt, and starts then', async () => {
  const plan = await fleet.run(draft([step('a'), { id: 'b', ...FAILS, dependsOn: ['a'] }]), 'failed');
  const steps = [step('a'), step('b', 'b', { dependsOn: ['a'] })];
  const startAt = new Date(Date.now() + 3_000).toISOString();
  const second = await revised(plan, { steps, options: { startAt } });
  await fleet.approve(second);
  expect((await fleet.plan(plan.id)).status).toBe('approved');
  expect(fleet.calls(plan.id)).toEqual(['a', 'b']);
  await fleet.until(plan.id, 'completed');
  expect(fleet.calls(plan.id)).toEqual(['a', 'b', 'b']);
  const started = (await fleet.events(plan.id)).filter(({ type }) => type === 'plan.started');
  expect(started.map(({ revision }) => revision)).toEqual([1, 2]);
  expect(Date.parse(String(started[1]?.at))).toBeGreaterThanOrEqual(Date.parse(startAt));
});

test('one stream of events leads across revisions, and one that closed goes on where it was', async () => {
  const follow = (planId: string, after?: string) =>
    fetch(`${fleet.url}/v1/plans/${planId}/events`, { headers: after === undefined ? {} : { 'last-event-id': after } });
  const plan = await fleet.createPlan(draft([step('a')]));
  const open = follow(plan.id).then((response) => response.text());
  const second = await revised(plan, { steps: [{ id: 'a', ...FAILS }] });
  await fleet.approve(second);
  const beginning = await open;
  expect(typesIn(beginning)).toEqual(
    ['plan.created', 'plan.submitted', 'plan.revised', 'plan.voted', 'plan.approved', 'plan.started'].concat([
      'step.ready',
      'step.queued',
      'step.started',
      'step.failed',
      'plan.failed',
    ]),
  );
  const last = [...beginning.matchAll(/^id: (.*)$/gm)].at(-1)?.[1];
  expect((await follow(plan.id, last)).status).toBe(204);

  const third = await revised(await fleet.plan(plan.id), { steps: [step('a')] });
  const rest = follow(plan.id, last).then((response) => response.text());
  await fleet.approve(third);
  const types = typesIn(await rest);
  expect([types[0], types.at(-1)]).toEqual(['plan.revised', 'plan.completed']);
  expect((await fleet.events(plan.id)).map(({ type }) => type)).toEqual([...typesIn(beginning), ...types]);
});
