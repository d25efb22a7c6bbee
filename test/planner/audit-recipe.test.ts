import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createRulesPlanner } from '@countersign/planner';
import { type JsonObject, type PlanContent, validatePlan } from '@countersign/shared';
import { loadTools, type Tool } from '@countersign/tools';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runPlan } from './run-plan.ts';

const OBJECTIVE = 'Audit this repository and write a report to audit.md';

let root: string;
let tools: ReadonlyMap<string, Tool>;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'audit-'));
  ({ tools } = await loadTools({ workspaceRoot: root }));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

async function plan(objective: string, { input = {}, without = [] as string[] }: { input?: JsonObject; without?: string[] } = {}) {
  const contracts = [...tools.values()].map(({ contract }) => contract).filter(({ name }) => !without.includes(name));
  const answer = await createRulesPlanner().plan({
    objective,
    input,
    tools: contracts,
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });
  if (!answer.ok) return answer;
  const result = validatePlan(answer.draft, { tools: new Map(contracts.map((contract) => [contract.name, contract])) });
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  return { ok: true as const, content: result.content };
}

async function contentOf(objective: string, input: JsonObject = {}): Promise<PlanContent> {
  const planned = await plan(objective, { input });
  if (!planned.ok) throw new Error(planned.error.message);
  return planned.content;
}

/** 300 sources of 10 lines with two exported functions, 40 tests of 5 lines, 20 Markdown files of 3, 7 marks, and what git leaves out. */
function writeRepository(): void {
  for (let at = 0; at < 300; at++) {
    const marks = at < 6 ? '// TODO: mend this\n' : '// fine\n';
    write(
      `src/part-${at % 10}/file-${at}.ts`,
      `${marks}export function one() {}\nexport async function two() {}\n${'const x = 1;\n'.repeat(7)}`,
    );
  }
  for (let at = 0; at < 40; at++) write(`src/part-0/file-${at}.test.ts`, 'test();\n'.repeat(5));
  for (let at = 0; at < 20; at++) write(`docs/page-${at}.md`, '# Page\n\ntext\n');
  write('FIXTURE', 'a FIXME stands here, without an end of line');
  write('.gitignore', 'dist/\n*.log\n');
  write('dist/out.ts', 'export function built() {} // TODO\n'.repeat(1_000));
  write('debug.log', 'TODO\n');
  write('node_modules/x/index.ts', 'export function x() {}\n');
  write('.git/config', '[core]\n');
}

