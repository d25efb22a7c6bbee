import { symlink } from 'node:fs/promises';
import type { Json } from '@countersign/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { fsRead } from './fs-read.ts';

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({ 'a.txt': 'grüße €', empty: '', 'image.png': Buffer.from([137, 80, 78, 71, 0, 0]), 'src/b.ts': 'b' });
});
afterEach(() => folder.remove());

const read = (input: Json) => runTool(fsRead(folder.workspace), input);

test('reads a text', async () => {
  expect(await read({ path: 'a.txt' })).toEqual({ path: 'a.txt', text: 'grüße €', bytes: 11, truncated: false });
  expect(await read({ path: 'empty' })).toEqual({ path: 'empty', text: '', bytes: 0, truncated: false });
  expect(await read({ path: './src/../src/b.ts' })).toMatchObject({ path: 'src/b.ts' });
});

test('cuts a long text between two characters', async () => {
  expect(await read({ path: 'a.txt', maxBytes: 3 })).toEqual({ path: 'a.txt', text: 'gr', bytes: 11, truncated: true });
  expect(await read({ path: 'a.txt', maxBytes: 4 })).toMatchObject({ text: 'grü' });
  expect(await read({ path: 'a.txt', maxBytes: 10 })).toMatchObject({ text: 'grüße ' });
  expect(await read({ path: 'a.txt', maxBytes: 11 })).toMatchObject({ text: 'grüße €', truncated: false });
});

test('reads through a symbolic link that stays in the workspace, and through no other', async () => {
  await symlink('a.txt', folder.at('inside'));
  await symlink('/etc/passwd', folder.at('outside'));
  expect(await read({ path: 'inside' })).toMatchObject({ path: 'a.txt' });
  await expect(read({ path: 'outside' })).rejects.toMatchObject({
    code: 'invalid_input',
    message: expect.stringContaining('by a symbolic link'),
  });
});

test.each([
  [{ path: '../etc/passwd' }, 'lies outside'],
  [{ path: '/etc/passwd' }, 'lies outside'],
  [{ path: 'gone' }, 'there is no "gone"'],
  [{ path: 'src' }, '"src" is a folder'],
  [{ path: 'image.png' }, 'binary'],
  [{ path: '' }, 'path: '],
  [{}, 'path: '],
  [{ path: 'a.txt', maxBytes: 10_000_000 }, 'maxBytes: '],
])('%j is refused', async (input, message) => {
  await expect(read(input)).rejects.toMatchObject({ code: 'invalid_input', retryable: false, message: expect.stringContaining(message) });
});

test('ends when the step is aborted', async () => {
  await expect(runTool(fsRead(folder.workspace), { path: 'a.txt' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'aborted',
  });
});
