/** What models and their servers do wrong, through the whole stack: how the task ends, and how often the model was asked. */
import type { JsonObject, Task, TaskError } from '@countersign/shared';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ModelBehaviour, ModelReply } from '../model-server/model-server.ts';
import type { Fleet } from './fleet.ts';
import { closeScriptedFleet, NONSENSE, planReply, type ScriptedModel, startScriptedFleet, written } from './scripted-model.ts';

/** Milliseconds that an answer may take here. */
const TIMEOUT_MS = 4_000;

let model: ScriptedModel;
let fleet: Fleet;
beforeAll(async () => {
  ({ model, fleet } = await startScriptedFleet({ OPENAI_TIMEOUT_MS: String(TIMEOUT_MS), TASK_MAX_TOKENS: '100000000' }));
});
afterAll(() => closeScriptedFleet({ model, fleet }));

const submit = async (more: object = {}): Promise<Task> =>
  (await fleet.call('POST', '/v1/tasks', { body: { objective: 'do it', ...more } })).body.task;

async function untilEnded({ id }: Pick<Task, 'id'>): Promise<Task> {
  await expect.poll(async () => (await fleet.task(id)).status, { timeout: 50_000, interval: 20 }).toMatch(/^(planned|failed|cancelled)$/);
  return fleet.task(id);
}

async function endOf(behaviour: ModelBehaviour, more: object = {}): Promise<Task> {
  model.script(behaviour);
  return untilEnded(await submit(more));
}

const GOOD = planReply(written('first', { value: 1 }), written('second', { value: 2 }, { dependsOn: ['first'] }));

async function expectGoodPlan(task: Task): Promise<void> {
  expect(task).toMatchObject({ status: 'planned', error: null });
  const plan = await fleet.plan(String(task.planId));
  expect(plan).toMatchObject({ status: 'pending_approval', revision: 1, objective: 'do it', description: 'Written anew.' });
  expect(plan.steps.map(({ id, tool, input, dependsOn }) => ({ id, tool, input, dependsOn }))).toEqual([
    { id: 'first', tool: 'test.record', input: { value: 1 }, dependsOn: [] },
    { id: 'second', tool: 'test.record', input: { value: 2 }, dependsOn: ['first'] },
  ]);
}

