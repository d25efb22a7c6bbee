import type { JsonObject, PlanningRound, Risk, ToolContract } from '@countersign/shared';
import { describe, expect, test } from 'vitest';
import { createRulesPlanner } from './rules-planner.ts';

/** Tools that nobody has: the rules must learn them from their contracts alone. */
const contract = (
  name: string,
  {
    risk = 'read',
    input,
    required = [],
    output = {},
    examples,
  }: { risk?: Risk; input: JsonObject; required?: string[]; output?: JsonObject; examples: ToolContract['examples'] },
): ToolContract => ({
  name,
  description: `${examples[0]?.text ?? name}.`,
  risk,
  idempotent: true,
  inputSchema: { type: 'object', properties: input, required, additionalProperties: false },
  outputSchema: { type: 'object', properties: output },
  timeoutMs: null,
  retry: null,
  queue: null,
  examples,
});
const text = { type: 'string' };
const TOOLS = [
  contract('greenhouse.water', {
    risk: 'write',
    input: { plant: text, litres: { type: 'number' }, gently: { type: 'boolean' } },
    required: ['plant'],
    output: { moisture: { type: 'number' } },
    examples: [{ text: 'Water the "tomato" with 2 litres', input: { plant: 'tomato', litres: 2 } }],
  }),
  contract('weather.forecast', {
    input: { town: text, unit: { enum: ['celsius', 'fahrenheit'] } },
    required: ['town'],
    output: { report: text },
    examples: [{ text: 'Forecast the weather for Oslo', input: { town: 'Oslo' } }],
  }),
  contract('letter.post', {
    risk: 'write',
    input: { address: text, text },
    required: ['address', 'text'],
    examples: [{ text: 'Post "hello" to the address "Main Street 1"', input: { address: 'Main Street 1', text: 'hello' } }],
  }),
  contract('nap', {
    input: { durationMs: { type: 'integer' } },
    required: ['durationMs'],
    examples: [{ text: 'Nap for 2 seconds', input: { durationMs: 2_000 } }],
  }),
  contract('shelf.pack', {
    risk: 'write',
    input: { items: { type: 'integer' }, seconds: { type: 'number' }, path: text, mode: { enum: ['loose', 'tight'] }, label: text },
    examples: [
      { text: 'Pack 3 items in 10 seconds', input: { items: 3, seconds: 10 } },
      { text: 'Pack to boxes/1.txt', input: { path: 'boxes/1.txt' } },
      { text: 'Pack tight with the label "fragile"', input: { mode: 'tight', label: 'fragile' } },
    ],
  }),
];

async function plan(objective: string, tools = TOOLS) {
  const rounds: PlanningRound[] = [];
  const answer = await createRulesPlanner(() => 0).plan({
    objective,
    input: {},
    tools,
    options: {},
    signal: new AbortController().signal,
    onRound: async (round) => {
      rounds.push(round);
    },
  });
  return { answer, rounds };
}
const stepsOf = async (objective: string) => {
  const { answer } = await plan(objective);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.draft.steps.map(({ id, input, dependsOn }) => [id, input, dependsOn]);
};

