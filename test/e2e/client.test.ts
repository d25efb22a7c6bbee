/** The built client library, as programs use it: what the pages show, run by Node, and nothing that a browser lacks. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf } from '../docs/pages.ts';
import { removeFolder } from '../remove-folder.ts';
import { Fleet } from './fleet.ts';

let fleet: Fleet;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-client-'));
  mkdirSync(join(folder, 'node_modules', '@countersign'), { recursive: true });
  symlinkSync(pathFromRoot('packages/client'), join(folder, 'node_modules', '@countersign', 'client'));
  fleet = await Fleet.start({ executors: 1, planner: true });
  mkdirSync(join(fleet.folder, 'docs'));
  writeFileSync(join(fleet.folder, 'docs', 'a.md'), 'one\ntwo\n');
});
afterAll(async () => {
  await fleet?.close();
  removeFolder(folder);
});

async function run(source: string): Promise<string[]> {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, source);
  const { stdout } = await promisify(execFile)(process.execPath, [file], {
    env: { PATH: process.env.PATH ?? '', COUNTERSIGN_URL: fleet.url },
    timeout: 30_000,
  });
  return stdout.trimEnd().split('\n');
}

test('the program of the README plans, countersigns, follows and ends', async () => {
  const [program = ''] = codeBlocks(sectionOf(readPage('README.md'), '## From a program'), 'js');
  const lines = await run(program);
  expect(lines).toEqual([
    expect.stringMatching(/^2 steps, sha256:[0-9a-f]{64}$/),
    'done: stats',
    'done: write',
    expect.stringMatching(/^completed after \d+ ms$/),
  ]);
  expect(readFileSync(join(fleet.folder, 'count.md'), 'utf8')).toContain('2');
});

test('the pieces of the page on the library make a program', async () => {
  const page = readPage('docs/client.md');
  const [create = '', submit = '', follow = ''] = codeBlocks(page, 'js');
  const planned = [
    'const { planId } = await client.waitForTask(task.id);',
    'const plan = await client.approve(await client.getPlan(planId));',
  ].join('\n');
  const lines = await run([create.replace('http://127.0.0.1:3000', fleet.url), submit, planned, follow].join('\n'));
  expect([lines[0], lines.at(-1)]).toEqual(['plan.created ', 'plan.completed']);
  expect(lines).toContain('step.completed stats');
});

test('what is built needs nothing that a browser does not have', () => {
  const importsOf = (text: string): string[] =>
    [...text.matchAll(/^\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm)].map(
      ([, named, called]) => named ?? called ?? '',
    );
  for (const [name, allowed] of [
    ['client', '@countersign/shared'],
    ['shared', 'zod'],
  ] as const) {
    const built = pathFromRoot(`packages/${name}/dist`);
    const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
    const texts = files.map((file) => readFileSync(join(built, file), 'utf8'));
    const others = new Set(texts.flatMap(importsOf).filter((specifier) => !specifier.startsWith('.')));
    expect([...others]).toEqual([allowed]);
    expect([...others].filter((specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier))).toEqual([]);
    // What only Node has without an import.
    expect(texts.filter((text) => /(?<![.\w'`$])(?:process|Buffer|require|__dirname)(?=[.([])/.test(text))).toEqual([]);
  }
});
