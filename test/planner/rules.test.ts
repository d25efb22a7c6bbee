import { createRulesPlanner } from '@countersign/planner';
import { type JsonObject, type ToolContract, validatePlan } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { beforeAll, describe, expect, test } from 'vitest';

let contracts: ToolContract[];
beforeAll(async () => {
  const { tools } = await loadTools({ workspaceRoot: import.meta.dirname });
  contracts = [...tools.values()].map(({ contract }) => contract);
});

const answerTo = (objective: string) =>
  createRulesPlanner().plan({
    objective,
    input: {},
    tools: contracts,
    options: {},
    signal: new AbortController().signal,
    onRound: async () => {},
  });

/** A step as the table writes it: tool, input, and the ids of the steps it waits for. */
type Row = [tool: string, input: JsonObject, ...dependsOn: string[]];
const section = (title: string, id: string): string => `## ${title}\n\n\`\`\`json\n{{${id}.output}}\n\`\`\``;

const UNDERSTOOD: [objective: string, ...steps: Row[]][] = [
  ['List the files in src', ['fs.list', { path: 'src' }]],
  ['list all files', ['fs.list', {}]],
  ['List all TypeScript files in packages/shared', ['fs.list', { path: 'packages/shared', pattern: '**/*.{ts,tsx}' }]],
  ['Please could you list the files in the docs folder?', ['fs.list', { path: 'docs' }]],
  ['Show all JSON files', ['fs.list', { pattern: '**/*.json' }]],
  ['list the files in src, recursively', ['fs.list', { path: 'src', recursive: true }]],
  [
    'List the files in packages and services and test',
    ['fs.list', { path: 'packages' }],
    ['fs.list', { path: 'services' }],
    ['fs.list', { path: 'test' }],
  ],
  ['Which markdown files are there in docs?', ['fs.list', { path: 'docs', pattern: '*.md' }]],
  ['Show me the contents of package.json', ['fs.read', { path: 'package.json' }]],
  ['What does the file docs/intro.md say', ['fs.read', { path: 'docs/intro.md' }]],
  ['Read README.md and package.json', ['fs.read', { path: 'README.md' }], ['fs.read', { path: 'package.json' }]],
  ['Count the lines of the TypeScript files in src', ['fs.stats', { path: 'src', pattern: '**/*.{ts,tsx}' }]],
  ['How many lines of code are there in packages/store?', ['fs.stats', { path: 'packages/store' }]],
  ['How many files are in this repository?', ['fs.stats', { path: '.' }]],
  ['Count files and lines in src and docs', ['fs.stats', { path: 'src' }], ['fs.stats', { path: 'docs' }]],
  [
    'Count the lines of the markdown and TypeScript files in docs',
    ['fs.stats', { path: 'docs', pattern: '**/*.md' }],
    ['fs.stats', { path: 'docs', pattern: '**/*.{ts,tsx}' }],
  ],
  ['Find all TODO comments in src', ['fs.search', { path: 'src', query: 'TODO' }]],
  ['grep FIXME in the markdown files', ['fs.search', { pattern: '**/*.md', query: 'FIXME' }]],
  ['Search for "fetch(" in packages/tools, ignoring case', ['fs.search', { path: 'packages/tools', query: 'fetch(', ignoreCase: true }]],
  ['Search for createPlan in services at most 20 matches', ['fs.search', { path: 'services', query: 'createPlan', maxMatches: 20 }]],
  ['Write "hello world" to notes.txt', ['fs.write', { path: 'notes.txt', text: 'hello world' }]],
  ['Write "read it and then weep; twice." to notes.txt', ['fs.write', { path: 'notes.txt', text: 'read it and then weep; twice.' }]],
  ['Replace VERSION with "2.0.0"', ['fs.write', { path: 'VERSION', text: '2.0.0', overwrite: true }]],
  [
    'Write "hello" to notes.txt, then read it',
    ['fs.write', { path: 'notes.txt', text: 'hello' }],
    ['fs.read', { path: 'notes.txt' }, 'write'],
  ],
  [
    'Read docs/intro.md and write it to copy.md',
    ['fs.read', { path: 'docs/intro.md' }],
    ['fs.write', { path: 'copy.md', text: '{{read.output.text}}' }, 'read'],
  ],
  ['Wait 5 seconds', ['wait', { ms: 5_000 }]],
  ['Wait 200ms, then list the files in docs', ['wait', { ms: 200 }], ['fs.list', { path: 'docs' }, 'wait']],
  ['pause for 2 minutes; then count the lines in src', ['wait', { ms: 120_000 }], ['fs.stats', { path: 'src' }, 'wait']],
  [
    'Download https://a.example/x and https://b.example/y?z=1,2',
    ['http.request', { url: 'https://a.example/x' }],
    ['http.request', { url: 'https://b.example/y?z=1,2' }],
  ],
  ['POST "hi" to https://example.com/hook', ['http.request', { url: 'https://example.com/hook', method: 'POST', body: 'hi' }]],
  [
    'Fetch https://example.com/data.json and save it to data.json',
    ['http.request', { url: 'https://example.com/data.json' }],
    ['fs.write', { path: 'data.json', text: '{{request.output.body}}\n' }, 'request'],
  ],
  [
    'Read README.md, then post it to https://example.com/hook',
    ['fs.read', { path: 'README.md' }],
    ['http.request', { url: 'https://example.com/hook', method: 'POST', body: '{{read.output.text}}' }, 'read'],
  ],
  [
    'List the TypeScript files in src, then count their lines',
    ['fs.list', { path: 'src', pattern: '**/*.{ts,tsx}' }],
    ['fs.stats', { files: '{{list.output.files}}' }, 'list'],
  ],
  [
    'List the files in src, then query "$count(files)" of the result',
    ['fs.list', { path: 'src' }],
    ['data.query', { query: '$count(files)', data: '{{list.output}}' }, 'list'],
  ],
  [
    'Count the lines in src and write them to out.txt',
    ['fs.stats', { path: 'src' }],
    ['fs.write', { path: 'out.txt', text: '{{stats.output}}\n' }, 'stats'],
  ],
  [
    'List the files in src, search for TODO in src and count lines in docs. Then write everything to report.md',
    ['fs.list', { path: 'src' }],
    ['fs.search', { path: 'src', query: 'TODO' }],
    ['fs.stats', { path: 'docs' }],
    [
      'fs.write',
      {
        path: 'report.md',
        text: `${section('List the files in src', 'list')}\n\n${section('Search for TODO in src', 'search')}\n\n${section('Count lines in docs', 'stats')}\n`,
      },
      'list',
      'search',
      'stats',
    ],
  ],
  [
    'First read README.md. After that, wait 1 second. Finally search for "license" in docs.',
    ['fs.read', { path: 'README.md' }],
    ['wait', { ms: 1_000 }, 'read'],
    ['fs.search', { path: 'docs', query: 'license' }, 'wait'],
  ],
  [
    '1. List the files in src\n2. Count the lines in docs\n3. Write the results to out.md',
    ['fs.list', { path: 'src' }],
    ['fs.stats', { path: 'docs' }, 'list'],
    [
      'fs.write',
      { path: 'out.md', text: `${section('List the files in src', 'list')}\n\n${section('Count the lines in docs', 'stats')}\n` },
      'stats',
      'list',
    ],
  ],
];

