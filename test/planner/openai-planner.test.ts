import { createModel } from '@countersign/llm';
import { createOpenaiPlanner } from '@countersign/planner';
import { type JsonObject, type PlanningRound, type ToolContract, validatePlan } from '@countersign/shared';
import { afterEach, describe, expect, test } from 'vitest';
import { type ModelBehaviour, type ModelServer, startModelServer } from '../model-server/model-server.ts';

const tool = (name: string, properties: JsonObject, required: string[]): ToolContract => ({
  name,
  description: `the tool ${name}`,
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', properties, required, additionalProperties: false },
  outputSchema: { type: 'object', properties: { total: { type: 'integer' } } },
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [{ text: `Use ${name}`, input: {} }],
});
const TOOLS = [tool('count', { path: { type: 'string' } }, ['path']), tool('note', { text: { type: 'string' } }, ['text'])];

const step = (id: string, toolName: string, { input = {}, dependsOn = [] }: { input?: unknown; dependsOn?: string[] } = {}) => ({
  id,
  tool: toolName,
  description: id,
  input: typeof input === 'string' ? input : JSON.stringify(input),
  dependsOn,
});
const reply = (...steps: object[]) => ({ content: { problem: '', description: 'Counts, then notes.', steps } });
const GOOD = reply(step('a', 'count', { input: { path: 'src' } }), step('b', 'note', { input: { text: '{{a.output.total}} files' } }));

let server: ModelServer;
afterEach(() => server.close());

async function plan(behaviour: ModelBehaviour, options: JsonObject = {}) {
  server = await startModelServer(behaviour);
  const rounds: PlanningRound[] = [];
  const planner = createOpenaiPlanner(createModel({ apiKey: 'sk-1', baseUrl: server.url, model: 'tiny' }));
  const answer = await planner.plan({
    objective: 'Count the files in src',
    input: { root: 'src' },
    tools: TOOLS,
    options,
    signal: new AbortController().signal,
    onRound: async (round) => {
      rounds.push(round);
    },
  });
  return { answer, rounds };
}
/** What the model was told last in its nth request. */
const toldIn = (request: number): string => server.requests[request]?.body.messages.at(-1)?.content ?? '';

describe('a good reply', () => {
  test('becomes a draft that validates, in one recorded round', async () => {
    const { answer, rounds } = await plan([GOOD]);
    if (!answer.ok) throw new Error(answer.error.message);
    expect(answer.draft.steps.map(({ id, tool: name, input }) => ({ id, name, input }))).toEqual([
      { id: 'a', name: 'count', input: { path: 'src' } },
      { id: 'b', name: 'note', input: { text: '{{a.output.total}} files' } },
    ]);
    const result = validatePlan(answer.draft, { tools: new Map(TOOLS.map((contract) => [contract.name, contract])) });
    expect(result).toMatchObject({ valid: true, content: { description: 'Counts, then notes.', steps: [{}, { dependsOn: ['a'] }] } });
    expect(rounds).toEqual([
      {
        round: 1,
        planner: 'openai',
        model: 'tiny',
        format: 'json_schema',
        promptVersion: null,
        promptHash: null,
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        durationMs: expect.any(Number),
        reply: JSON.stringify(GOOD.content),
        issues: [],
        error: null,
        usage: { inputTokens: 100, outputTokens: 20, costUsd: null, estimated: false },
      },
    ]);
  });

  test('was asked for with the objective, the input, and every tool with its schema', async () => {
    await plan([GOOD]);
    const prompt = toldIn(0);
    for (const part of ['Count the files in src', '{"root":"src"}', JSON.stringify(TOOLS[0]?.inputSchema), 'Use note'])
      expect(prompt).toContain(part);
    const schema = server.requests[0]?.body.response_format?.json_schema?.schema as never as {
      properties: { steps: { items: { properties: { tool: { enum: string[] } } } } };
    };
    expect(schema.properties.steps.items.properties.tool.enum).toEqual(['count', 'note']);
  });

  test.each([
    ['in prose with a fence', { content: `Here is the plan:\n\n\`\`\`json\n${JSON.stringify(GOOD.content)}\n\`\`\`\n` }],
    ['with inputs as objects, against the schema', { content: { steps: [{ id: 'a', tool: 'count', input: { path: 'src' } }] } }],
  ])('is accepted %s', async (_, behaviour) => {
    expect((await plan([behaviour])).answer).toMatchObject({ ok: true });
  });
});

