import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@countersign/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTemplates } from './load-templates.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-templates-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (files: Record<string, string | Uint8Array>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
};

/** The problems, without what is the same in all: the setting and the folder. */
async function problems(files: Record<string, string | Uint8Array>): Promise<string[]> {
  put(files);
  try {
    await loadTemplates(folder);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => {
      expect(problem.startsWith('TEMPLATES_DIR: ')).toBe(true);
      return problem.slice('TEMPLATES_DIR: '.length).replaceAll(`${folder}/`, '');
    });
  }
}

const GOOD = `description: Reads a file.
parameters:
  type: object
  properties:
    path: { type: string }
  required: [path]
objective: Read {{input.path}}
steps:
  - id: read
    tool: fs.read
    input: { path: "{{input.path}}" }
`;
const changed = (from: string, to: string): string => {
  expect(GOOD).toContain(from);
  return GOOD.replace(from, to);
};

describe('a folder of templates', () => {
  it('gives them by name, from YAML and from JSON, in the order of their names', async () => {
    const json = { name: 'again', description: 'x', parameters: { type: 'object' }, objective: 'x', steps: [{ id: 'a', tool: 'fs.list' }] };
    put({
      'two.yml': GOOD,
      'one.yaml': `${GOOD}options: { maxParallelSteps: 1 }\ntools: [fs.read]\n`,
      'z.json': `\ufeff${JSON.stringify(json, null, '\t')}`,
    });
    put({ 'notes.txt': '{', '.hidden.yaml': '{' });
    mkdirSync(join(folder, 'sub.yaml'));
    writeFileSync(join(folder, 'sub.yaml', 'three.yaml'), '{');
    const templates = await loadTemplates(folder);
    expect([...templates.keys()]).toEqual(['again', 'one', 'two']);
    expect(templates.get('one')?.template).toEqual({
      name: 'one',
      description: 'Reads a file.',
      parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false },
      objective: 'Read {{input.path}}',
      steps: [{ id: 'read', tool: 'fs.read', input: { path: '{{input.path}}' } }],
      options: { maxParallelSteps: 1 },
      tools: ['fs.read'],
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  it('gives a template another digest when anything of it changes, and the same when only its writing does', async () => {
    const digestOf = async (text: string): Promise<string | undefined> => {
      put({ 'a.yaml': text });
      return (await loadTemplates(folder)).get('a')?.template.digest;
    };
    const digest = await digestOf(GOOD);
    expect(await digestOf(`# the same\n${GOOD.replace('"{{input.path}}"', "'{{input.path}}'")}`)).toBe(digest);
    expect(await digestOf(changed('Reads a file.', 'Reads one file.'))).not.toBe(digest);
    expect(await digestOf(`${GOOD}tools: [fs.read]\n`)).not.toBe(digest);
  });

  it('that is not there is said, with the place that a relative path comes to', async () => {
    const absent = join(folder, 'nosuch');
    await expect(loadTemplates(absent)).rejects.toMatchObject({
      problems: [`TEMPLATES_DIR: ${absent}: there is no such folder; name the folder that holds the templates, or leave the setting out`],
    });
    await expect(loadTemplates('no/such/folder')).rejects.toThrow(
      `no/such/folder (that is ${process.cwd()}/no/such/folder): there is no such folder`,
    );
    put({ file: '' });
    await expect(loadTemplates(join(folder, 'file'))).rejects.toThrow('file: this is no folder;');
  });

  it('that holds none is said', async () => {
    put({ 'readme.md': '# Templates' });
    await expect(loadTemplates(folder)).rejects.toThrow(
      `TEMPLATES_DIR: ${folder}: there are no templates here; they are files like audit.yaml, audit.yml or audit.json, not in subfolders`,
    );
  });

  it('reports every problem of every file at once, in the order of the files and of their lines', async () => {
    const found = await problems({
      'b.yaml': changed('fs.read', 'fs read').replace('Read {{', 'Read {{task.id}} {{'),
      'a.json': '{"description": "",}',
      'c.yaml': GOOD,
      'd.yaml': GOOD.replace('type: string', 'type: strin'),
    });
    expect(found.map((problem) => problem.split(' ')[0])).toEqual(['a.json:1:20:', 'b.yaml:7:12:', 'b.yaml:10:11:', 'd.yaml:5:19:']);
  });
});

describe('a file that cannot be a template is refused with the place and the reason', () => {
  it.each<[what: string, text: string, problems: string[]]>([
    [
      'an empty file',
      '',
      ['1:1: a template is an object with `name`, `description`, `parameters`, `objective`, `steps`, `options`, `tools`'],
    ],
    [
      'a list',
      '- a\n',
      ['1:1: a template is an object with `name`, `description`, `parameters`, `objective`, `steps`, `options`, `tools`'],
    ],
    [
      'nothing that is needed',
      'name: x\n',
      [
        '1:1: description: is missing; it must be a string',
        '1:1: parameters: is missing; it must be an object',
        '1:1: objective: must say what the plan is for',
        '1:1: steps: must be a list of steps',
      ],
    ],
    [
      'an unknown field',
      `${GOOD}stpes: []\n`,
      [
        '12:1: stpes: a template has no field `stpes`; it has `name`, `description`, `parameters`, `objective`, `steps`, `options`, `tools`',
      ],
    ],
    ['an unknown field of a step', `${GOOD}    retires: 3\n`, ['12:5: steps[0].retires: a step has no field `retires`']],
    [
      'an odd name',
      `name: my template\n${GOOD}`,
      ["1:7: name: a name begins with a letter or a digit and has at most 128 letters, digits, '.', '_' and '-'"],
    ],
    ['a name that is a number', `name: 7\n${GOOD}`, ['1:7: name: a name begins with']],
    ['parameters of another type', changed('type: object', 'type: array'), ['3:9: parameters.type: must be "object"']],
    ['parameters without a type', changed('  type: object\n', ''), ['3:3: parameters.type: must be "object"']],
    [
      'a schema that is none',
      changed('type: string', 'type: strin'),
      ['5:19: parameters.properties.path.type: must be equal to one of the allowed values'],
    ],
    [
      'a schema that refers to nothing',
      changed('{ type: string }', '{ $ref: "#/$defs/nosuch" }'),
      ["3:3: parameters: this is not a JSON Schema that can be checked: can't resolve reference #/$defs/nosuch"],
    ],
    [
      'a default that does not fit',
      changed('{ type: string }', '{ type: string, default: 7 }'),
      ['5:36: parameters.properties.path.default: the default does not fit: must be string'],
    ],
    [
      'a default whose member does not fit',
      changed('path: { type: string }', 'path: { type: string }\n    list: { type: array, items: { type: integer }, default: [1, x] }'),
      ['6:65: parameters.properties.list.default[1]: the default does not fit: must be integer'],
    ],
    [
      'a parameter that is not there',
      changed('"{{input.path}}"', '"{{input.pth}}"'),
      ['11:20: steps[0].input.path: {{input.pth}}: `input` has no `pth`; it has `path`'],
    ],
    [
      'something below a text',
      changed('"{{input.path}}"', '"{{input.path.name}}"'),
      ['11:20: steps[0].input.path: {{input.path.name}}: `input.path` is text: nothing lies below it'],
    ],
    [
      'a parameter in the objective that is not there',
      changed('Read {{input.path}}', 'Read {{input.pth}}'),
      ['7:12: objective: {{input.pth}}: `input` has no `pth`; it has `path`'],
    ],
    [
      'a step in the objective',
      changed('Read {{input.path}}', 'Read {{read.output}}'),
      ['7:12: objective: {{read.output}}: an objective reads only the parameters'],
    ],
    [
      'a broken placeholder in the objective',
      changed('Read {{input.path}}', 'Read {{ }}'),
      ['7:12: objective: {{ }}: the placeholder is empty'],
    ],
    [
      'no steps',
      changed('  - id: read\n    tool: fs.read\n    input: { path: "{{input.path}}" }\n', '  []\n'),
      ['9:3: steps: a plan has at least 1 step'],
    ],
    ['a step that nothing names', `${GOOD}    dependsOn:\n      - list\n`, ['13:9: steps[0].dependsOn[0]: there is no step `list`']],
    ['a cycle', `${GOOD}    dependsOn: [read]\n`, ['12:16: steps[0].dependsOn: these steps wait for each other: read -> read']],
    [
      'a condition that cannot be read',
      `${GOOD}    when: "{{input.path}}=='a'"\n`,
      ['12:11: steps[0].when: put spaces around the operator =='],
    ],
    ['the same id twice', `${GOOD}  - { id: read, tool: wait }\n`, ['12:11: steps[1].id: `read` is the id of steps[0] already']],
    [
      'a tool that can have no such name',
      changed('tool: fs.read', 'tool: fs read'),
      ['10:11: steps[0].tool: no tool can be called `fs read`'],
    ],
    [
      'a tool that its own list leaves out',
      `${GOOD}tools: [fs.write]\n`,
      ['10:11: steps[0].tool: this plan may not use `fs.read`; it may use fs.write'],
    ],
    [
      'an empty list of tools',
      `${GOOD}tools: []\n`,
      ['12:8: tools: must name a tool, or be left out', '10:11: steps[0].tool: this plan may not use'],
    ],
    ['an option that is wrong', `${GOOD}options:\n  maxParallelSteps: 0\n`, ['13:21: options.maxParallelSteps: Too small']],
    ['an option that is not there', `${GOOD}options: { nosuch: 1 }\n`, ['12:12: options.nosuch: there is no option `nosuch`']],
    [
      'a placeholder without quotes',
      changed('"{{input.path}}"', '{{input.path}}'),
      ['11:21: a text that begins with a placeholder stands in quotes: "{{input.path}}..."'],
    ],
    ['a key that stands twice', `${GOOD}objective: Read\n`, ['12:1: this key stands here twice']],
    ['a tab', 'description: x\nparameters:\n\ttype: object\n', ['3:1: Tabs are not allowed as indentation']],
    ['two documents', `${GOOD}---\n${GOOD}`, ['12:1: Source contains multiple documents']],
    ['an alias to nothing', `${GOOD}options: *none\n`, ['12:10: there is no anchor &none before this alias']],
    [
      'an alias to what it stands in',
      `${GOOD}options: &all { retry: *all }\n`,
      ['12:24: options.retry: an alias must not name what it stands in'],
    ],
    ['a number that is none', `${GOOD}    timeoutMs: .inf\n`, ['12:16: steps[0].timeoutMs: must be a number that JSON can hold']],
    ['a set', `${GOOD}options: !!set { retry }\n`, ['12:10: Unresolved tag: tag:yaml.org,2002:set']],
    [
      'what an alias stands for, at its own place',
      `${GOOD}    retry: &often { maxAttempts: 0 }\noptions: { retry: *often }\n`,
      ['12:34: options.retry.maxAttempts: Too small', '12:34: steps[0].retry.maxAttempts: Too small'],
    ],
    ['a tag', `${GOOD}    when: !secret x\n`, ['12:11: Unresolved tag: !secret']],
  ])('%s', async (_, text, expected) => {
    const found = await problems({ 'a.yaml': text });
    expect(found).toEqual(expected.toSorted(byPlace).map((problem) => expect.stringContaining(`a.yaml:${problem}`)));
  });

  const byPlace = (a: string, b: string): number => {
    const [aLine = 0, aColumn = 0] = a.split(':').map(Number);
    const [bLine = 0, bColumn = 0] = b.split(':').map(Number);
    return aLine - bLine || aColumn - bColumn;
  };

  it.each<[what: string, text: string | Uint8Array, problem: string]>([
    ['YAML', GOOD, '1:1: this is not JSON'],
    ['a comma too many', '{\n  "description": "x",\n}', '3:1: this is not JSON'],
    ['the end too early', '{\n  "description": "x"', '2:21: ends where JSON must go on'],
    ['a key that stands twice', '{"name": "a",\n "name": "b"}', '2:2: this key stands here twice'],
    ['what is no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), '1:1: the file is not UTF-8'],
  ])('as JSON: %s', async (_, text, expected) => {
    expect(await problems({ 'a.json': text })).toEqual([`a.json:${expected}`]);
  });

  it('a name that another file has', async () => {
    expect(
      await problems({ 'a.yaml': GOOD, 'b.json': '{}', 'c.yaml': `description: x\nname: a\n${GOOD.slice(GOOD.indexOf('\n') + 1)}` }),
    ).toContain('c.yaml:2:7: name: `a` is the name of a.yaml already');
  });

  it('a file whose name can be no template’s', async () => {
    expect(await problems({ 'my template.yaml': GOOD })).toEqual([
      "my template.yaml:1:1: name: the name of the file is that of the template, and \"my template\" can't be one: it begins with a letter or a digit and has at most 128 letters, digits, '.', '_' and '-'. Rename the file, or give the template a `name`",
    ]);
    expect(await problems({ 'my template.yaml': `name: mine\n${GOOD}` })).toEqual([]);
  });
});

describe('a template may', () => {
  it.each([
    ['name tools that nobody has announced, with whatever input', changed('fs.read', 'own.tool')],
    ['call a condition that is in code', `${GOOD}    when: is_urgent\n`],
    ['use an alias', `${GOOD}    retry: &often { maxAttempts: 3 }\noptions: { retry: *often }\n`],
    [
      'leave open which parameters there are',
      changed('required: [path]', 'additionalProperties: true').replace('"{{input.path}}"', '"{{input.any}}"'),
    ],
    [
      'take its parameters from elsewhere in the schema',
      changed('required: [path]', 'allOf: [{ properties: { any: {} } }]').replace('"{{input.path}}"', '"{{input.any}}"'),
    ],
  ])('%s', async (_, text) => {
    expect(await problems({ 'a.yaml': text })).toEqual([]);
  });
});
