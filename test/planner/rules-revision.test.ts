import { createRulesPlanner } from '@countersign/planner';
import {
  digestOf,
  type Plan,
  type PlanContent,
  type PlanDraft,
  type PlanningRound,
  type StepDraft,
  type ToolContract,
} from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { beforeAll, describe, expect, test } from 'vitest';
import { readPage, sectionOf, tableRows } from '../docs/pages.ts';
import { contentOf, planView } from './plan-view.ts';

let contracts: ToolContract[];
beforeAll(async () => {
  const { tools } = await loadTools({ workspaceRoot: import.meta.dirname });
  contracts = [...tools.values()].map(({ contract }) => contract);
});

const rounds: PlanningRound[] = [];
const requestFor = (plan: Plan) => ({
  plan,
  objective: plan.objective,
  input: plan.input,
  options: {},
  tools: contracts,
  signal: new AbortController().signal,
  onRound: async (round: PlanningRound) => {
    rounds.push(round);
  },
});

/** A plan that a person has put a gate into. */
const GATED: PlanDraft = {
  objective: 'List the files in src, then count their lines',
  description: 'By hand.',
  steps: [
    { id: 'list', tool: 'fs.list', input: { path: 'src' } },
    { id: 'stats', tool: 'fs.stats', input: { path: 'src' }, dependsOn: ['list'], approval: { message: 'Count?' }, timeoutMs: 5_000 },
  ],
};
const viewOf = (draft: PlanDraft) => planView(contentOf(draft, contracts));

async function revised(draft: PlanDraft, feedback: string): Promise<PlanContent> {
  const answer = await createRulesPlanner().revise({ ...requestFor(await viewOf(draft)), feedback });
  if (!answer.ok) throw new Error(answer.error.message);
  return contentOf(answer.draft, contracts);
}

/** What the new steps are: `id: tool after dependencies`. */
const inWords = (steps: readonly StepDraft[]): string[] =>
  steps.map(({ id, tool, dependsOn = [] }) => `${id}: ${tool}${dependsOn.length > 0 ? ` after ${dependsOn.join(', ')}` : ''}`);

describe('feedback', () => {
  test.each([
    ['Then write everything to report.md', ['write: fs.write after stats, list']],
    ['search for TODO in src', ['search: fs.search after stats']],
    ['Also count the lines in docs', ['stats-2: fs.stats']],
    ['and search for TODO in src, then write everything to notes.md', ['search: fs.search', 'write: fs.write after stats, search, list']],
    ['Read README.md and package.json', ['read: fs.read after stats', 'read-2: fs.read after stats']],
  ])('"%s" adds steps behind those that are there, which stay as they are', async (feedback, added) => {
    const before = contentOf(GATED, contracts);
    const { steps, description } = await revised(GATED, feedback);
    expect(steps.slice(0, 2)).toEqual(before.steps);
    expect(inWords(steps.slice(2))).toEqual(added);
    expect(description).toMatch(/^By hand\. Added by fixed rules for the feedback ".*": \d steps? in \d stages?\.$/);
  });

  test.each(['Instead, list the files in src, then search for TODO in src', 'List the files in src, then search for TODO in src instead.'])(
    '"%s" is a new wording: what comes out the same keeps what people put in',
    async (feedback) => {
      const withGate = { ...GATED, steps: GATED.steps.map((step) => (step.id === 'list' ? { ...step, approval: { quorum: 2 } } : step)) };
      const { steps, objective } = await revised(withGate, feedback);
      expect(inWords(steps)).toEqual(['list: fs.list', 'search: fs.search after list']);
      expect(steps[0]).toMatchObject({ approval: { quorum: 2 } });
      expect(objective).toBe(GATED.objective);
    },
  );

  test('that words a recipe anew gives the recipe', async () => {
    expect((await revised(GATED, 'Audit this repository instead')).steps).toHaveLength(10);
  });

  test('with the wording that the plan has already gives the same plan, to the letter', async () => {
    const content = contentOf(
      { ...GATED, steps: [{ id: 'list', tool: 'fs.list', input: { path: 'src' }, description: 'List the files in src' }] },
      contracts,
    );
    const plan = await planView(content);
    const answer = await createRulesPlanner().revise({ ...requestFor(plan), feedback: 'List the files in src instead' });
    if (!answer.ok) throw new Error(answer.error.message);
    expect(await digestOf(contentOf(answer.draft, contracts))).toBe(plan.digest);
  });

  test.each([
    ['Make it nicer', 'no tool is asked for with "Make"'],
    ['Do not count the lines', 'the rules do not understand "not"'],
    ['Order a pizza instead', 'no tool is asked for with "Order"'],
    ['Then write it to report.md and sing', '1 of 2 parts'],
  ])('"%s" is not understood, and the error says what would be', async (feedback, reason) => {
    const answer = await createRulesPlanner().revise({ ...requestFor(await viewOf(GATED)), feedback });
    expect(answer).toMatchObject({ ok: false, error: { code: 'not_understood', message: expect.stringContaining(reason) } });
    if (!answer.ok) expect(answer.error.message).toMatch(/read feedback as .*"then write everything to report\.md".*with "instead"/);
    expect(rounds.at(-1)).toMatchObject({ planner: 'rules', error: expect.stringContaining('not_understood') });
  });
});

