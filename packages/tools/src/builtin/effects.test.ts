/** What the built-in tools say of a call before anybody has approved it. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, readdir, readFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Json, JsonObject } from '@countersign/shared';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reviewContext } from '../../test/run-tool.ts';
import { type WorkspaceFolder, workspaceFolder } from '../../test/workspace-folder.ts';
import { loadTools } from '../load-tools.ts';
import type { Tool } from '../tool.ts';

let folder: WorkspaceFolder;
let tools: ReadonlyMap<string, Tool>;
beforeEach(async () => {
  folder = await workspaceFolder();
  await folder.write({
    'reports/a.md': 'x'.repeat(1_204),
    'src/a.ts': 'one\ntwo\nthree\n',
    'src/b.ts': '',
    'src/c.md': '',
    'image.png': Buffer.from([0, 1]),
    '.git/HEAD': 'ref',
  });
  const shellCommands = { git: '/usr/bin/git', sh: '/bin/sh' };
  tools = (await loadTools({ workspaceRoot: folder.at('.'), allowPrivateNetworks: true, shellCommands })).tools;
});
afterEach(() => folder.remove());

const toolNamed = (name: string): Tool => tools.get(name) as Tool;
const effects = (name: string, input: Json) => toolNamed(name).effects?.(input as JsonObject, reviewContext());
async function dryRun(name: string, input: JsonObject): Promise<Json | undefined> {
  const tool = toolNamed(name);
  const checked = tool.check(input);
  if (!checked.ok) throw new Error(checked.message);
  return tool.dryRun?.(checked.value, reviewContext());
}

const TEXT = 'y'.repeat(3_310);

describe('fs.write says', () => {
  test.each<[JsonObject, string]>([
    [{ path: 'reports/a.md', text: TEXT, overwrite: true }, 'replaces reports/a.md (1,204 bytes) by 3,310 bytes'],
    [{ path: 'reports/b.md', text: 'é' }, 'creates reports/b.md with 2 bytes'],
    [{ path: './reports/../reports/b.md', text: '' }, 'creates reports/b.md with 0 bytes'],
    [{ path: 'reports/a.md', text: 'z', append: true }, 'appends 1 byte to reports/a.md (1,204 bytes)'],
    [{ path: 'reports/a.md', text: 'x'.repeat(1_204) }, 'leaves reports/a.md (1,204 bytes) as it is: it holds this text'],
    [
      { path: 'reports/a.md', text: 'z' },
      'is refused as things are: reports/a.md (1,204 bytes) holds other text, and is not to be replaced',
    ],
    [
      { path: 'reports/a.md', text: '{{list.output.path}}' },
      'writes reports/a.md; refused where reports/a.md (1,204 bytes) holds other text than what earlier steps give',
    ],
    [
      { path: 'reports/a.md', text: '# {{list.output.total}}', overwrite: true },
      'replaces reports/a.md (1,204 bytes) by what earlier steps give',
    ],
    [{ path: '{{list.output.path}}', text: 'z', overwrite: true }, 'writes or replaces {{list.output.path}}: 1 byte'],
    [{ path: 'a b\n# Approved', text: '' }, 'creates "a b\\n# Approved" with 0 bytes'],
    [{ path: '\u202Egpj.md', text: '' }, 'creates "\\u{202e}gpj.md" with 0 bytes'],
    [{ path: 7, text: '' }, 'writes a file of the workspace'],
    [{}, 'writes a file of the workspace'],
  ])('of %j', async (input, words) => expect(await effects('fs.write', input)).toBe(words));

  test.each([
    ['../x', 'lies outside'],
    ['.git/hooks/pre-commit', 'lies in .git'],
    ['src', 'is not a regular file'],
    ['x'.repeat(300), 'too long'],
    ['a\0b', 'zero byte'],
  ])('that it is refused: %j', async (path, why) => {
    const words = await effects('fs.write', { path, text: '' });
    expect(words).toMatch(/^writes .*, which is refused as things are: /);
    if (path.length < 100) expect(words).toContain(why);
  });

  test('of a large file what its size is', async () => {
    await folder.write({ large: 'x'.repeat(3_000_000) });
    expect(await effects('fs.write', { path: 'large', text: '', overwrite: true })).toBe('replaces large (3,000,000 bytes) by 0 bytes');
  });
});

describe('http.request says', () => {
  const TOKEN = 'A1b2C3d4E5f6G7h8I9j0K1';
  test.each<[JsonObject, string]>([
    [{ url: 'https://example.com/items/7', method: 'DELETE' }, 'sends DELETE to https://example.com/items/7'],
    [{ url: 'https://example.com/items?page=2' }, 'reads https://example.com/items?page=2'],
    [{ url: 'https://example.com', method: 'HEAD' }, 'reads https://example.com/'],
    [{ url: 'https://example.com/x', method: 'PUT', body: { a: 1 } }, 'sends PUT with 7 bytes to https://example.com/x'],
    [
      { url: 'https://example.com/x', method: 'POST', body: '{{a.output}}' },
      'sends POST with what earlier steps give to https://example.com/x',
    ],
    [{ url: 'https://example.com/x', method: '{{input.method}}' }, 'sends a request to https://example.com/x'],
    [{ url: 'https://ada:hunter2@example.com/x' }, 'reads https://example.com/x'],
    [{ url: 'https://example.com@127.0.0.1/' }, 'reads https://127.0.0.1/'],
    [{ url: 'https://example.com\\@127.0.0.1/' }, 'reads https://example.com/@127.0.0.1/'],
    [{ url: 'https://ex\nample.com/' }, 'reads https://example.com/'],
    [{ url: 'https://exаmple.com/' }, 'reads https://xn--exmple-4nf.com/'],
    [{ url: 'http://2130706433/' }, 'reads http://127.0.0.1/'],
    [{ url: `https://example.com/?token=abc&page=2&x=${TOKEN}` }, 'reads https://example.com/?token=***&page=2&x=***'],
    [{ url: `https://example.com/hooks/${TOKEN}#secret` }, 'reads https://example.com/hooks/***'],
    [{ url: 'https://example.com/x', headers: { Authorization: `Bearer ${TOKEN}` } }, 'reads https://example.com/x with credentials'],
    [{ url: 'https://{{input.host}}/a?key={{a.output.key}}' }, 'reads https://{{input.host}}/a?key=***'],
    [{ url: 'https://ada:{{a.output}}@example.com:{{b.output}}/x?y=1' }, 'reads https://example.com:{{b.output}}/x'],
    [{ url: '{{list.output.url}}' }, 'reads {{list.output.url}}'],
    [{ url: 'https://example.com/a', saveTo: 'new/data.json' }, 'reads https://example.com/a, and creates new/data.json'],
    [
      { url: 'https://example.com/a', saveTo: 'reports/a.md', overwrite: true },
      'reads https://example.com/a, and replaces reports/a.md (1,204 bytes)',
    ],
    [
      { url: 'https://example.com/a', saveTo: 'reports/a.md' },
      'reads https://example.com/a, and is refused where the answer is not reports/a.md (1,204 bytes)',
    ],
    [{ url: 'https://example.com/a', saveTo: '../x' }, 'reads https://example.com/a, and is refused: ../x is no place for a file'],
    [{ url: 'https://example.com/a', saveTo: '{{a.output}}' }, 'reads https://example.com/a, and writes the file {{a.output}}'],
    [{ url: null }, 'reads a URL that earlier steps give'],
  ])('of %j', async (input, words) => expect(await effects('http.request', input)).toBe(words));

  test('of a long host where it ends, which is whose it is', async () => {
    const words = await effects('http.request', { url: `https://bank.example.com.${'a'.repeat(60)}.evil.example/x` });
    expect(words).toMatch(/^reads https:\/\/\.\.\.a+\.evil\.example\/x$/);
  });
});

test.each<[string, Json, string]>([
  ['fs.read', { path: 'reports/a.md' }, 'reads reports/a.md (1,204 bytes)'],
  ['fs.read', { path: 'reports/a.md', maxBytes: 100 }, 'reads the first 100 bytes of reports/a.md (1,204 bytes)'],
  ['fs.read', { path: 'gone' }, 'reads gone, which can\'t be read as things are: there is no "gone" in the workspace'],
  ['fs.read', { path: '{{list.output.files[0].path}}' }, 'reads {{list.output.files[0].path}}'],
  ['fs.list', {}, 'lists 5 files in the workspace'],
  ['fs.list', { path: 'src', pattern: '*.ts' }, 'lists 2 files under src matching "*.ts"'],
  ['fs.list', { path: '{{input.path}}' }, 'lists the files under {{input.path}}'],
  ['fs.list', { path: ['src'] }, 'lists the files under a folder that earlier steps give'],
  ['fs.search', { query: 'two', path: 'src' }, 'reads the text of 3 files under src, for "two"'],
  ['fs.search', { query: 7 }, 'reads the text of 5 files in the workspace'],
  ['fs.stats', { path: 'src' }, 'counts the lines of 3 files under src'],
  ['fs.stats', { files: ['a', 'b'] }, 'counts the lines of 2 files'],
  ['fs.stats', { files: '{{list.output.files}}' }, 'counts the lines of the files that earlier steps give'],
  ['data.query', { query: '$sum(x)', data: 1 }, 'works out "$sum(x)" and changes nothing'],
  ['template.render', { template: 'Hello' }, 'writes a text from a template of 5 characters and changes nothing'],
  ['condition', { expression: '{{input.n}} > 1' }, 'decides whether "{{input.n}} > 1" holds'],
  ['human.input', { question: 'Which "version"?\nApprove:' }, 'asks: "Which \\"version\\"?\\nApprove:"'],
  ['wait', { ms: 5_000 }, 'waits 5 seconds'],
  ['wait', { ms: 60_000 }, 'waits 1 minute'],
  ['wait', { ms: 5_400_000 }, 'waits 1.5 hours'],
  ['wait', { ms: '{{input.ms}}' }, 'waits for a time that earlier steps give'],
  ['shell.run', { command: 'git', args: ['log', '--oneline'], cwd: 'docs' }, 'runs: git log --oneline (in docs)'],
])('%s of %j: %s', async (name, input, words) => expect(await effects(name, input)).toBe(words));

const ODD: Json[] = [
  null,
  0,
  -1,
  1e300,
  '',
  'x'.repeat(100_000),
  '\0',
  '\n# Approved\n| a | b |',
  '{{',
  '{{}}',
  '{{a.output}}',
  '\\{{a}}',
  '\uD800',
  '**[x](y)** `z` <b>',
  '../../..',
  '[',
  'http://[',
  [],
  [null],
  {},
  { __proto__x: 1 },
  { toString: 1, length: -1 },
  Array.from({ length: 2_000 }, () => ['deep', { a: '{{b.output}}' }]),
];

test('whatever is in an input, every tool says something in one short line with nothing hidden in it', async () => {
  for (const [name, tool] of tools) {
    const fields = Object.keys((tool.contract.inputSchema.properties ?? {}) as JsonObject);
    const [example = {}] = tool.contract.examples.map(({ input }) => input);
    const inputs: Json[] = [
      ...ODD,
      ...ODD.map((value) => Object.fromEntries(fields.map((field) => [field, value]))),
      ...fields.flatMap((field) => ODD.map((value) => ({ ...example, [field]: value }))),
    ];
    for (const input of inputs) {
      const words = await effects(name, input);
      expect(words, `${name} of ${JSON.stringify(input).slice(0, 100)}`).toMatch(/^[a-z](?!.*[\p{Cc}\p{Cf}\p{Cs}])/su);
      expect([...(words ?? '')].length).toBeLessThanOrEqual(200);
    }
  }
});

describe('a dry run', () => {
  test.each<[JsonObject, JsonObject]>([
    [
      { path: 'new.md', text: 'a\nb\n' },
      { action: 'creates', bytesBefore: null, bytesAfter: 4, change: '@ line 1\n+a\n+b' },
    ],
    [
      { path: 'src/a.ts', text: 'one\n2\nthree\n', overwrite: true },
      { action: 'replaces', bytesBefore: 14, bytesAfter: 12, change: '@ line 2\n-two\n+2' },
    ],
    [
      { path: 'src/a.ts', text: 'x' },
      { action: 'is refused', bytesBefore: 14, bytesAfter: 14 },
    ],
    [
      { path: 'src/a.ts', text: 'one\ntwo\nthree\n' },
      { action: 'leaves as it is', bytesAfter: 14, change: null },
    ],
    [
      { path: 'src/a.ts', text: 'four\n', append: true },
      { action: 'appends to', bytesAfter: 19, change: '@ line 1\n+four' },
    ],
    [
      { path: 'image.png', text: 'text', overwrite: true },
      { action: 'replaces', bytesBefore: 2, bytesAfter: 4, change: null },
    ],
  ])('of fs.write says what changes: %j', async (input, change) => expect(await dryRun('fs.write', input)).toMatchObject(change));

  test('of fs.write fails like the call', async () => {
    await expect(dryRun('fs.write', { path: '../x', text: '' })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(dryRun('fs.write', { path: '.git/config', text: '' })).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('of a tool without effects gives what the call will give, cut where it is long', async () => {
    expect(await dryRun('template.render', { template: '[= a =]', data: { a: 1 } })).toEqual({ text: '1' });
    expect(await dryRun('data.query', { query: 'a', data: { a: [1, 2] } })).toEqual({ output: [1, 2] });
    const long = await dryRun('template.render', { template: 'x'.repeat(100_000) });
    expect(long).toEqual({ text: { start: 'x'.repeat(1_000), characters: 100_000, cut: true } });
    expect(JSON.stringify(await dryRun('data.query', { query: '[1..5000]', data: null })).length).toBeLessThan(3_000);
  });

  test('of a long change shows its beginning', async () => {
    const lines = Array.from({ length: 500 }, (_, at) => `line ${at} ${'z'.repeat(300)}`).join('\n');
    expect(JSON.stringify(await dryRun('fs.write', { path: 'long', text: lines })).length).toBeLessThan(4_000);
  });

  test('is what only these tools have', () => {
    const having = [...tools.values()].filter(({ dryRun: run }) => run !== undefined).map(({ contract }) => contract.name);
    expect(having.sort()).toEqual(['data.query', 'fs.write', 'template.render']);
  });
});

async function snapshot(at: string): Promise<string[]> {
  const names = (await readdir(at, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const stats = await lstat(join(at, name));
      const content = stats.isFile() ? await readFile(join(at, name), 'base64') : '';
      return `${name} ${stats.mode} ${stats.ino} ${stats.mtimeMs} ${content}`;
    }),
  );
}

test('neither effects nor dry runs change anything: not a file, not a folder, and nobody is asked', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    execFileSync('mkfifo', [folder.at('pipe')]);
    await symlink('src', folder.at('link'));
    await chmod(folder.at('src/b.ts'), 0o400);
    const before = await snapshot(folder.at('.'));
    const inputs: [string, JsonObject][] = [
      ...[...tools].flatMap(([name, { contract }]) => contract.examples.map(({ input }): [string, JsonObject] => [name, input])),
      ...['DELETE', 'POST', 'GET'].map((method): [string, JsonObject] => ['http.request', { url, method, saveTo: 'x/y' }]),
      ...['new/x', 'src/a.ts', 'link/a.ts', 'pipe', 'reports', '../y'].flatMap((path) =>
        ([{}, { append: true }, { overwrite: true }] as JsonObject[]).map((how): [string, JsonObject] => [
          'fs.write',
          { path, text: 'changed', ...how },
        ]),
      ),
      ['shell.run', { command: 'sh', args: ['-c', 'touch ran'], saveTo: 'out' }],
      ['fs.read', { path: 'pipe' }],
      ['wait', { ms: 3_600_000 }],
    ];
    for (const [name, input] of inputs) {
      expect(await effects(name, input)).not.toBe('');
      if (toolNamed(name).check(input).ok) await dryRun(name, input).catch(() => {});
    }
    expect(await snapshot(folder.at('.'))).toEqual(before);
    expect(asked).toEqual([]);
  } finally {
    server.close();
  }
});
