/**
 * Every limit of LIMITS: what is exactly at it is taken and, but for the largest plans, run; what is one over it is refused with what, where and what
 * would be right. A limit without a case is a failure.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { byteLength, isEndedPlan, type Json, LIMITS, type PlanDraft, type PlanSummary, type StepDraft } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryOf, PROBED } from '../fuzz/heap.ts';
import { type Answer, Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({
    executors: 1,
    env: { ...PROBED, EXECUTOR_CONCURRENCY: '50', LOG_LEVEL: 'info', WEBHOOK_ALLOW_PRIVATE: 'true' },
  });
});
afterAll(() => fleet?.close());

/** A step whose tool does next to nothing; `data` may be of any size. */
const render = (id: string, more: Partial<StepDraft> = {}): StepDraft => ({
  id,
  tool: 'template.render',
  input: { template: 'x' },
  ...more,
});
const many = (count: number, of: (at: number) => Partial<StepDraft> = () => ({})): StepDraft[] =>
  Array.from({ length: count }, (_, at) => render(`s${at}`, of(at)));
const draft = (steps: StepDraft[], more: Partial<PlanDraft> = {}): PlanDraft => ({
  objective: 'test limits',
  steps,
  ...more,
  options: { requireApproval: false, maxParallelSteps: 50, ...more.options },
});
const post = (path: string, body: unknown): Promise<Answer> => fleet.call('POST', path, { body });

/** Runs it to its end. Plans of this size are not read whole while they run. */
async function run(body: PlanDraft, status: PlanSummary['status'] = 'completed'): Promise<string> {
  const answer = await post('/v1/plans', body);
  expect([answer.status, answer.body.issues ?? null]).toEqual([201, null]);
  const { id } = answer.body.plan;
  let plan: PlanSummary | undefined;
  const ended = async (): Promise<boolean> => {
    const { body: page } = await fleet.call('GET', '/v1/plans?limit=20');
    plan = (page.items as PlanSummary[]).find((each) => each.id === id);
    return plan !== undefined && isEndedPlan(plan.status);
  };
  await expect.poll(ended, { timeout: 120_000, interval: 100 }).toBe(true);
  expect(plan?.status).toBe(status);
  return id;
}

/** Plans that keep an executor busy for long are run by `npm run test:fuzz`; in the suite they are taken, and cancelled. */
async function runLarge(body: PlanDraft): Promise<unknown> {
  if (process.env.FUZZ_REQUESTS !== undefined) return run(body);
  const answer = await post('/v1/plans', { ...body, options: { ...body.options, requireApproval: true } });
  expect([answer.status, answer.body.issues ?? null]).toEqual([201, null]);
  return fleet.act(answer.body.plan.id, 'cancel');
}

interface Refused {
  status: number;
  code: string;
  /** of the only issue; null where there are none */
  issue: [path: string, code: string] | null;
  /** what was wrong and what would be right, in words */
  says: RegExp;
}

async function refused(sending: Promise<Answer>, { status, code, issue, says }: Refused): Promise<void> {
  const { status: got, body } = await sending;
  expect([got, body.code]).toEqual([status, code]);
  if (issue !== null) expect(body.issues.map((each: { path: string; code: string }) => [each.path, each.code])).toEqual([issue]);
  expect(issue === null ? body.detail : body.issues[0].message).toMatch(says);
}

const invalidPlan = (path: string, says: RegExp): Refused => ({ status: 422, code: 'invalid_plan', issue: [path, 'limit_exceeded'], says });
const invalidRequest = (path: string, says: RegExp): Refused => ({
  status: 422,
  code: 'invalid_request',
  issue: [path, 'limit_exceeded'],
  says,
});

/** A plan whose inputs have that many bytes together, as they are counted. */
function inputsOf(bytes: number): PlanDraft {
  const step = (text: string): StepDraft => render('a', { input: { template: 'x', data: { text } } });
  const { input } = step('');
  return draft([step('x'.repeat(bytes - byteLength(JSON.stringify([{}, [input, null]]))))]);
}

const bodyOf = (bytes: number): string => `{"objective":"${'a'.repeat(bytes - '{"objective":""}'.length)}"}`;

/** A plan whose JSON is so deep; its input is on the fourth level, and what is in its data on the sixth. */
function nestedTo(depth: number): PlanDraft {
  let deep: Json = 1;
  for (let level = 6; level <= depth; level++) deep = [deep];
  return draft([render('a', { input: { template: 'x', data: { deep } } })]);
}

