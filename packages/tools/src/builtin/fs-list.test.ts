import { mkdir, symlink } from 'node:fs/promises';
import type { Json } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { fsList } from './fs-list.ts';

interface Listing {
  path: string;
  files: { path: string; size: number }[];
  total: number;
  truncated: boolean;
}

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({
    'b.md': 'bb',
    'a.ts': 'a',
    '.hidden': '',
    'src/x.ts': 'xxx',
    'src/deep/y.ts': '',
    'src/deep/z.MD': '',
    'dist/out.js': '',
    'src/dist/out.js': '',
    'logs/1.log': '',
    'keep.log': '',
    'node_modules/lib/index.js': '',
    'src/node_modules/lib/index.js': '',
    '.git/HEAD': '',
    '.gitignore': '# built\ndist/\n*.log\n!keep.log\n',
  });
});
afterEach(() => folder.remove());

const list = (input: Json) => runTool<Listing>(fsList(folder.workspace), input);
const paths = async (input: Json) => (await list(input)).files.map(({ path }) => path);

const SEEN = ['.gitignore', '.hidden', 'a.ts', 'b.md', 'keep.log', 'src/x.ts', 'src/deep/y.ts', 'src/deep/z.MD'];

test('lists files below a folder with their sizes, without what git ignores', async () => {
  expect(await paths({})).toEqual(SEEN);
  expect(await list({ path: 'src' })).toEqual({
    path: 'src',
    files: [
      { path: 'src/x.ts', size: 3 },
      { path: 'src/deep/y.ts', size: 0 },
      { path: 'src/deep/z.MD', size: 0 },
    ],
    total: 3,
    truncated: false,
  });
});

describe('a pattern', () => {
  test.each([
    ['.', '*.ts', ['a.ts', 'src/x.ts', 'src/deep/y.ts']],
    ['.', './*.ts', ['a.ts', 'src/x.ts', 'src/deep/y.ts']],
    ['.', 'src/*.ts', ['src/x.ts']],
    ['.', 'src/**', ['src/x.ts', 'src/deep/y.ts', 'src/deep/z.MD']],
    ['src', 'deep/*', ['src/deep/y.ts', 'src/deep/z.MD']],
    ['.', '*.{md,MD}', ['b.md', 'src/deep/z.MD']],
    ['.', '[ab].*', ['a.ts', 'b.md']],
    ['.', '.*', ['.gitignore', '.hidden']],
    ['a.ts', '*.ts', ['a.ts']],
    ['a.ts', '*.md', []],
    ['.', '!*.ts', []],
  ])('in %s: %s', async (path, pattern, expected) => expect(await paths({ path, pattern })).toEqual(expected));
});

test('stays in one folder when it is asked to', async () => {
  expect(await paths({ path: 'src', recursive: false })).toEqual(['src/x.ts']);
});

test('shows what is ignored when it is asked to, or when that is the very folder', async () => {
  expect(await paths({ includeIgnored: true })).toEqual(
    expect.arrayContaining(['.git/HEAD', 'dist/out.js', 'logs/1.log', 'node_modules/lib/index.js']),
  );
  expect(await paths({ path: 'dist' })).toEqual(['dist/out.js']);
  expect(await paths({ path: 'node_modules/lib' })).toEqual(['node_modules/lib/index.js']);
});

test('cuts a long list and still counts all', async () => {
  expect(await list({ maxFiles: 2 })).toMatchObject({ files: [{ path: '.gitignore' }, { path: '.hidden' }], total: 8, truncated: true });
});

test('does not follow symbolic links, not even in a circle', async () => {
  await symlink('..', folder.at('src/up'));
  await symlink('x.ts', folder.at('src/link.ts'));
  expect(await paths({ path: 'src' })).toEqual(['src/x.ts', 'src/deep/y.ts', 'src/deep/z.MD']);
});

test('a rule in .gitignore that would take hours to match is not applied', async () => {
  await folder.write({ '.gitignore': `dist\n${'*a'.repeat(40)}b\n`, ['a'.repeat(255)]: '' });
  expect(await paths({ pattern: 'a*' })).toEqual(['a.ts', 'a'.repeat(255)]);
});

test('an empty folder has no files', async () => {
  await mkdir(folder.at('empty'));
  expect(await list({ path: 'empty' })).toEqual({ path: 'empty', files: [], total: 0, truncated: false });
});

test.each([
  [{ path: '..' }, 'lies outside'],
  [{ path: '/etc' }, 'lies outside'],
  [{ path: 'gone' }, 'there is no "gone"'],
  [{ path: 7 }, 'path: '],
  [{ folder: 'src' }, 'folder'],
  [{ maxFiles: 0 }, 'maxFiles: '],
])('%j is refused', async (input, message) => {
  await expect(list(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('ends when the step is aborted', async () => {
  const signal = AbortSignal.abort();
  await expect(runTool(fsList(folder.workspace), {}, { signal })).rejects.toMatchObject({ code: 'aborted' });
});
