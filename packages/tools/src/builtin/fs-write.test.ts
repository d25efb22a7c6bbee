import { createHash } from 'node:crypto';
import { chmod, lstat, readdir, readFile, symlink } from 'node:fs/promises';
import type { Json } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { fsWrite } from './fs-write.ts';

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({ 'old.txt': 'old', 'src/a.ts': 'a' });
});
afterEach(() => folder.remove());

const write = (input: Json, signal?: AbortSignal) => runTool(fsWrite(folder.workspace), input, signal ? { signal } : {});
const text = (path: string) => readFile(folder.at(path), 'utf8');
const digest = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

test('writes a new file and the folders it needs, and leaves nothing else', async () => {
  expect(await write({ path: 'reports/2026/audit.md', text: 'grüße' })).toEqual({
    path: 'reports/2026/audit.md',
    bytes: 7,
    digest: digest('grüße'),
  });
  expect(await text('reports/2026/audit.md')).toBe('grüße');
  expect(await readdir(folder.at('reports/2026'))).toEqual(['audit.md']);
});

describe('a file that exists', () => {
  test('is left alone, unless its content is what was to be written', async () => {
    await expect(write({ path: 'old.txt', text: 'new' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('overwrite: true'),
    });
    expect(await text('old.txt')).toBe('old');
    expect(await write({ path: 'old.txt', text: 'old' })).toEqual({ path: 'old.txt', bytes: 3, digest: digest('old') });
  });

  test('is replaced when asked to, with its permissions kept', async () => {
    await chmod(folder.at('old.txt'), 0o640);
    expect(await write({ path: 'old.txt', text: 'brand new', overwrite: true })).toMatchObject({ bytes: 9, digest: digest('brand new') });
    expect(await text('old.txt')).toBe('brand new');
    expect((await lstat(folder.at('old.txt'))).mode & 0o777).toBe(0o640);
    expect((await readdir(folder.at('.'))).sort()).toEqual(['old.txt', 'src']);
  });

  test('is appended to when asked to', async () => {
    expect(await write({ path: 'old.txt', text: '+', append: true })).toEqual({ path: 'old.txt', bytes: 4, digest: digest('old+') });
    expect(await write({ path: 'log/new.txt', text: 'first', append: true })).toMatchObject({ bytes: 5 });
  });
});

test('of several that create one file at once exactly one wins', async () => {
  const results = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => write({ path: 'race.txt', text: `writer ${at}` })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await text('race.txt')).toMatch(/^writer \d$/);
  expect((await readdir(folder.at('.'))).sort()).toEqual(['old.txt', 'race.txt', 'src']);
});

test('what several append at once does not mix', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, at) => write({ path: 'log', text: `${String(at).repeat(50)}\n`, append: true })));
  expect((await text('log')).trim().split('\n')).toHaveLength(20);
});

describe('symbolic links', () => {
  test('to a file inside are followed', async () => {
    await symlink('old.txt', folder.at('link'));
    expect(await write({ path: 'link', text: 'new', overwrite: true })).toMatchObject({ path: 'old.txt' });
    expect(await text('old.txt')).toBe('new');
  });

  test.each([
    ['out/new.txt', false],
    ['out/deep/new.txt', false],
    ['gone', false],
    ['gone', true],
  ])('that lead out are refused: %s, append: %s', async (path, append) => {
    const outside = await workspaceFolder();
    try {
      await symlink(outside.at('.'), folder.at('out'));
      await symlink(outside.at('not-there'), folder.at('gone'));
      await expect(write({ path, text: 'x', append })).rejects.toMatchObject({ code: 'invalid_input' });
      expect(await readdir(outside.at('.'))).toEqual([]);
    } finally {
      await outside.remove();
    }
  });
});

test.each([
  [{ path: '../x', text: '' }, 'lies outside'],
  [{ path: '/tmp/x', text: '' }, 'lies outside'],
  [{ path: '.', text: '' }, 'is a folder'],
  [{ path: 'src', text: '' }, 'not a regular file'],
  [{ path: 'new/', text: '' }, 'is a folder'],
  [{ path: 'old.txt/below', text: '' }, 'not a folder'],
  [{ path: '.git/hooks/pre-commit', text: '' }, '.git'],
  [{ path: 'sub/.GIT/config', text: '' }, '.git'],
  [{ path: 'x' }, 'text: '],
  [{ path: 'x', text: 1 }, 'text: '],
  [{ path: 'x', text: '', append: true, overwrite: true }, 'not both'],
])('%j is refused', async (input, message) => {
  await expect(write(input)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('writes nothing once the step is aborted', async () => {
  await expect(write({ path: 'new/file', text: 'x' }, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
  expect((await readdir(folder.at('.'))).sort()).toEqual(['old.txt', 'src']);
});