test('the examples of feedback on the page about the rules give the plans that stand beside them', async () => {
  const rows = tableRows(sectionOf(readPage('docs/rules-planner.md'), '## Feedback'));
  expect(rows.length).toBeGreaterThan(2);
  for (const [feedback = '', plan] of rows) expect(inWords((await revised(GATED, feedback)).steps).join('; '), feedback).toBe(plan);
});

test('a replan by rules says that they would write the same plan again', async () => {
  const error = { code: 'tool_error', message: 'no', retryable: false } as const;
  const plan = await planView(contentOf(GATED, contracts), { list: { status: 'failed', error } }, { status: 'failed' });
  expect(await createRulesPlanner().replan(requestFor(plan))).toMatchObject({
    ok: false,
    error: { code: 'no_change', message: expect.stringContaining('the same plan again'), detail: { failed: ['list'] } },
  });
  expect(rounds.at(-1)).toMatchObject({ planner: 'rules', error: expect.stringContaining('no_change') });
});

describe('a summary by rules', () => {
  const summarise = async (plan: Plan): Promise<string> => {
    const answer = await createRulesPlanner().summarise(requestFor(plan));
    if (!answer.ok) throw new Error(answer.error.message);
    return answer.response;
  };

  test('says what was asked for, how it ended, what the steps gave, and what failed', async () => {
    const error = { code: 'rejected', message: 'Not\ntoday', retryable: false } as const;
    const plan = await planView(
      contentOf(GATED, contracts),
      { list: { status: 'completed', output: { files: ['a.ts'], total: 1 } }, stats: { status: 'failed', error } },
      { status: 'partial' },
    );
    expect(await summarise(plan)).toBe(
      [
        'Objective: List the files in src, then count their lines',
        'The plan ended with a part of it done. Of 2 steps: 1 completed, 1 failed.',
        '',
        'What the steps gave:',
        '- list: {"files":["a.ts"],"total":1}',
        '',
        'What failed:',
        '- stats: rejected: Not today',
      ].join('\n'),
    );
  });

  test('is never empty and never longer than 10,000 characters, however much there is to say', async () => {
    const steps = Array.from({ length: 3_000 }, (_, at) => ({
      id: `s${at}`,
      tool: 'wait',
      description: 'd'.repeat(500),
      input: { ms: 1 },
    }));
    const content = contentOf({ objective: 'o'.repeat(10_000), steps }, contracts);
    const error = { code: 'tool_error', message: 'e'.repeat(9_000), retryable: false } as const;
    const outcome = (at: number) =>
      at % 2 === 0 ? { status: 'completed' as const, output: 'y'.repeat(5_000) } : { status: 'failed' as const, error };
    const plan = await planView(content, Object.fromEntries(steps.map(({ id }, at) => [id, outcome(at)])), { status: 'failed' });
    const response = await summarise(plan);
    expect(response.length).toBeLessThanOrEqual(10_000);
    expect(response).toContain('Of 3000 steps: 1500 completed, 1500 failed.');
    expect(response.match(/- and \d+ more/g)).toHaveLength(2);
    expect(
      await summarise(await planView(contentOf({ objective: 'x', steps: [{ id: 'a', tool: 'wait', input: { ms: 1 } }] }, contracts))),
    ).toContain('none ended');
  });
});
