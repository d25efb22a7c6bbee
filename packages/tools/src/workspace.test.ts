import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { locate, openWorkspace, type Workspace, withFile } from './workspace.ts';

let folder: string;
let workspace: Workspace;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'workspace-')));
  for (const path of ['root/src', 'outside', 'root-twin']) await mkdir(join(folder, path), { recursive: true });
  for (const path of ['root/src/a.ts', 'outside/secret', 'root-twin/secret', 'root/..dots']) await writeFile(join(folder, path), 'text');
  const links: Record<string, string> = {
    'root/to-src': 'src',
    'root/to-file': 'src/a.ts',
    'root/out': '../outside',
    'root/out-absolute': join(folder, 'outside'),
    'root/out-file': '../outside/secret',
    'root/src/out-twice': '../out',
    'root/dangling': '../outside/not-there',
    'root/dangling-inside': 'src/not-there',
    'root/circle': 'circle',
    named: 'root',
  };
  for (const [path, target] of Object.entries(links)) await symlink(target, join(folder, path));
  execFileSync('mkfifo', [join(folder, 'root/pipe')]);
  workspace = await openWorkspace(join(folder, 'named'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a path inside the workspace is found', () => {
  test.each([
    ['.', '.'],
    ['', '.'],
    ['src/a.ts', 'src/a.ts'],
    ['./src//a.ts', 'src/a.ts'],
    ['src/../src/a.ts', 'src/a.ts'],
    ['to-src/a.ts', 'src/a.ts'],
    ['to-file', 'src/a.ts'],
    ['..dots', '..dots'],
    ['not/there/yet.txt', 'not/there/yet.txt'],
    ['to-src/new/file', 'src/new/file'],
    ['out/../src/a.ts', 'src/a.ts'],
  ])('%j', async (written, path) => {
    expect(await locate(workspace, written)).toEqual({ path, absolute: join(folder, 'root', path) });
  });

  test('also when it is absolute, below the root as named or as it really is', async () => {
    expect((await locate(workspace, join(folder, 'named/src/a.ts'))).path).toBe('src/a.ts');
    expect((await locate(workspace, join(folder, 'root/src/a.ts'))).path).toBe('src/a.ts');
  });
});

describe('a path that leads out is refused', () => {
  test.each([
    ['..'],
    ['../outside/secret'],
    ['src/../../outside/secret'],
    ['../root-twin/secret'],
    ['/etc/passwd'],
    ['/'],
    ['out'],
    ['out/secret'],
    ['out/new-file'],
    ['out-absolute/secret'],
    ['out-file'],
    ['src/out-twice/secret'],
    ['src/out-twice/deep/new'],
  ])('%s', async (written) => {
    await expect(locate(workspace, written)).rejects.toMatchObject({
      code: 'invalid_input',
      retryable: false,
      message: expect.stringMatching(/the workspace; paths start at the workspace's root/),
    });
  });

  test('an absolute path beside the root whose name starts alike', async () => {
    await expect(locate(workspace, join(folder, 'root-twin/secret'))).rejects.toThrow('lies outside');
  });

  test.each([
    ['dangling', 'leads nowhere'],
    ['dangling/below', 'leads nowhere'],
    ['dangling-inside', 'leads nowhere'],
    ['circle', 'never end'],
    ['src/a.ts/below', 'not a folder'],
    ['src/\0a', 'zero byte'],
    ['x'.repeat(300), 'too long'],
  ])('%j: %s', async (written, message) => {
    await expect(locate(workspace, written)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
  });
});

test('opening a link that was put there after the check fails', async () => {
  const place = { path: 'out-file', absolute: join(folder, 'root/out-file') };
  await expect(withFile(place, async () => 'read')).rejects.toMatchObject({ code: 'invalid_input' });
});

test('a pipe is refused at once, without waiting for somebody who writes', async () => {
  const place = await locate(workspace, 'pipe');
  await expect(withFile(place, async () => 'read')).rejects.toThrow('not a regular file');
});