/** A plan of so many JSON values, most of them in one list; some elsewhere, because the inputs have a limit of their own. */
function valuesOf(count: number): PlanDraft {
  const others = {
    retry: { maxAttempts: 1, delayMs: 1, maxDelayMs: 1, jitter: 0 },
    summarize: false,
    priority: 0,
    allowParallel: true,
    stopOnError: true,
    planTimeoutMs: null,
    approvalTimeoutMs: null,
    startAt: null,
  };
  const plan = (list: Json): PlanDraft => draft([render('a', { input: { template: 'x', data: { list } } })], { options: others });
  const valuesIn = (value: unknown): number =>
    1 + (typeof value === 'object' && value !== null ? Object.values(value).reduce((sum: number, each) => sum + valuesIn(each), 0) : 0);
  return plan(new Array(count - valuesIn(plan([]))).fill(0));
}

const elements = (count: number): StepDraft => render('each', { forEach: Array.from({ length: count }, (_, at) => at) });
/** `{"value":"xx..."}` of that many bytes. */
const outputOf = (bytes: number): PlanDraft =>
  draft([{ id: 'a', tool: 'test.record', input: { value: `${'{{input.x}}'.repeat(2)}` } }], {
    input: { x: 'x'.repeat((bytes - '{"value":""}'.length) / 2) },
  });
const webhook = (more: object = {}): Promise<Answer> =>
  post('/v1/webhooks', { url: 'http://127.0.0.1:1/', events: ['task.failed'], enabled: false, ...more });
const urlOf = (characters: number): string => `http://127.0.0.1:1/${'x'.repeat(characters - 'http://127.0.0.1:1/'.length)}`;

async function textsOf(length: number, hold: (answer: Answer, path: string) => void): Promise<void> {
  const text = 'x'.repeat(length);
  const plan = await fleet.createPlan({ objective: 'x', steps: [render('a')] });
  const { id, digest } = plan;
  hold(await post('/v1/plans', draft([render('a')], { description: text })), 'description');
  hold(await post('/v1/plans', draft([render('a', { description: text })])), 'steps[0].description');
  hold(await post('/v1/plans', draft([render('a', { approval: { message: text } })])), 'steps[0].approval.message');
  hold(await post(`/v1/plans/${id}/approve`, { digest, comment: text }), 'comment');
  const other = await fleet.createPlan({ objective: 'x', steps: [render('a')] });
  hold(await post(`/v1/plans/${other.id}/reject`, { digest: other.digest, reason: text }), 'reason');
}

interface Case {
  at(): Promise<unknown>;
  over(): Promise<unknown>;
}

const CASES: Record<keyof typeof LIMITS, Case | { heldBy: string }> = {
  steps: {
    at: () => runLarge(draft(many(LIMITS.steps))),
    over: () => refused(post('/v1/plans', draft(many(LIMITS.steps + 1))), invalidPlan('steps', /at most 10000 steps, this one has 10001/)),
  },
  inputBytes: {
    at: () => run(inputsOf(LIMITS.inputBytes)),
    over: () =>
      refused(post('/v1/plans', inputsOf(LIMITS.inputBytes + 1)), invalidPlan('steps', /may have 1000000 bytes, these have 1000001/)),
  },
  bodyBytes: {
    at: async () => expect((await post('/v1/plans/validate', bodyOf(LIMITS.bodyBytes))).status).toBe(200),
    over: () =>
      refused(post('/v1/plans/validate', bodyOf(LIMITS.bodyBytes + 1)), {
        status: 413,
        code: 'too_large',
        issue: null,
        says: /larger than 4000000 bytes/,
      }),
  },
  jsonDepth: {
    at: () => run(nestedTo(LIMITS.jsonDepth)),
    over: async () => {
      for (const depth of [LIMITS.jsonDepth + 1, 1_000])
        await refused(post('/v1/plans', nestedTo(depth)), invalidRequest('', /nested deeper than 64 levels/));
    },
  },
  jsonValues: {
    at: () => run(valuesOf(LIMITS.jsonValues)),
    over: () => refused(post('/v1/plans', valuesOf(LIMITS.jsonValues + 1)), invalidRequest('', /more than 500000 values/)),
  },
  forEachItems: {
    at: () => runLarge(draft([elements(LIMITS.forEachItems)])),
    over: async () => {
      const one = elements(LIMITS.forEachItems + 1);
      await refused(post('/v1/plans', draft([one])), invalidPlan('steps[0].forEach', /at most 10000 elements, has 10001/));
      // What a reference gives is known when it runs.
      const id = await run(draft([{ ...one, forEach: '{{input.list}}' }], { input: { list: one.forEach as Json } }), 'failed');
      const { error } = (await fleet.plan(id)).steps[0] ?? {};
      expect(error).toMatchObject({ code: 'limit_exceeded', message: expect.stringMatching(/10000.*10001|10001.*10000/) });
    },
  },
  outputBytes: {
    at: () => run(outputOf(LIMITS.outputBytes)),
    over: async () => {
      const id = await run(outputOf(LIMITS.outputBytes + 2), 'failed');
      const { error } = (await fleet.plan(id)).steps[0] ?? {};
      expect(error).toMatchObject({ code: 'output_too_large', message: expect.stringContaining('1000002 bytes; at most 1000000') });
    },
  },
  objectiveLength: {
    at: async () => {
      const objective = 'x'.repeat(LIMITS.objectiveLength);
      await run(draft([render('a')], { objective }));
      expect((await post('/v1/tasks', { objective })).status).toBe(202);
    },
    over: async () => {
      const objective = 'x'.repeat(LIMITS.objectiveLength + 1);
      await refused(post('/v1/plans', draft([render('a')], { objective })), invalidPlan('objective', /10000/));
      await refused(post('/v1/tasks', { objective }), invalidRequest('objective', /10000/));
    },
  },
  textLength: {
    at: () => textsOf(LIMITS.textLength, ({ status }, path) => expect([path, status]).toEqual([path, status < 300 ? status : 'accepted'])),
    over: () =>
      textsOf(LIMITS.textLength + 1, ({ status, body }, path) =>
        expect([status, body.issues?.map((issue: { path: string }) => issue.path)]).toEqual([422, [path]]),
      ),
  },
  webhooks: {
    at: async () => {
      for (let count = 0; count < LIMITS.webhooks; count++) expect((await webhook()).status).toBe(201);
    },
    over: () => refused(webhook(), { status: 409, code: 'wrong_state', issue: null, says: /there are 50 webhooks, .* delete one/ }),
  },
  urlLength: {
    at: async () => {
      const [first] = (await fleet.call('GET', '/v1/webhooks')).body.items;
      expect((await fleet.call('PUT', `/v1/webhooks/${first.id}`, { body: { url: urlOf(LIMITS.urlLength) } })).status).toBe(200);
    },
    over: () => refused(webhook({ url: urlOf(LIMITS.urlLength + 1) }), invalidRequest('url', /2048/)),
  },
  // Only whoever takes executors and planners down so often comes to these.
  crashes: { heldBy: 'test/store/children.test.ts' },
  planningTakeovers: { heldBy: 'test/planner/plan-task.test.ts' },
};

