/** How the rules ask a model: what is to be done is the asker's own words, what it is done with is data. */
import { tmpdir } from 'node:os';
import { createModel } from '@countersign/llm';
import { createRulesPlanner } from '@countersign/planner';
import type { Json } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { expect, test } from 'vitest';

async function planned(objective: string): Promise<{ tool: string; input: Json | undefined }[] | string> {
  // Rules ask no model: its tool is only there to be named.
  const languageModel = createModel({ apiKey: null, baseUrl: 'http://127.0.0.1:1/v1', model: 'tiny' });
  const { tools } = await loadTools({ workspaceRoot: tmpdir(), languageModel });
  const answer = await createRulesPlanner().plan({
    objective,
    input: {},
    tools: [...tools.values()].map(({ contract }) => contract),
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });
  return answer.ok ? answer.draft.steps.map(({ tool, input }) => ({ tool, input })) : answer.error.message;
}

test('a question in quotes is the prompt', async () => {
  expect(await planned('Ask the model "What is a digest?"')).toEqual([{ tool: 'llm.generate', input: { prompt: 'What is a digest?' } }]);
});

test('what an earlier step gave is the data', async () => {
  expect(await planned('Read a.md, ask the model "Sum this up." about it and save the result to b.md')).toEqual([
    { tool: 'fs.read', input: { path: 'a.md' } },
    { tool: 'llm.generate', input: { prompt: 'Sum this up.', data: '{{read.output}}' } },
    { tool: 'fs.write', input: { path: 'b.md', text: '{{generate.output.text}}' } },
  ]);
});

test.each(['Read a.md and summarize it', 'Read a.md and ask the model about it'])(
  '%s is refused: a result is never taken for what the model is to do',
  async (objective) => {
    expect(await planned(objective)).toContain('`llm.generate` needs `prompt` (text in quotes)');
  },
);

test('a question to a person stays one', async () => {
  expect(await planned('Ask a person "Which version goes out?"')).toMatchObject([{ tool: 'human.input' }]);
});
