/** What the README shows, tried: its plan, its issues, its tool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRulesPlanner } from '@countersign/planner';
import { isObject, type JsonObject, type ToolContract, validatePlan } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeBlocks, readPage, sectionOf } from './pages.ts';

const page = readPage('README.md');
const walk = sectionOf(page, '## A walk through the API');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-readme-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function builtin(): Promise<ReadonlyMap<string, ToolContract>> {
  const { tools } = await loadTools({ workspaceRoot: folder });
  return new Map([...tools].map(([name, { contract }]) => [name, contract]));
}

/** The bodies of the curl commands, in the order of the page. */
const bodies = codeBlocks(walk, 'sh').flatMap((block) =>
  [...block.matchAll(/-d '([^']*)'/g)].map(([, text = '']) => JSON.parse(text) as JsonObject),
);

test('every body that is sent is JSON, and the task is one that the rules understand', async () => {
  const [task] = bodies;
  const answer = await createRulesPlanner().plan({
    objective: String(task?.objective),
    input: {},
    tools: [...(await builtin()).values()],
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });
  expect(answer.ok ? answer.draft.steps.map(({ id }) => id) : answer.error.message).toEqual(['stats', 'search', 'write']);
});

test('the bad plan has exactly the issues that are shown', async () => {
  const bad = bodies.find((body) => Array.isArray(body.steps));
  const shown = [...walk.matchAll(/\{"path":"([^"]*)","code":"([a-z_]*)"/g)].map(([, path, code]) => `${path} ${code}`);
  const { issues } = validatePlan(bad, { tools: await builtin() });
  expect(shown.length).toBeGreaterThan(4);
  expect(issues.map(({ path, code }) => `${path} ${code}`)).toEqual(shown);
});

test('the good plan is one', async () => {
  const [plan = ''] = codeBlocks(walk, 'json');
  expect(validatePlan(JSON.parse(plan), { tools: await builtin() }).issues).toEqual([]);
});

test('the tool in one file can be loaded, is understood and runs', async () => {
  const [file = ''] = codeBlocks(sectionOf(page, '## Adding a tool'), 'js');
  writeFileSync(join(folder, 'greet.mjs'), file);
  const tool = (await loadTools({ workspaceRoot: folder, toolsDir: folder })).tools.get('text.greet');
  if (tool === undefined) throw new Error('there is no text.greet');
  const checked = tool.check({ name: 'Ada' });
  if (!checked.ok) throw new Error(checked.message);
  const silent = () => {};
  const output = await tool.run(checked.value, {
    signal: new AbortController().signal,
    idempotencyKey: 'key',
    planId: 'plan',
    stepId: 'step',
    attempt: 1,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    progress: silent,
    evaluate: () => true,
  });
  expect(isObject(output) && output.text).toBe('Hello, Ada!');
});

test('the conditions in one file can be loaded and hold', async () => {
  const file = codeBlocks(sectionOf(page, '## Adding a tool'), 'js').find((block) => block.includes('evaluate:')) ?? '';
  writeFileSync(join(folder, 'conditions.mjs'), file);
  const { conditions } = await loadTools({ workspaceRoot: folder, toolsDir: folder });
  const scope = (priority: string) => ({ input: { priority }, task: { id: null, objective: '' }, steps: new Map() });
  expect([...conditions.keys()]).toEqual(['is_urgent']);
  expect(conditions.get('is_urgent')?.(scope('high'))).toBe(true);
  expect(conditions.get('is_urgent')?.(scope('low'))).toBe(false);
});