/** For people: a sentence, and nothing of the machine's inside. */
function expectReadable({ message, detail }: TaskError): void {
  expect(message).toMatch(/^[a-z].{10,}/);
  expect(message.length).toBeLessThan(2_500);
  expect(message).not.toMatch(/undefined|\[object|NaN|node_modules|\n\s+at /);
  expect(JSON.stringify(detail).length).toBeLessThan(100_000);
}

const text = (content: string, more: object = {}): ModelReply => ({ content, ...more });
const goodText = JSON.stringify((GOOD as { content: object }).content);
const status = (code: number, headers: Record<string, string> = {}): ModelReply => ({ status: code, headers });
const steps = (count: number, more: (index: number) => object): ModelReply =>
  planReply(...Array.from({ length: count }, (_, index) => ({ ...written(`s${index}`), ...more(index) })));
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const raw = (...bytes: number[]): ModelReply => ({ bytes: Uint8Array.from(bytes) });

const CYCLE = planReply(written('a', {}, { dependsOn: ['b'] }), written('b', {}, { dependsOn: ['a'] }));
const INVENTED = planReply(written('a', {}, { tool: 'shell.destroy' }));

describe('planned in the end', () => {
  const cases: [name: string, behaviour: ModelBehaviour, rounds: number, requests: number][] = [
    ['a good answer', [GOOD], 1, 1],
    ['prose around a fence', [text(`Sure! Here is the plan:\n\`\`\`json\n${goodText}\n\`\`\`\nTell me if it will do.`)], 1, 1],
    ['a byte order mark and blanks around it', [text(`\ufeff \n${goodText}\n\n`)], 1, 1],
    ['nonsense, then a good answer', [NONSENSE, GOOD], 2, 2],
    ['a tool that there is not, then a good answer', [INVENTED, GOOD], 2, 2],
    ['a cycle, then a good answer', [CYCLE, GOOD], 2, 2],
    ['a cut answer that says so, then a good one', [text(goodText.slice(0, -40), { finishReason: 'length' }), GOOD], 2, 2],
    ['a cut answer that does not say so, then a good one', [text(goodText.slice(0, -40)), GOOD], 2, 2],
    ['an answer that leaves a step out with "...", then a good one', [text(goodText.replace('},{', '}, ... {')), GOOD], 2, 2],
    ['two failures of the server', [status(500), status(503), GOOD], 1, 3],
    ['429 with Retry-After', [status(429, { 'retry-after': '1' }), GOOD], 1, 2],
    ['a cut connection', [{ hangUp: true }, GOOD], 1, 2],
    ['ten issues, then fewer, then none', [steps(10, () => ({ tool: 'nowhere' })), INVENTED, GOOD], 3, 3],
    [
      'fields that nobody asked for beside the plan',
      [{ content: { ...(GOOD as { content: object }).content, thoughts: ['hm'], confidence: 1 } }],
      1,
      1,
    ],
    [
      'an input as an object instead of text',
      [planReply({ ...written('first'), input: { value: 1 } }, { ...written('second'), input: { value: 2 }, dependsOn: ['first'] })],
      1,
      1,
    ],
    ['duplicate keys: the last one counts, and that is what people see', [text(goodText.replace('"steps":', '"steps":[],"steps":'))], 1, 1],
    ['a `__proto__` beside the plan', [text(goodText.replace('{', '{"__proto__":{"problem":"no","steps":[]},'))], 1, 1],
  ];
  test.each(cases)('%s', async (_, behaviour, rounds, requests) => {
    const task = await endOf(behaviour);
    await expectGoodPlan(task);
    expect(task.rounds).toHaveLength(rounds);
    expect(model.requests()).toHaveLength(requests);
    expect(task.rounds.at(-1)).toMatchObject({ issues: [], error: null });
  });
});

describe('failed, with a code and a sentence', () => {
  const twice = goodText.replaceAll('"second"', '"first"').replace('"dependsOn":["first"]', '"dependsOn":[]');
  const cases: [name: string, reply: ModelReply, expected: { code: string; says: RegExp; rounds: number; requests?: number }][] = [
    ['a refusal', { refusal: "I can't help with that." }, { code: 'model_refused', says: /I can't help with that/, rounds: 1 }],
    ['a filtered answer', text('', { finishReason: 'content_filter' }), { code: 'model_refused', says: /content filter/, rounds: 1 }],
    ['nonsense', NONSENSE, { code: 'model_not_json', says: /no JSON object.*3 times/, rounds: 3 }],
    ['an empty answer', text(''), { code: 'model_not_json', says: /3 times/, rounds: 3 }],
    ['a list instead of an object', text('[1, 2, 3]'), { code: 'model_not_json', says: /JSON/, rounds: 3 }],
    [
      'cut answers that say so',
      text(goodText.slice(0, -40), { finishReason: 'length' }),
      { code: 'model_cut_off', says: /cut off|not closed/, rounds: 3 },
    ],
    ['cut answers that do not say so', text(goodText.slice(0, -40)), { code: 'model_cut_off', says: /cut off|not closed/, rounds: 3 }],
    [
      'answers cut after a whole step',
      text(goodText.slice(0, goodText.indexOf('},{') + 1)),
      { code: 'model_cut_off', says: /cut off|not closed/, rounds: 3 },
    ],
    [
      'why there is no plan',
      { content: { problem: 'No tool bakes bread.', description: '', steps: [] } },
      { code: 'not_possible', says: /No tool bakes bread/, rounds: 1 },
    ],
    ['no steps', planReply(), { code: 'invalid_plan', says: /step/, rounds: 3 }],
    ['invented tools', INVENTED, { code: 'invalid_plan', says: /steps\[0\]\.tool.*shell\.destroy/, rounds: 3 }],
    ['cycles', CYCLE, { code: 'invalid_plan', says: /wait for each other: a -> b -> a/, rounds: 3 }],
    ['the same id twice', text(twice), { code: 'invalid_plan', says: /first/, rounds: 3 }],
    [
      'steps that are no steps',
      { content: { problem: '', description: '', steps: ['go', 7, null, []] } },
      { code: 'invalid_plan', says: /steps\[0\]/, rounds: 3 },
    ],
    [
      'steps that are no list',
      { content: { problem: '', description: '', steps: { first: 'go' } } },
      { code: 'invalid_plan', says: /steps/, rounds: 3 },
    ],
    ['another form altogether', { content: { plan: 'first this, then that' } }, { code: 'invalid_plan', says: /steps/, rounds: 3 }],
    [
      'an input that is no JSON',
      planReply({ ...written('a'), input: '{"value":' }),
      { code: 'invalid_plan', says: /steps\[0\]\.input.*can't be parsed/, rounds: 3 },
    ],
    ['10,001 steps', steps(10_001, () => ({})), { code: 'invalid_plan', says: /10[,.]?000|10[,.]?001/, rounds: 3 }],
    [
      'a thousand issues',
      steps(1_000, () => ({ tool: 'nowhere', dependsOn: ['nobody'] })),
      { code: 'invalid_plan', says: /\(and 1999 more\)/, rounds: 3 },
    ],
    [
      'thousands of inputs that are no JSON',
      steps(9_000, () => ({ input: '{"value":' })),
      { code: 'invalid_plan', says: /\(and 8999 more\)/, rounds: 3 },
    ],
    [
      'an input nested 2,000 deep',
      planReply({ ...written('a'), input: deep(2_000) }),
      { code: 'invalid_plan', says: /nested deeper than 64 levels/, rounds: 3 },
    ],
    [
      'a plan nested 2,000 deep',
      text(`{"problem":"","description":"","steps":[${deep(2_000)}]}`),
      { code: 'invalid_plan', says: /nested deeper than 64 levels/, rounds: 3 },
    ],
    ['brackets without end', text('['.repeat(200_000)), { code: 'model_not_json', says: /JSON/, rounds: 3 }],
    [
      'more input than a plan may have',
      planReply(written('a', { value: 'x'.repeat(1_100_000) })),
      { code: 'invalid_plan', says: /1 ?MB|bytes|characters|limit/i, rounds: 3 },
    ],
    ['10 MB of prose', text('word '.repeat(2_000_000)), { code: 'model_not_json', says: /no JSON object/, rounds: 3 }],
    ['10 MB of plan', planReply(written('a', { value: 'y'.repeat(10_000_000) })), { code: 'invalid_plan', says: /steps|input/, rounds: 3 }],
    [
      '`__proto__` as a field of a step',
      text(goodText.replace('{"id":"first"', '{"__proto__":{"tool":"x"},"id":"first"')),
      { code: 'invalid_plan', says: /__proto__/, rounds: 3 },
    ],
    [
      '`__proto__` as a field of an input',
      planReply({ ...written('a'), input: '{"__proto__":{"value":1}}' }),
      { code: 'invalid_plan', says: /__proto__/, rounds: 3 },
    ],
    ['failures of the server', status(500), { code: 'model_unavailable', says: /HTTP 500/, rounds: 1, requests: 3 }],
    [
      '429 again and again',
      status(429, { 'retry-after': '0' }),
      { code: 'model_rate_limited', says: /rate limit/, rounds: 1, requests: 3 },
    ],
    ['a wait of an hour', status(429, { 'retry-after': '3600' }), { code: 'model_rate_limited', says: /3600 s/, rounds: 1, requests: 1 }],
    ['no key', status(401), { code: 'model_unauthorized', says: /OPENAI_API_KEY/, rounds: 1, requests: 1 }],
    ['no such model', status(404), { code: 'model_not_found', says: /OPENAI_MODEL/, rounds: 1, requests: 1 }],
    ['cut connections', { hangUp: true }, { code: 'model_unavailable', says: /connection/, rounds: 1, requests: 3 }],
    [
      'a page instead of an answer',
      { status: 200, body: '<html>Welcome</html>' },
      { code: 'model_error', says: /answer/, rounds: 1, requests: 1 },
    ],
    ['a null', raw(0x6e, 0x75, 0x6c, 0x6c), { code: 'model_error', says: /answer/, rounds: 1, requests: 1 }],
    ['bytes that are no text', raw(0xff, 0xfe, 0x00, 0xc3, 0x28, 0x80), { code: 'model_error', says: /answer/, rounds: 1, requests: 1 }],
    ['no body', raw(), { code: 'model_error', says: /answer/, rounds: 1, requests: 1 }],
    ['no answer within the time', { hang: 'before headers' }, { code: 'model_timeout', says: /OPENAI_TIMEOUT_MS/, rounds: 1, requests: 1 }],
    [
      'half an answer within the time',
      { hang: 'within body' },
      { code: 'model_timeout', says: /OPENAI_TIMEOUT_MS/, rounds: 1, requests: 1 },
    ],
  ];
  test.each(cases)('%s', async (_, reply, { code, says, rounds, requests = rounds }) => {
    const task = await endOf([reply]);
    expect(task).toMatchObject({ status: 'failed', planId: null, error: { code, message: expect.stringMatching(says) } });
    expectReadable(task.error as TaskError);
    expect(model.requests()).toHaveLength(requests);
    expect(task.rounds).toHaveLength(rounds);
    for (const round of task.rounds) {
      expect(round.reply?.length ?? 0).toBeLessThanOrEqual(20_000);
      expect(round.issues.length).toBeLessThanOrEqual(100);
    }
    // However long an answer was, the next question is not; what is shown again of two answers is 300,000 characters at most.
    for (const { body } of model.requests()) expect(JSON.stringify(body).length).toBeLessThan(450_000);
  });
});

test('names that every object of the language knows are names like any other', async () => {
  const ids = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const task = await endOf([
    planReply(
      ...ids.map((id) => written(id, { value: id })),
      written('all', { value: JSON.parse('{"__proto__": {"polluted": "{{constructor.output.value}}"}}') }, { dependsOn: ids }),
    ),
  ]);
  expect(task).toMatchObject({ status: 'planned', rounds: [{ issues: [] }] });
  const plan = await fleet.plan(String(task.planId));
  await fleet.approve(plan);
  const { steps } = await fleet.until(plan.id, 'completed');
  expect(JSON.stringify(steps.at(-1)?.output)).toBe('{"value":{"__proto__":{"polluted":"constructor"}}}');
});

test('a text that is no valid Unicode becomes text that is', async () => {
  const answer = JSON.stringify({ choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: goodText } }] });
  const bytes = Buffer.from(answer.replace('Written anew.', 'Written \u0001 anew.'));
  bytes[bytes.indexOf(1)] = 0xff;
  const task = await endOf([{ bytes }]);
  expect(task.status).toBe('planned');
  expect((await fleet.plan(String(task.planId))).description).toBe('Written \ufffd anew.');
});

describe('a model that hangs', () => {
  beforeEach(() => model.script([{ hang: 'before headers' }]));

  test('is let go when the task is cancelled: the call ends, and no round is kept', async () => {
    const before = model.abandoned();
    const { id } = await submit();
    await expect.poll(() => model.requests().length, { timeout: 20_000 }).toBe(1);
    expect((await fleet.call('POST', `/v1/tasks/${id}/cancel`, { body: {} })).status).toBe(200);
    await expect.poll(() => model.abandoned(), { timeout: 20_000 }).toBe(before + 1);
    expect(await fleet.task(id)).toMatchObject({ status: 'cancelled', planId: null, rounds: [], error: null });
    expect(model.requests()).toHaveLength(1);
  });

  test('is let go when the service stops, which ends at once; the next one plans the task', async () => {
    const before = model.abandoned();
    const { id } = await submit();
    await expect.poll(() => model.requests().length, { timeout: 20_000 }).toBe(1);
    expect(await fleet.planner?.end('SIGTERM')).toBe(0);
    await expect.poll(() => model.abandoned(), { timeout: 20_000 }).toBe(before + 1);
    expect(await fleet.task(id)).toMatchObject({ status: expect.stringMatching(/^(queued|planning)$/), rounds: [] });
    model.script([GOOD]);
    await fleet.startPlanner({ ...model.env, OPENAI_TIMEOUT_MS: String(TIMEOUT_MS) });
    const task = await untilEnded({ id });
    await expectGoodPlan(task);
    expect([task.rounds.length, model.requests().length]).toEqual([1, 1]);
  });
});

test('no answer of a model is anything but a plan for people to read: nothing has run', async () => {
  const task = await endOf([GOOD], { input: { a: 1 } as JsonObject });
  expect(fleet.calls(String(task.planId))).toEqual([]);
});