describe('the rules understand', () => {
  test.each(UNDERSTOOD)('%s', async (objective, ...rows) => {
    const answer = await answerTo(objective);
    if (!answer.ok) throw new Error(answer.error.message);
    const steps = answer.draft.steps.map(({ tool, input = {}, dependsOn = [] }): Row => [tool, input, ...dependsOn]);
    expect(steps).toEqual(rows);
    expect(validatePlan(answer.draft, { tools: new Map(contracts.map((contract) => [contract.name, contract])) }).issues).toEqual([]);
  });

  test('every phrase that a refusal suggests', async () => {
    const answer = await answerTo('Order a pizza');
    if (answer.ok) throw new Error('was understood');
    const phrases = [...answer.error.message.matchAll(/phrases like (.*), joined by/g)].flatMap(([, list]) =>
      (list ?? '').slice(1, -1).split('", "'),
    );
    expect(phrases.length).toBeGreaterThan(2);
    for (const phrase of phrases) expect(await answerTo(phrase), phrase).toMatchObject({ ok: true });
  });

  test('every example of every tool that gives its values, as the example means it', async () => {
    const examples = contracts.flatMap(({ name, examples: own }) => own.map((example) => ({ name, ...example })));
    for (const { name, text, input } of examples.filter(({ input: own }) => !JSON.stringify(own).includes('{{'))) {
      const answer = await answerTo(text);
      expect(answer.ok ? answer.draft.steps : answer.error.message, text).toMatchObject([{ tool: name, input }]);
    }
    expect(examples.length).toBeGreaterThan(20);
  });
});

const REFUSED: [objective: string, ...words: string[]][] = [
  ['Order a pizza', 'no tool is asked for with "Order"'],
  ["Don't list the files in src", '"Don\'t"'],
  ['List the files in src unless it is Sunday', '"unless"'],
  ['For each file in src count the lines', '"each"'],
  ['List the customers in src', '`fs.list`', '"customers"'],
  ['list the 5 largest files', '"largest"'],
  ['Send an email to bob@example.com', 'needs `url` (a URL like https://example.com)'],
  ['Write a poem to poem.md', 'needs `text` (text in quotes, or the result of an earlier step)'],
  ['Write to notes.txt', 'needs `text`'],
  ['Post the result to https://example.com/hook', 'nothing that "result" could mean'],
  ['read it', 'needs `path`'],
  ['Summarise the result', 'no tool is asked for with "Summarise"'],
  ['write "a" to a.txt and "b" to b.txt', 'has no use for "b"'],
  ['count the lines in src and tell me a joke', '1 of 2 parts', '"tell me a joke"'],
  ['Read README.md, then translate it to German, then write it to de.md', '1 of 3 parts', '"translate it to German"'],
  ['Delete src/index.ts', '0 of 1 parts'],
];

describe('the rules refuse, with what was not understood,', () => {
  test.each(REFUSED)('%s', async (objective, ...words) => {
    const answer = await answerTo(objective);
    if (answer.ok) throw new Error(JSON.stringify(answer.draft.steps));
    expect(answer.error.code).toBe('not_understood');
    for (const word of words) expect(answer.error.message).toContain(word);
    expect(answer.error.detail).toMatchObject({
      clauses: expect.any(Array),
      tools: expect.arrayContaining([expect.objectContaining({ name: 'fs.list' })]),
    });
  });
});
