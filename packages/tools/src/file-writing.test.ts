import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, symlink, truncate } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runTool } from '../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../test/workspace-folder.ts';
import { fsList } from './builtin/fs-list.ts';
import { fsRead } from './builtin/fs-read.ts';
import { fsSearch } from './builtin/fs-search.ts';
import { fsStats } from './builtin/fs-stats.ts';
import { fsWrite } from './builtin/fs-write.ts';
import { appendBytes, placeToWrite, writeWhole } from './file-writing.ts';
import { withFile } from './workspace.ts';

let folder: WorkspaceFolder;
let outside: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  outside = await workspaceFolder();
  await folder.write({ 'sub/a.txt': 'inside' });
  await outside.write({ 'a.txt': 'secret' });
});
afterEach(async () => {
  await folder.remove();
  await outside.remove();
});

const { signal } = new AbortController();
const text = (content: string) => [Buffer.from(content)];

/** What somebody does who changes the workspace while a tool works in it: the folder becomes a link that leads out. */
async function swap(): Promise<void> {
  await rename(folder.at('sub'), folder.at('moved'));
  await symlink(outside.at('.'), folder.at('sub'));
}

describe('a folder that becomes a link after the path was looked at', () => {
  test('is not read through', async () => {
    const place = await placeToWrite(folder.workspace, 'sub/a.txt');
    await swap();
    await expect(withFile(place, (file) => file.readFile('utf8'))).rejects.toMatchObject({ message: expect.stringContaining('changes') });
  });

  test('is not written or appended through', async () => {
    const place = await placeToWrite(folder.workspace, 'sub/a.txt');
    await swap();
    await expect(writeWhole(place, text('x'), { overwrite: true, signal })).rejects.toMatchObject({ name: 'ToolError' });
    await expect(appendBytes(place, Buffer.from('x'), signal)).rejects.toMatchObject({ name: 'ToolError' });
    expect(await readFile(outside.at('a.txt'), 'utf8')).toBe('secret');
    expect(await readdir(outside.at('.'))).toEqual(['a.txt']);
  });

  test('is not written through while the content still comes', async () => {
    const place = await placeToWrite(folder.workspace, 'sub/new.txt');
    const pieces = async function* () {
      yield Buffer.from('one');
      await swap();
      yield Buffer.from('two');
    };
    await expect(writeWhole(place, pieces(), { overwrite: true, signal })).rejects.toMatchObject({ name: 'ToolError' });
    expect(await readdir(outside.at('.'))).toEqual(['a.txt']);
  });
});

test('a file that others replace all the time is read whole, one version or the other', async () => {
  const place = await placeToWrite(folder.workspace, 'sub/a.txt');
  const versions = ['a'.repeat(50_000), 'b'.repeat(50_000)];
  let reading = true;
  const writing = (async () => {
    for (let turn = 0; reading; turn++) await writeWhole(place, text(versions[turn % 2] ?? ''), { overwrite: true, signal });
  })();
  try {
    await expect.poll(() => withFile(place, (file) => file.readFile('utf8'))).not.toBe('inside');
    for (let turn = 0; turn < 50; turn++) expect(versions).toContain(await withFile(place, (file) => file.readFile('utf8')));
  } finally {
    reading = false;
    await writing;
  }
});

describe('more than the limit', () => {
  test('is not written, and nothing is left of it', async () => {
    const place = await placeToWrite(folder.workspace, 'large');
    const write = writeWhole(place, [Buffer.alloc(6), Buffer.alloc(6)], { overwrite: false, signal, maxBytes: 10 });
    await expect(write).rejects.toMatchObject({
      code: 'output_too_large',
      message: expect.stringContaining('"large" has more than 10 bytes'),
    });
    expect(await readdir(folder.at('.'))).toEqual(['sub']);
  });
});

describe('names and things that are no plain files', () => {
  const ODD_NAME = 'line\nbreak "quoted" \u202E.md';

  test('a name with a newline is a name', async () => {
    await runTool(fsWrite(folder.workspace), { path: `sub/${ODD_NAME}`, text: 'x\n' });
    expect(await runTool(fsList(folder.workspace), { path: 'sub' })).toMatchObject({
      files: [{ path: 'sub/a.txt' }, { path: `sub/${ODD_NAME}` }],
    });
    expect(await runTool(fsRead(folder.workspace), { path: `sub/${ODD_NAME}` })).toMatchObject({ text: 'x\n' });
    expect(await runTool(fsSearch(folder.workspace), { query: 'x' })).toMatchObject({ matches: [{ path: `sub/${ODD_NAME}`, line: 1 }] });
    expect(await runTool(fsStats(folder.workspace), { path: 'sub' })).toMatchObject({ files: 2, lines: 1 });
  });

  test.each([
    ['fs.read', (path: string) => runTool(fsRead(folder.workspace), { path })],
    ['fs.write', (path: string) => runTool(fsWrite(folder.workspace), { path, text: 'x', overwrite: true })],
    ['fs.write, appending', (path: string) => runTool(fsWrite(folder.workspace), { path, text: 'x', append: true })],
    ['fs.stats', (path: string) => runTool(fsStats(folder.workspace), { files: [path] })],
  ])('%s takes no pipe, no device, no socket and no path that leads out', async (_name, call) => {
    execFileSync('mkfifo', [folder.at('pipe')]);
    await symlink('/dev/zero', folder.at('zero'));
    await symlink(outside.at('a.txt'), folder.at('leak'));
    await symlink('leak', folder.at('twice'));
    await mkdir(folder.at('folder'));
    const paths = [
      'pipe',
      'zero',
      'leak',
      'twice',
      'folder',
      '../a.txt',
      outside.at('a.txt'),
      'a\0b',
      'n'.repeat(5_000),
      'n'.repeat(300),
      '/dev/zero',
      '/proc/self/environ',
    ];
    for (const path of paths)
      await expect(call(path), path.slice(0, 40)).rejects.toMatchObject({ code: 'invalid_input', retryable: false });
    expect(await readFile(outside.at('a.txt'), 'utf8')).toBe('secret');
  });

  test('walks leave pipes and links alone', async () => {
    execFileSync('mkfifo', [folder.at('pipe')]);
    await symlink(outside.at('.'), folder.at('out'));
    expect(await runTool(fsList(folder.workspace), {})).toMatchObject({ files: [{ path: 'sub/a.txt' }] });
    expect(await runTool(fsSearch(folder.workspace), { query: 'secret' })).toMatchObject({ total: 0 });
    expect(await runTool(fsStats(folder.workspace), {})).toMatchObject({ files: 1 });
  });

  test('of a file larger than memory should hold only the beginning is read', async () => {
    await folder.write({ huge: '' });
    await truncate(folder.at('huge'), 20_000_000_000);
    await expect(runTool(fsRead(folder.workspace), { path: 'huge' })).rejects.toMatchObject({ message: expect.stringContaining('binary') });
    expect(await runTool(fsSearch(folder.workspace), { query: 'x', path: 'huge' })).toMatchObject({ skipped: 1 });
  });
});
