/** The tables of docs/plan-language.md, row by row, put to the code that they speak of. */
import {
  evaluateCondition,
  type Issue,
  type Json,
  LIMITS,
  parseCondition,
  plainDecision,
  planDraftSchema,
  planOptionsSchema,
  type ReferenceScope,
  RUN_IF,
  resolveReferences,
  STEP_ERROR_CODES,
  type StepDraft,
  type ToolContract,
  validatePlan,
} from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { beforeAll, expect, test } from 'vitest';
import type { Command } from '../model/commands.ts';
import { apply } from '../model/model.ts';
import type { PlanState } from '../model/plan-state.ts';
import { codeBlocks, readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('docs/plan-language.md');
const section = (heading: string): string => sectionOf(page, `## ${heading}`);

/** A section's tables, one after the other. */
const tablesOf = (heading: string): string[][][] =>
  `\n${section(heading)}`
    .split(/\n\n(?=\|)/)
    .slice(1)
    .map(tableRows);

const jsonOf = (heading: string): Json => JSON.parse(codeBlocks(section(heading), 'json')[0] ?? '') as Json;

/** Cells lose the spaces at their ends, but in a code span they count. */
const codeOf = (line: string): string => /^\| `(.*?)` +\|/.exec(line)?.[1] ?? '';

let tools: ReadonlyMap<string, ToolContract>;
beforeAll(async () => {
  const loaded = await loadTools({ workspaceRoot: import.meta.dirname });
  tools = new Map([...loaded.tools].map(([name, { contract }]) => [name, contract]));
});

const issuesOf = (draft: unknown): Issue[] => validatePlan(draft, { tools }).issues;

test('the example is a plan', () => {
  expect(issuesOf(jsonOf('An example'))).toEqual([]);
});

test('the fields of a step are all there, and no others', () => {
  const [fields = []] = tablesOf('The fields of a step');
  expect(fields.map(([field]) => field)).toEqual(Object.keys(planDraftSchema.shape.steps.element.shape));
});

test('every reference gives what stands beside it', () => {
  const { steps, ...rest } = jsonOf('References') as unknown as Omit<ReferenceScope, 'steps'> & { steps: Record<string, object> };
  const scope: ReferenceScope = { ...rest, steps: new Map(Object.entries(steps)) };
  const lines = section('References').split('\n');
  const rows = lines.filter((line) => line.startsWith('| `')).slice(0, tablesOf('References')[0]?.length);
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) {
    const [, gives = ''] = tableRows(`| |\n| |\n${row}`)[0] ?? [];
    expect(resolveReferences(codeOf(row), scope), row).toEqual(JSON.parse(gives));
  }
});

test('every reference that is called impossible is an issue with that code and message', () => {
  const [, refused = []] = tablesOf('References');
  expect(refused.length).toBeGreaterThan(10);
  const steps = [
    { id: 'list', tool: 'fs.list' },
    { id: 'ask', tool: 'human.input', input: { question: 'Which?' } },
  ];
  for (const [written = '', code, message = ''] of refused) {
    const here = { id: 'here', tool: 'template.render', input: { template: 'x', data: { x: written } } };
    const found = issuesOf({ objective: 'Audit', steps: [...steps, here] });
    expect(found, written).toEqual([{ path: 'steps[2].input.data.x', code, message: expect.stringContaining(message) }]);
  }
});

test('every comparison has the result that stands beside it', () => {
  const scope: ReferenceScope = { input: jsonOf('Conditions'), task: { id: null, objective: '' }, steps: new Map() };
  const [comparisons = []] = tablesOf('Conditions');
  expect(comparisons.length).toBeGreaterThan(50);
  for (const [left, operator, right, result] of comparisons) {
    const source = `${left} ${operator} ${right}`;
    const parsed = parseCondition(source);
    if (!parsed.ok) throw new Error(`${source}: ${parsed.message}`);
    const evaluated = evaluateCondition(parsed.condition, scope);
    expect(evaluated.ok ? String(evaluated.value) : 'fails', source).toBe(result);
  }
});

test('every condition that cannot be read is refused, there and for that reason', () => {
  const [, unreadable = []] = tablesOf('Conditions');
  expect(unreadable.length).toBeGreaterThan(8);
  for (const [source = '', position, message = ''] of unreadable) {
    const parsed = parseCondition(source);
    expect(parsed, source).toMatchObject({ ok: false, position: Number(position), message: expect.stringContaining(message) });
  }
});

