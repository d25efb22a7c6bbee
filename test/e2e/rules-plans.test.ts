/** Plans of the rules planner, run for real: they do what was said. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { JsonObject, Plan } from '@countersign/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNDERSTOOD } from '../planner/understood-objectives.ts';
import { Fleet } from './fleet.ts';

const FILES: Record<string, string> = {
  'README.md': '# Fixture\n',
  'package.json': '{"name": "fixture"}\n',
  'a.txt': 'one\nTODO two\n',
  'src/a.ts': '// TODO: write this\nexport const a = 1;\n',
  'src/b.ts': 'export const b = 2;\n',
  'src/c.ts': 'export const c = 3;\n',
  'src/deep/d.md': 'deep\n',
  'docs/intro.md': 'hello\nThe license is free.\n',
  'docs/more/list.json': '[]\n',
};

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({ planner: true });
});
afterAll(() => fleet?.close());

/** The files as they were before any plan has run. */
function layOut(): void {
  for (const [path, text] of Object.entries(FILES)) {
    const absolute = join(fleet.folder, path);
    mkdirSync(dirname(absolute), { recursive: true });
    writeFileSync(absolute, text);
  }
}

const text = (path: string): string => readFileSync(join(fleet.folder, path), 'utf8');
const output = (plan: Plan, id: string) => plan.steps.find((step) => step.id === id)?.output as JsonObject;
const paths = (plan: Plan, id: string): unknown[] => (output(plan, id).files as { path: string }[]).map(({ path }) => path);

const CASES: [objective: string, check: (plan: Plan) => void][] = [
  [
    'We need to list the files in src, thanks',
    (plan) => expect(paths(plan, 'list')).toEqual(['src/a.ts', 'src/b.ts', 'src/c.ts', 'src/deep/d.md']),
  ],
  ['show me what is in the folder docs, without subfolders', (plan) => expect(paths(plan, 'list')).toEqual(['docs/intro.md'])],
  [
    'read src/a.ts, src/b.ts and src/c.ts',
    (plan) =>
      expect(['read', 'read-2', 'read-3'].map((id) => output(plan, id).text)).toEqual([
        FILES['src/a.ts'],
        FILES['src/b.ts'],
        FILES['src/c.ts'],
      ]),
  ],
  [
    'read the first 100 bytes of README.md',
    (plan) => expect(output(plan, 'read')).toMatchObject({ text: '# Fixture\n', truncated: false }),
  ],
  ['Count the lines of the TypeScript files in src', (plan) => expect(output(plan, 'stats')).toMatchObject({ files: 3, lines: 4 })],
  ['search src for TODO', (plan) => expect(output(plan, 'search')).toMatchObject({ total: 1, matches: [{ path: 'src/a.ts', line: 1 }] })],
  ['search for the word hello in docs', (plan) => expect(output(plan, 'search')).toMatchObject({ total: 1 })],
  ['create the file notes.txt with the text "hello"', () => expect(text('notes.txt')).toBe('hello')],
  ['Overwrite notes.txt with "new" and read it', (plan) => expect(output(plan, 'read').text).toBe('new')],
  ['Append "a" to log.txt, append "b" to log.txt', () => expect(text('log.txt')).toBe('ab')],
  ['write "x" to out/a.txt and list the files in out', (plan) => expect(paths(plan, 'list')).toEqual(['out/a.txt'])],
  ['Wait 200ms, then list the files in docs', (plan) => expect(paths(plan, 'list')).toHaveLength(2)],
  ['Read docs/intro.md and write it to copy.md', () => expect(text('copy.md')).toBe(FILES['docs/intro.md'])],
  ['read a.txt and search it for TODO', (plan) => expect(output(plan, 'search')).toMatchObject({ matches: [{ path: 'a.txt', line: 2 }] })],
  ['read a.txt and count its lines', (plan) => expect(output(plan, 'stats')).toMatchObject({ files: 1, lines: 2 })],
  ['read a.txt, count the lines in src, and write the text to c.txt', () => expect(text('c.txt')).toBe(FILES['a.txt'])],
  [
    'List the TypeScript files in src, then count their lines',
    (plan) => expect(output(plan, 'stats')).toMatchObject({ files: 3, lines: 4 }),
  ],
  ['List the files in src, then query "$count(files)" of the result', (plan) => expect(output(plan, 'query')).toBe(4)],
  [
    'List the files in src, then render "There are [= total =] files" with the result',
    (plan) => expect(output(plan, 'render')).toEqual({ text: 'There are 4 files' }),
  ],
  [
    'List the files in src, search for TODO in src and count lines in docs. Then write everything to report.md',
    () => expect(text('report.md')).toMatch(/^## List the files in src\n[\s\S]*## Search for TODO in src\n[\s\S]*## Count lines in docs\n/),
  ],
];

async function planFor(objective: string): Promise<Plan> {
  const { task } = (await fleet.call('POST', '/v1/tasks', { body: { objective } })).body;
  await expect.poll(async () => (await fleet.task(task.id)).status, { timeout: 20_000, interval: 20 }).toBe('planned');
  return fleet.plan(String((await fleet.task(task.id)).planId));
}

test.each(CASES)('%s', async (objective, check) => {
  layOut();
  const plan = await planFor(objective);
  const [, ...rows] = UNDERSTOOD.find(([known]) => known === objective) ?? [];
  expect(plan.steps.map(({ tool, dependsOn }) => [tool, dependsOn])).toEqual(rows.map(([tool, , ...dependsOn]) => [tool, dependsOn]));
  await fleet.approve(plan);
  check(await fleet.until(plan.id, 'completed'));
});

test('ask me "What is the name?" and write the answer to name.txt', async () => {
  const plan = await planFor('ask me "What is the name?" and write the answer to name.txt');
  await fleet.approve(plan);
  await expect.poll(async () => (await fleet.plan(plan.id)).steps[0]?.status, { timeout: 20_000 }).toBe('awaiting_approval');
  await fleet.act(plan.id, 'steps/step-input/approve', { data: 'Countersign' });
  await fleet.until(plan.id, 'completed');
  expect(text('name.txt')).toBe('Countersign\n');
});
