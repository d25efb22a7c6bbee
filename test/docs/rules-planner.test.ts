/** The examples of docs/rules-planner.md, put to the planner. */
import { createRulesPlanner } from '@countersign/planner';
import { type StepDraft, type ToolContract, validatePlan } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { beforeAll, expect, test } from 'vitest';
import { codeBlocks, readPage, sectionOf, tableRows } from './pages.ts';

let contracts: ToolContract[];
beforeAll(async () => {
  contracts = [...(await loadTools({ workspaceRoot: import.meta.dirname })).tools.values()].map(({ contract }) => contract);
});

const page = readPage('docs/rules-planner.md');

async function planFor(objective: string): Promise<StepDraft[]> {
  const answer = await createRulesPlanner().plan({
    objective,
    input: {},
    tools: contracts,
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });
  if (!answer.ok) throw new Error(answer.error.message);
  expect(validatePlan(answer.draft, { tools: new Map(contracts.map((contract) => [contract.name, contract])) }).issues).toEqual([]);
  return answer.draft.steps;
}

/** As the page writes a plan: `read: fs.read`, and `write: fs.write after read`. */
const inWords = (steps: readonly StepDraft[]): string =>
  steps.map(({ id, tool, dependsOn = [] }) => `${id}: ${tool}${dependsOn.length > 0 ? ` after ${dependsOn.join(', ')}` : ''}`).join('; ');

test('every example gives the plan that stands beside it', async () => {
  const examples = tableRows(sectionOf(page, '## Examples'));
  expect(examples.length).toBeGreaterThan(8);
  for (const [objective = '', plan] of examples) expect(inWords(await planFor(objective)), objective).toBe(plan);
});

test('every phrase of the recipes finds its recipe', async () => {
  const phrases = tableRows(sectionOf(page, '## Recipes'));
  expect(phrases.length).toBeGreaterThan(3);
  for (const [objective = '', count] of phrases) expect(await planFor(objective), objective).toHaveLength(Number(count));
});

test('the worked example is what the planner writes', async () => {
  const section = sectionOf(page, '## One example in full');
  const [objective = ''] = codeBlocks(section, 'text');
  const [steps = ''] = codeBlocks(section, 'json');
  expect(await planFor(objective.trim())).toEqual(JSON.parse(steps));
});

test('what the page calls not understood is refused, for the reason it gives', async () => {
  const refused = tableRows(sectionOf(page, '## What is not understood'));
  expect(refused.length).toBeGreaterThan(4);
  for (const [objective = '', reason = ''] of refused) await expect(planFor(objective), objective).rejects.toThrow(reason);
});
