import type { Json } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { fsSearch } from './fs-search.ts';

interface Found {
  matches: { path: string; line: number; text: string }[];
  files: number;
  total: number;
  truncated: boolean;
  skipped: number;
}

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({
    'a.ts': 'first\n// TODO: a (x)\nlast\n',
    'src/b.ts': 'todo lower\r\nTODO twice TODO\r\n',
    'src/c.md': 'nothing',
    'binary.bin': Buffer.from('TODO\0TODO'),
    'long.txt': `${'x'.repeat(10_000)}TODO`,
    'node_modules/x.js': 'TODO',
  });
});
afterEach(() => folder.remove());

const search = (input: Json) => runTool<Found>(fsSearch(folder.workspace), input);
const places = async (input: Json) => (await search(input)).matches.map(({ path, line }) => `${path}:${line}`);

test('finds the lines of text files, each once, and tells binary files apart', async () => {
  const found = await search({ query: 'TODO' });
  expect(found).toMatchObject({ files: 3, total: 3, truncated: false, skipped: 1 });
  expect(found.matches.slice(0, 1)).toEqual([{ path: 'a.ts', line: 2, text: '// TODO: a (x)' }]);
  expect(found.matches[1]).toMatchObject({ path: 'long.txt', line: 1, text: 'x'.repeat(400) });
  expect(found.matches[2]).toEqual({ path: 'src/b.ts', line: 2, text: 'TODO twice TODO' });
});

test('a query is plain text unless it is said to be a regular expression', async () => {
  expect(await places({ query: '(x)' })).toEqual(['a.ts:2']);
  expect(await places({ query: '^t.d', regex: true })).toEqual(['src/b.ts:1']);
  expect(await places({ query: '^T.D', regex: true, ignoreCase: true })).toEqual(['src/b.ts:1', 'src/b.ts:2']);
  expect(await places({ query: 'todo', ignoreCase: true, path: 'src' })).toEqual(['src/b.ts:1', 'src/b.ts:2']);
});

test('the newline at the end of a file begins no further line', async () => {
  expect(await places({ query: '^$', regex: true })).toEqual([]);
  expect((await search({ query: '^', regex: true, path: 'a.ts' })).total).toBe(3);
});

test('lists no more than asked for, and counts all', async () => {
  expect(await search({ query: 'TODO', maxMatches: 1 })).toMatchObject({
    matches: [{ path: 'a.ts' }],
    total: 3,
    files: 3,
    truncated: true,
  });
});

test('searches what a pattern names', async () =>
  expect(await places({ query: 'TODO', pattern: '*.ts' })).toEqual(['a.ts:2', 'src/b.ts:2']));

test('no match is an answer', async () => expect(await search({ query: 'absent' })).toMatchObject({ matches: [], total: 0, files: 0 }));

describe('a regular expression', () => {
  test('that would take exponential time elsewhere ends', async () => {
    await folder.write({ 'evil.txt': `${'a'.repeat(5_000)}!` });
    expect(await search({ query: '^(a+)+$', regex: true, path: 'evil.txt' })).toMatchObject({ total: 0 });
  });

  test.each(['(', '(?<=a)b', '(a)\\1'])('%s is refused with what is wrong', async (query) => {
    await expect(search({ query, regex: true })).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('RE2') });
  });
});

test.each([
  [{}, 'query: '],
  [{ query: '' }, 'query: '],
  [{ query: 'x', path: '../' }, 'lies outside'],
])('%j is refused', async (input, message) => {
  await expect(search(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('ends within a large file when the step is aborted', async () => {
  await folder.write({ 'large.txt': 'line\n'.repeat(100_000) });
  const controller = new AbortController();
  const running = runTool(fsSearch(folder.workspace), { query: 'e$', regex: true, path: 'large.txt' }, { signal: controller.signal });
  setImmediate(() => controller.abort());
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
});