test('every limit has a case', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(LIMITS).sort());
});

test.each(Object.entries(CASES))(
  '%s: what is at it is taken and runs, one over it is refused with the reason',
  async (name, each) => {
    if ('heldBy' in each) {
      const text = readFileSync(fileURLToPath(new URL(`../../${each.heldBy}`, import.meta.url)), 'utf8');
      expect(text).toContain(`LIMITS.${name}`);
      return;
    }
    await each.at();
    await each.over();
  },
  300_000,
);

test('a step that waits for 1,000 others, and a chain of 1,000, run', async () => {
  const ids = many(1_000).map(({ id }) => id);
  await run(draft([...many(1_000), render('last', { dependsOn: ids })]));
  await run(draft(many(1_000, (at) => ({ dependsOn: at === 0 ? [] : [`s${at - 1}`] }))));
}, 300_000);

test('a cycle of 10,000 steps is named, and 10,000 steps of one id are refused', async () => {
  const cycle = await post('/v1/plans', draft(many(10_000, (at) => ({ dependsOn: [`s${(at + 1) % 10_000}`] }))));
  expect([cycle.status, cycle.body.issues.map(({ code }: { code: string }) => code)]).toEqual([422, ['cycle']]);
  expect(cycle.body.issues[0].message).toContain('s1');
  const same = await post('/v1/plans', draft(Array.from({ length: 10_000 }, () => render('a'))));
  expect([same.status, same.body.issues.length, same.body.issues[0]]).toEqual([
    422,
    9_999,
    { path: 'steps[1].id', code: 'duplicate_id', message: expect.stringContaining('`a`') },
  ]);
});

test('what is at a limit and over it leaves nothing in memory', async () => {
  const { api } = fleet;
  if (api === null) throw new Error('the API is not there');
  const round = async (): Promise<void> => {
    for (const body of [
      inputsOf(LIMITS.inputBytes),
      valuesOf(LIMITS.jsonValues),
      bodyOf(LIMITS.bodyBytes),
      valuesOf(LIMITS.jsonValues + 1),
      draft(many(10_001)),
    ])
      await post('/v1/plans/validate', body);
  };
  await round();
  const before = (await memoryOf(api)).heapUsed;
  for (let again = 0; again < 4; again++) await round();
  // One of these bodies, kept, would be more than all of this.
  expect((await memoryOf(api)).heapUsed - before).toBeLessThan(LIMITS.bodyBytes);
}, 120_000);