/** Starts a plan in the reference model. What its steps do next is for the caller to say. */
function startPlan(steps: StepDraft[]) {
  const valid = validatePlan({ objective: 'Try', steps, options: { stopOnError: false, maxParallelSteps: 100 } }, { tools });
  if (!valid.valid) throw new Error(JSON.stringify(valid.issues));
  let state: PlanState | null = null;
  const send = (command: Command): void => {
    const applied = apply(state, command, 0);
    if (!applied.reply.ok) throw new Error(`${command.do}: ${applied.reply.refusal}`);
    state = applied.state;
  };
  const claim = (stepId: string): void => send({ do: 'claim', stepId, generation: 1, delivery: 1, token: stepId, executor: 'one' });
  send({ do: 'create', actor: 'ann', draft: false, content: valid.content, digest: 'sha256:0', decision: plainDecision(0, 'a test') });
  return {
    succeed(stepId: string): void {
      claim(stepId);
      send({ do: 'complete', stepId, token: stepId, output: 'null' });
    },
    fail(stepId: string): void {
      claim(stepId);
      send({ do: 'fail', stepId, token: stepId, error: { code: 'tool_error', message: 'no', retryable: false }, delayMs: 0 });
    },
    /** Its condition is false. */
    decline(stepId: string): void {
      claim(stepId);
      send({ do: 'decline', stepId, token: stepId });
    },
    /** What has become of it, as the page says it. */
    became(stepId: string): string {
      const step = state?.steps.find(({ id }) => id === stepId);
      return step?.status === 'queued' ? 'runs' : `${step?.status}: ${step?.reason?.kind}`;
    },
  };
}

const wait = { tool: 'wait', input: { ms: 0 } };

function outcomeBehind(ended: string, runIf: (typeof RUN_IF)[number]): string {
  const ways = ended.startsWith('(') ? [] : ended.split(', ');
  const before: StepDraft[] = ways.flatMap((way, at) => {
    if (way === 'behind a failure')
      return [
        { id: 'root', ...wait },
        { id: `s${at}`, ...wait, dependsOn: ['root'] },
      ];
    return [{ id: `s${at}`, ...wait, ...(way === 'skipped' && { when: '1 == 2' }) }];
  });
  const plan = startPlan([...before, { id: 'x', ...wait, dependsOn: ways.map((_, at) => `s${at}`), runIf }]);
  const end: Record<string, (id: string) => void> = {
    succeeded: (id) => plan.succeed(id),
    failed: (id) => plan.fail(id),
    skipped: (id) => plan.decline(id),
    'behind a failure': () => plan.fail('root'),
  };
  for (const [at, way] of ways.entries()) {
    const ending = end[way];
    if (ending === undefined) throw new Error(`no step ends "${way}"`);
    ending(`s${at}`);
  }
  return plan.became('x');
}

test('every step runs or is skipped as the table of runIf says', () => {
  const lines = section('When a step runs').split('\n');
  const heading = lines.find((line) => line.startsWith('|')) ?? '';
  const rules = heading
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());
  expect(rules).toEqual(RUN_IF);
  const [rows = []] = tablesOf('When a step runs');
  expect(rows.length).toBeGreaterThan(7);
  for (const [ended = '', ...cells] of rows) {
    expect(
      RUN_IF.map((runIf) => outcomeBehind(ended, runIf)),
      ended,
    ).toEqual(cells);
  }
});

test('the options are all there, with their defaults', () => {
  const [options = []] = tablesOf('Options');
  const shown = Object.fromEntries(options.map(([name = '', value = '']) => [name, JSON.parse(value) as Json]));
  expect(shown).toEqual(planOptionsSchema.parse({}));
});

test('the codes that a step can fail with are all there', () => {
  expect(tablesOf('What a step can fail with')[0]?.map(([code]) => code)).toEqual([...STEP_ERROR_CODES]);
});

test('the limits are those that hold', () => {
  const number = (value: number): string => value.toLocaleString('en-US');
  const megabytes = (bytes: number): string => `${bytes / 1_000_000} MB`;
  expect(tablesOf('Limits')[0]?.map(([, most]) => most)).toEqual([
    number(LIMITS.steps),
    megabytes(LIMITS.inputBytes),
    `${megabytes(LIMITS.bodyBytes)}, ${LIMITS.jsonDepth} levels of JSON, ${number(LIMITS.jsonValues)} values`,
    `${number(LIMITS.textLength)} characters`,
    number(LIMITS.forEachItems),
    megabytes(LIMITS.outputBytes),
  ]);
});
