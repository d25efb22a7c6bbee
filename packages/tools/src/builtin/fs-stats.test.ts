import { execFileSync } from 'node:child_process';
import type { Json } from '@countersign/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { fsList } from './fs-list.ts';
import { fsStats } from './fs-stats.ts';

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({
    'a.ts': 'one\ntwo\n',
    'src/b.TS': 'no newline at the end',
    'src/c.md': '\r\n\r\n\n',
    LICENSE: 'x\n',
    'src/__proto__': '\n',
    'src/d.constructor': '\n',
    'empty.txt': '',
    'big.txt': 'line\n'.repeat(50_000),
    'image.png': Buffer.from([1, 0, 10, 10, 255]),
    'dist/ignored.js': '\n\n\n',
    '.gitignore': 'dist\n',
  });
});
afterEach(() => folder.remove());

interface Stats {
  files: number;
  lines: number;
  bytes: number;
  binaryFiles: number;
  byExtension: Record<string, { files: number; lines: number; bytes: number }>;
  largest: { path: string; bytes: number; lines: number }[];
}
const stats = (input: Json) => runTool<Stats>(fsStats(folder.workspace), input);

test('counts files, lines and bytes exactly as wc does', async () => {
  const listed = execFileSync('find', ['.', '-type', 'f', '-not', '-path', './dist/*', '-print0'], { cwd: folder.workspace.root });
  const last = execFileSync('xargs', ['-0', 'wc', '-lc'], { cwd: folder.workspace.root, input: listed })
    .toString()
    .trim()
    .split('\n')
    .at(-1);
  const [lines, bytes] = (last ?? '').trim().split(/\s+/).map(Number);
  const counted = await stats({});
  expect(counted).toMatchObject({ files: 10, lines, bytes, binaryFiles: 1 });
});

test('groups by extension, in lower case, whatever the extension is called', async () => {
  const { byExtension } = await stats({});
  expect(byExtension.ts).toEqual({ files: 2, lines: 2, bytes: 29 });
  expect(byExtension.md).toEqual({ files: 1, lines: 3, bytes: 5 });
  expect(byExtension['(none)']).toMatchObject({ files: 3, lines: 3 });
  expect(Object.entries(byExtension)).toContainEqual(['constructor', { files: 1, lines: 1, bytes: 1 }]);
});

test('shows the largest files first', async () => {
  const { largest } = await stats({ path: '.' });
  expect(largest[0]).toEqual({ path: 'big.txt', bytes: 250_000, lines: 50_000 });
  expect(largest).toHaveLength(10);
  expect(largest.map(({ bytes }) => bytes)).toEqual(largest.map(({ bytes }) => bytes).sort((a, b) => b - a));
});

test('takes a folder, a pattern, a list of paths or the files of a listing', async () => {
  expect(await stats({ path: 'src' })).toMatchObject({ files: 4 });
  expect(await stats({ pattern: '*.md' })).toMatchObject({ files: 1, lines: 3 });
  expect(await stats({ files: ['a.ts', 'dist/ignored.js'] })).toMatchObject({ files: 2, lines: 5 });
  const listing = await runTool<{ files: Json }>(fsList(folder.workspace), { path: 'src' });
  expect(await stats({ files: listing.files })).toMatchObject({ files: 4 });
  expect(await stats({ files: [] })).toEqual({ files: 0, lines: 0, bytes: 0, binaryFiles: 0, byExtension: {}, largest: [] });
});

test('reports its progress up to the end', async () => {
  const fractions: (number | null)[] = [];
  await runTool(fsStats(folder.workspace), {}, { progress: (fraction) => fractions.push(fraction) });
  expect(fractions.at(-1)).toBe(1);
  expect(fractions).toHaveLength(10);
});

test.each([
  [{ files: ['../x'] }, 'lies outside'],
  [{ files: ['gone.ts'] }, 'there is no "gone.ts"'],
  [{ files: ['src'] }, '"src" is a folder'],
  [{ files: ['a.ts'], pattern: '*' }, 'not both'],
  [{ files: 'a.ts' }, 'files: '],
  [{ path: '../..' }, 'lies outside'],
])('%j is refused', async (input, message) => {
  await expect(stats(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('ends between two files when the step is aborted', async () => {
  const controller = new AbortController();
  const seen: string[] = [];
  const running = runTool(
    fsStats(folder.workspace),
    {},
    {
      signal: controller.signal,
      progress(_fraction, message) {
        seen.push(message ?? '');
        controller.abort();
      },
    },
  );
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
  expect(seen).toHaveLength(1);
});
