import { createRulesPlanner } from '@countersign/planner';
import { type TaskError, type ToolContract, validatePlan } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { beforeAll, describe, expect, test } from 'vitest';
import { REFUSED } from './refused-objectives.ts';
import { type Row, UNDERSTOOD } from './understood-objectives.ts';

let contracts: ToolContract[];
beforeAll(async () => {
  const { tools } = await loadTools({ workspaceRoot: import.meta.dirname });
  contracts = [...tools.values()].map(({ contract }) => contract);
});

const answerTo = (objective: string) =>
  createRulesPlanner().plan({
    objective,
    input: {},
    tools: contracts,
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });

describe('the rules understand', () => {
  test.each(UNDERSTOOD.map(([objective, ...rows]) => ({ objective, rows })))('$objective', async ({ objective, rows }) => {
    const answer = await answerTo(objective);
    if (!answer.ok) throw new Error(answer.error.message);
    const steps = answer.draft.steps.map(({ tool, input = {}, dependsOn = [] }): Row => [tool, input, ...dependsOn]);
    expect(steps).toEqual(rows);
    expect(validatePlan(answer.draft, { tools: new Map(contracts.map((contract) => [contract.name, contract])) }).issues).toEqual([]);
  });

  test('every phrase that a refusal suggests', async () => {
    const answer = await answerTo('Order a pizza');
    if (answer.ok) throw new Error('was understood');
    const phrases = [...answer.error.message.matchAll(/phrases like (.*), joined by/g)].flatMap(([, list]) =>
      (list ?? '').slice(1, -1).split('", "'),
    );
    expect(phrases.length).toBeGreaterThan(2);
    for (const phrase of phrases) expect(await answerTo(phrase), phrase).toMatchObject({ ok: true });
  });

  test('every example of every tool that gives its values, as the example means it', async () => {
    const examples = contracts.flatMap(({ name, examples: own }) => own.map((example) => ({ name, ...example })));
    for (const { name, text, input } of examples.filter(({ input: own }) => !JSON.stringify(own).includes('{{'))) {
      const answer = await answerTo(text);
      expect(answer.ok ? answer.draft.steps : answer.error.message, text).toMatchObject([{ tool: name, input }]);
    }
    expect(examples.length).toBeGreaterThan(20);
  });
});

/** What every refusal ends with. */
const PHRASES =
  'They know phrases like "fetch https://example.com", "list the files in src", "read README.md", "write "hello" to notes.txt", "count files and lines", joined by "and" and "then"; a language model (OPENAI_API_KEY) understands more';

async function refusalOf(objective: string): Promise<TaskError> {
  const answer = await answerTo(objective);
  if (answer.ok) throw new Error(JSON.stringify(answer.draft.steps));
  return answer.error;
}

describe('the rules refuse, with what was not understood,', () => {
  test.each(REFUSED)('%s', async (objective, understood, ...problems) => {
    expect(await refusalOf(objective)).toMatchObject({
      code: 'not_understood',
      message: `the rules understood ${understood} parts. ${problems.join('; ')}. ${PHRASES}`,
      detail: { clauses: expect.any(Array), tools: expect.arrayContaining([expect.objectContaining({ name: 'fs.list' })]) },
    });
  });

  test('what a tool does not take', async () => {
    expect(await refusalOf('wait 90 minutes')).toMatchObject({
      code: 'not_understood',
      message:
        'the rules understood every part, but their inputs do not fit the tools: steps[0].input.ms: Too big: expected number to be <=3600000 (`wait` takes {ms})',
      detail: { issues: [{ path: 'steps[0].input.ms', code: 'bad_input', message: expect.stringContaining('Too big') }] },
    });
  });

  test('each objective once, and as many as are promised', () => {
    expect(new Set(UNDERSTOOD.map(([objective]) => objective.toLowerCase())).size).toBe(UNDERSTOOD.length);
    expect(new Set(REFUSED.map(([objective]) => objective.toLowerCase())).size).toBe(REFUSED.length);
    expect(UNDERSTOOD.length).toBeGreaterThanOrEqual(40);
    expect(REFUSED.length).toBeGreaterThanOrEqual(15);
  });
});