describe('the audit recipe', () => {
  test('makes a plan of twelve steps with parallel branches and a join', async () => {
    const { steps, description } = await contentOf(OBJECTIVE);
    expect(Object.fromEntries(steps.map(({ id, dependsOn }) => [id, dependsOn]))).toEqual({
      list: [],
      marks: [],
      exports: [],
      select: ['list'],
      all: ['select'],
      typescript: ['select'],
      tests: ['select'],
      markdown: ['select'],
      summary: ['all', 'typescript', 'tests', 'markdown', 'marks', 'exports', 'select'],
      report: ['list', 'all', 'summary'],
      save: ['report'],
      check: ['save'],
    });
    expect(description).toMatch(/recipe.*not by a language model.*writes one file, audit\.md/);
    expect(steps.map(({ input }) => JSON.stringify(input)).join()).not.toMatch(/<(root|report)>/);
  });

  test('gives the right numbers, and the same ones again when its report is there already', async () => {
    writeRepository();
    const content = await contentOf(OBJECTIVE);
    const outputs = await runPlan(content, tools);
    const report = readFileSync(join(root, 'audit.md'), 'utf8');
    expect(report).toContain('# Audit of the whole workspace');
    // 300 sources, 40 tests, 20 pages, FIXTURE, .gitignore; lines as newline characters
    expect(report).toContain('362 files, 3262 lines,');
    expect(report).toContain('| TypeScript | 300 | 3000 | 92 % |');
    expect(report).toContain('| Tests | 40 | 200 | 6.1 % |');
    expect(report).toContain('| Markdown | 20 | 60 | 1.8 % |');
    expect(report).toContain('| ts | 340 | 3200 | 98.1 % |');
    expect(report).toContain('| src/ | 340 |');
    expect(report).toContain('| (top level) | 2 |');
    expect(report).toContain('600 lines of TypeScript export a function');
    expect(report).toContain('- src/part-0/file-0.ts: 2\n');
    expect(report).toContain('7 lines hold TODO');
    expect(report).toContain('- src/part-0/file-0.ts, line 1: `// TODO: mend this`');
    expect(outputs.get('check')).toMatchObject({ path: 'audit.md', text: report, truncated: false });

    await runPlan(content, tools);
    expect(readFileSync(join(root, 'audit.md'), 'utf8')).toBe(report);
  });

  test('holds for an empty folder and for one with a single file', async () => {
    const content = await contentOf(OBJECTIVE);
    await runPlan(content, tools);
    expect(readFileSync(join(root, 'audit.md'), 'utf8')).toContain('0 files, 0 lines, 0 bytes');
    write('only.ts', 'export function only() {} // TODO\n');
    await runPlan(content, tools);
    const report = readFileSync(join(root, 'audit.md'), 'utf8');
    expect(report).toContain('1 files, 1 lines, 34 bytes');
    expect(report).toContain('- only.ts: 1\n');
    expect(report).toContain('1 lines hold TODO, FIXME, XXX or HACK. The first:\n\n- only.ts, line 1');
  });

  test('stays within the folder that was named', async () => {
    writeRepository();
    await runPlan(await contentOf('Audit docs/ and save the findings in reports/docs.md'), tools);
    const report = readFileSync(join(root, 'reports/docs.md'), 'utf8');
    expect(report).toContain('# Audit of `docs`');
    expect(report).toContain('20 files, 60 lines');
  });

  test('takes the folder from the input of the task where the objective names none', async () => {
    writeRepository();
    const outputs = await runPlan(await contentOf('audit the project', { root: 'docs' }), tools);
    expect(outputs.get('report')).toMatchObject({ text: expect.stringContaining('# Audit of `docs`\n\n20 files') });
  });

  test('writes nothing where no file was asked for', async () => {
    const { steps, tools: used } = await contentOf('Audit this repository');
    expect(steps).toHaveLength(10);
    expect(Object.values(used).map(({ risk }) => risk)).toEqual(expect.not.arrayContaining(['write']));
  });

  test.each([
    ['Audit this repository and write a report to audit.md', '.', 'audit.md'],
    ['audit the repository, then write the report to ./out/audit.md.', '.', 'out/audit.md'],
    ['Please analyse this codebase and save the results in "my audit.md"', '.', 'my audit.md'],
    ['Review ./packages/store and put a summary into notes/store.md', 'packages/store', 'notes/store.md'],
    ['Inspect the folder packages/cli. Write a short report to cli.md', 'packages/cli', 'cli.md'],
    ['Write an audit report of this repo to audit.md', '.', 'audit.md'],
    ['AUDIT MY WHOLE PROJECT AND WRITE IT TO AUDIT.MD', '.', 'AUDIT.MD'],
  ])('answers %j', async (objective, path, file) => {
    const { steps } = await contentOf(objective);
    expect(steps.find(({ id }) => id === 'list')?.input.path).toBe(path);
    expect(steps.find(({ id }) => id === 'save')?.input.path).toBe(file);
  });

  test.each(['Audit the security of my bank and write a report to audit.md', 'Audit this repository and email me a report', 'audit'])(
    'does not answer %j',
    async (objective) => {
      expect(await plan(objective)).toMatchObject({ ok: false, error: { code: 'not_understood' } });
    },
  );

  test('names the tools that it would need', async () => {
    expect(await plan(OBJECTIVE, { without: ['fs.search', 'data.query'] })).toMatchObject({
      ok: false,
      error: { code: 'not_understood', message: expect.stringContaining('needs fs.search, data.query') },
    });
  });
});
