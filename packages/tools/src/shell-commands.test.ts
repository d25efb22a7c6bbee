import { chmod, mkdir, symlink } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WorkspaceFolder, workspaceFolder } from '../test/workspace-folder.ts';
import { findShellCommands } from './shell-commands.ts';

let folder: WorkspaceFolder;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({ 'one/tool': '', 'two/tool': '', 'two/other': '', 'two/plain': '' });
  for (const path of ['one/tool', 'two/tool', 'two/other']) await chmod(folder.at(path), 0o755);
  await mkdir(folder.at('two/folder'));
  await symlink('other', folder.at('two/linked'));
});
afterEach(() => folder.remove());

const find = (...names: string[]) => findShellCommands(names, `relative:${folder.at('one')}:${folder.at('two')}`);

test('names are looked for along the PATH, paths are taken as they are and called by their last part', () => {
  expect(find('tool', 'linked', folder.at('two/other'))).toEqual({
    commands: { tool: folder.at('one/tool'), linked: folder.at('two/linked'), other: folder.at('two/other') },
    problems: [],
  });
});

test('whatever cannot be used is named, all of it', () => {
  const { commands, problems } = find('gone', 'plain', 'folder', './one/tool', '/nowhere/x', 'a b', '', 'other');
  expect(Object.keys(commands)).toEqual(['other']);
  expect(problems).toEqual([
    expect.stringContaining('"gone" can\'t be found'),
    expect.stringContaining('"plain" can\'t be found, or is no program'),
    expect.stringContaining('"folder" can\'t be found, or is no program'),
    expect.stringContaining('"./one/tool" is a relative path'),
    expect.stringContaining('"/nowhere/x" can\'t be found'),
    expect.stringContaining('"a b" is no name of a command'),
    expect.stringContaining('"" is no name of a command'),
  ]);
});

test('two programs of one name are not both allowed; one that is named twice is', () => {
  expect(find('tool', folder.at('two/tool')).problems).toEqual([expect.stringContaining('are both called `tool`')]);
  expect(find('tool', 'tool', folder.at('one/tool')).problems).toEqual([]);
});