describe('a reply that does not validate', () => {
  test.each([
    ['an invented tool', reply(step('a', 'rocket.launch')), { path: 'steps[0].tool', code: 'unknown_tool' }],
    [
      'a cycle',
      reply(step('a', 'count', { input: { path: 'x' }, dependsOn: ['b'] }), step('b', 'note', { input: { text: 'x' }, dependsOn: ['a'] })),
      { path: 'steps[0].dependsOn', code: 'cycle' },
    ],
    [
      'an input that the tool does not take',
      reply(step('a', 'count', { input: { file: 'x' } })),
      { path: 'steps[0].input.file', code: 'bad_input' },
    ],
    ['an input that is no JSON', reply(step('a', 'count', { input: '{"path": ' })), { path: 'steps[0].input', code: 'bad_input' }],
    [
      'an unknown step',
      reply(step('a', 'note', { input: { text: '{{zzz.output}}' } })),
      { path: 'steps[0].input.text', code: 'unknown_reference' },
    ],
    ['no steps at all', { content: { hello: 'world' } }, { path: 'steps', code: 'bad_input' }],
    [
      'an unknown field',
      { content: { steps: [{ id: 'a', tool: 'count', input: '{"path":"x"}', depends_on: [] }] } },
      { path: 'steps[0].depends_on', code: 'unknown_field' },
    ],
  ])('%s is given back with path, code and message, and the mended plan is taken', async (_, bad, issue) => {
    const { answer, rounds } = await plan([bad, GOOD]);
    expect(answer).toMatchObject({ ok: true });
    expect(rounds.map(({ round, issues }) => [round, issues.length > 0])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(rounds[0]?.issues).toContainEqual({ ...issue, message: expect.any(String) });
    expect(server.requests[1]?.body.messages.at(-2)).toEqual({ role: 'assistant', content: JSON.stringify(bad.content) });
    expect(toldIn(1)).toContain(JSON.stringify(issue).slice(0, -1));
  });

  test('three times ends with the issues that are left', async () => {
    const { answer, rounds } = await plan([reply(step('a', 'rocket.launch'))]);
    expect(answer).toMatchObject({ ok: false, error: { code: 'invalid_plan', detail: { issues: [{ code: 'unknown_tool' }] } } });
    expect(rounds.map(({ round }) => round)).toEqual([1, 2, 3]);
    expect(server.requests).toHaveLength(3);
  });

  test('in twelve ways is given back with ten of its issues', async () => {
    await plan([reply(...Array.from({ length: 12 }, (_, at) => step(`s${at}`, 'rocket.launch'))), GOOD]);
    expect(toldIn(1).match(/"code":"unknown_tool"/g)).toHaveLength(10);
    expect(toldIn(1)).toContain('and 2 more');
  });

  test('because of an option of the task is not given back: the model cannot mend it', async () => {
    const { answer } = await plan([GOOD], { maxParallelSteps: 0 });
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'invalid_plan', message: expect.stringContaining('options.maxParallelSteps') },
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('no usable reply', () => {
  test.each([
    ['cut-off JSON', { content: '{"steps": [', finishReason: 'length' }, 'model_cut_off'],
    ['prose', { content: 'I would rather not write JSON.' }, 'model_not_json'],
  ])('%s is asked for again, at most three times', async (_, bad, code) => {
    const { answer, rounds } = await plan([bad]);
    expect(answer).toMatchObject({ ok: false, error: { code } });
    expect(rounds.map(({ error, reply: text }) => [error?.startsWith(code), text])).toEqual(Array(3).fill([true, bad.content]));
    await server.close();
    expect((await plan([bad, GOOD])).answer).toMatchObject({ ok: true });
  });

  test.each([
    ['a refusal', { refusal: 'No.' }, 'model_refused'],
    ['a server error', { status: 500, headers: { 'retry-after': '0' } }, 'model_unavailable'],
    ['a rate limit of an hour', { status: 429, headers: { 'retry-after': '3600' } }, 'model_rate_limited'],
  ])('%s ends planning with its code, in one recorded round', async (_, bad, code) => {
    const { answer, rounds } = await plan([bad]);
    expect(answer).toMatchObject({ ok: false, error: { code } });
    expect(rounds).toMatchObject([
      { round: 1, reply: null, issues: [], error: expect.stringContaining(code), usage: code === 'model_refused' ? {} : null },
    ]);
  });

  test('a model that says why there is no plan is believed', async () => {
    const { answer } = await plan([{ content: { problem: 'No tool sends mail.', description: '', steps: [] } }]);
    expect(answer).toMatchObject({ ok: false, error: { code: 'not_possible', message: expect.stringContaining('No tool sends mail.') } });
  });

  test('a reply of a million characters is kept to 20,000', async () => {
    const { rounds } = await plan([{ content: 'x'.repeat(1_000_000) }]);
    expect(rounds[0]?.reply).toHaveLength(20_000);
  });
});