describe('tools that the rules have never seen', () => {
  test('are found and filled from their contracts', async () => {
    expect(await stepsOf('Water the "basil" gently with 0.5 litres')).toEqual([
      ['water', { plant: 'basil', litres: 0.5, gently: true }, []],
    ]);
    expect(await stepsOf('Forecast the weather for Bergen in fahrenheit')).toEqual([
      ['forecast', { town: 'Bergen', unit: 'fahrenheit' }, []],
    ]);
    expect(await stepsOf('Post to the address "Elm Street 2" "good morning"')).toEqual([
      ['post', { address: 'Elm Street 2', text: 'good morning' }, []],
    ]);
    expect(await stepsOf('Nap 3 minutes')).toEqual([['nap', { durationMs: 180_000 }, []]]);
  });

  test('get a time in their own unit, and a count that has none', async () => {
    expect(await stepsOf('Pack 4 items in 2 minutes')).toEqual([['pack', { items: 4, seconds: 120 }, []]]);
    expect(await stepsOf('Pack 4 items in half a minute')).toEqual([['pack', { items: 4, seconds: 30 }, []]]);
  });

  test('get what examples always give together only together', async () => {
    expect(await stepsOf('Pack loose with the label "dry"')).toEqual([['pack', { mode: 'loose', label: 'dry' }, []]]);
    expect((await plan('Pack with the label "dry"')).answer).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('`shelf.pack` takes `label` only along with `mode` (one of loose, tight)') },
    });
  });

  test('wait for each other at the same place, where one of them writes', async () => {
    expect(await stepsOf('Pack 1 items to a/b.txt, pack 2 items to ./a, pack 3 items to ab.txt')).toEqual([
      ['pack', { items: 1, path: 'a/b.txt' }, []],
      ['pack-2', { items: 2, path: './a' }, ['pack']],
      ['pack-3', { items: 3, path: 'ab.txt' }, []],
    ]);
  });

  test('without examples, are found by their name and asked with the words of their description', async () => {
    const drawer: ToolContract = {
      ...(TOOLS[0] as ToolContract),
      name: 'desk.tidy',
      description: 'Tidies the desk and its drawers.',
      examples: [],
    };
    const answer = (await plan('Tidy the drawers of the "oak"', [drawer])).answer;
    expect(answer).toMatchObject({ ok: true, draft: { steps: [{ tool: 'desk.tidy', input: { plant: 'oak' } }] } });
  });

  test('run one after the other at "then", at the same time at "and", and read what came before', async () => {
    expect(
      await stepsOf('Nap for 1 second and water the "basil", then forecast the weather for Rome. Finally post it to the address "Hill 3"'),
    ).toEqual([
      ['nap', { durationMs: 1_000 }, []],
      ['water', { plant: 'basil' }, []],
      ['forecast', { town: 'Rome' }, ['nap', 'water']],
      ['post', { address: 'Hill 3', text: '{{forecast.output.report}}' }, ['forecast']],
    ]);
  });

  test('are numbered where one is used again', async () => {
    expect(await stepsOf('Water the "basil", water the "mint"')).toEqual([
      ['water', { plant: 'basil' }, []],
      ['water-2', { plant: 'mint' }, []],
    ]);
  });
});

describe('a plan', () => {
  test('says that rules wrote it, and is the same every time', async () => {
    const [one, two] = [await plan('Nap for 2 seconds'), await plan('Nap for 2 seconds')];
    expect(one).toEqual(two);
    expect(one.answer).toMatchObject({
      ok: true,
      draft: { description: expect.stringContaining('fixed rules, without a language model') },
    });
    expect(one.rounds).toMatchObject([{ round: 1, planner: 'rules', model: null, issues: [], error: null, usage: null }]);
  });
});

describe('an objective that is not understood', () => {
  test('says clause by clause what was, and which tools there are', async () => {
    const { answer, rounds } = await plan('Nap for 2 seconds, then order a pizza');
    expect(answer).toEqual({
      ok: false,
      error: {
        code: 'not_understood',
        message: expect.stringMatching(/1 of 2 parts.*"order a pizza": no tool is asked for with "order".*"Nap for 2 seconds"/),
        detail: {
          clauses: [
            { text: 'Nap for 2 seconds', understood: true, tool: 'nap', inputs: [{ durationMs: 2_000 }] },
            { text: 'order a pizza', understood: false, problem: 'no tool is asked for with "order"' },
          ],
          tools: TOOLS.map(({ name, description, examples }) => ({ name, description, example: examples[0]?.text })),
        },
      },
    });
    expect(rounds).toMatchObject([{ round: 1, error: expect.stringContaining('not_understood') }]);
  });

  test.each(['', '   ', '...', 'then, and then', '🌱', '"just a quotation"'])('may hold nothing to do: %j', async (objective) => {
    expect((await plan(objective)).answer).toMatchObject({ ok: false, error: { code: 'not_understood' } });
  });

  test('of 10,000 characters is answered all the same', async () => {
    expect((await plan('nap and '.repeat(1_250))).answer).toMatchObject({ ok: false });
    expect((await plan(`Nap for 1 second ${'"'.repeat(9_000)}`)).answer).toMatchObject({ ok: expect.any(Boolean) });
  });
});
