/** Objectives that the rules understand with the tools of a fresh install, each with the whole plan. */
import type { JsonObject } from '@countersign/shared';

/** A step: its tool, its input, and the ids of the steps it waits for. */
export type Row = [tool: string, input: JsonObject, ...dependsOn: string[]];

export const UNDERSTOOD: readonly (readonly [objective: string, ...steps: Row[]])[] = [
  // listing
  ['List the files in src', ['fs.list', { path: 'src' }]],
  ['list all files', ['fs.list', {}]],
  ['List all TypeScript files in packages/shared', ['fs.list', { path: 'packages/shared', pattern: '**/*.{ts,tsx}' }]],
  ['Please could you list the files in the docs folder?', ['fs.list', { path: 'docs' }]],
  ['We need to list the files in src, thanks', ['fs.list', { path: 'src' }]],
  ['Show all JSON files', ['fs.list', { pattern: '**/*.json' }]],
  ['list the files in src, recursively', ['fs.list', { recursive: true, path: 'src' }]],
  ['show me what is in the folder docs, without subfolders', ['fs.list', { path: 'docs', recursive: false }]],
  ['what is in src', ['fs.list', { path: 'src' }]],
  [
    'List the files in packages and services and test',
    ['fs.list', { path: 'packages' }],
    ['fs.list', { path: 'services' }],
    ['fs.list', { path: 'test' }],
  ],
  ['list **/*.md in docs', ['fs.list', { path: 'docs', pattern: '**/*.md' }]],
  [
    'list the markdown files and the JSON files in docs',
    ['fs.list', { path: 'docs', pattern: '**/*.md' }],
    ['fs.list', { path: 'docs', pattern: '**/*.json' }],
  ],
  ['Which markdown files are there in docs?', ['fs.list', { path: 'docs', pattern: '*.md' }]],
  ['list at most 20 files in src', ['fs.list', { path: 'src', maxFiles: 20 }]],
  [
    'write "x" to out/a.txt and list the files in out',
    ['fs.write', { path: 'out/a.txt', text: 'x' }],
    ['fs.list', { path: 'out' }, 'write'],
  ],
  ['find files named config.ts', ['fs.list', { pattern: 'config.ts' }]],

  // reading
  ['Show me the contents of package.json', ['fs.read', { path: 'package.json' }]],
  ['show me README.md', ['fs.read', { path: 'README.md' }]],
  ['What does the file docs/intro.md say', ['fs.read', { path: 'docs/intro.md' }]],
  ['Read README.md and package.json', ['fs.read', { path: 'README.md' }], ['fs.read', { path: 'package.json' }]],
  [
    'read src/a.ts, src/b.ts and src/c.ts',
    ['fs.read', { path: 'src/a.ts' }],
    ['fs.read', { path: 'src/b.ts' }],
    ['fs.read', { path: 'src/c.ts' }],
  ],
  ['read the first 100 bytes of README.md', ['fs.read', { path: 'README.md', maxBytes: 100 }]],

  // counting
  ['Count the lines of the TypeScript files in src', ['fs.stats', { path: 'src', pattern: '**/*.{ts,tsx}' }]],
  ['How many lines of code are there in packages/store?', ['fs.stats', { path: 'packages/store' }]],
  ['How many files are in this repository?', ['fs.stats', { path: '.' }]],
  ['count the lines in src of this repository', ['fs.stats', { path: 'src' }]],
  ['Count files and lines in src and docs', ['fs.stats', { path: 'src' }], ['fs.stats', { path: 'docs' }]],
  [
    'Count the lines of the markdown and TypeScript files in docs',
    ['fs.stats', { path: 'docs', pattern: '**/*.md' }],
    ['fs.stats', { path: 'docs', pattern: '**/*.{ts,tsx}' }],
  ],
  ['how big is README.md', ['fs.stats', { path: 'README.md' }]],
  ['which are the largest files in src', ['fs.stats', { path: 'src' }]],

  // searching
  ['Find all TODO comments in src', ['fs.search', { path: 'src', query: 'TODO' }]],
  ['find all files that contain TODO', ['fs.search', { query: 'TODO' }]],
  ['grep FIXME in the markdown files', ['fs.search', { pattern: '**/*.md', query: 'FIXME' }]],
  ['Search for "fetch(" in packages/tools, ignoring case', ['fs.search', { ignoreCase: true, path: 'packages/tools', query: 'fetch(' }]],
  ['Search for createPlan in services at most 20 matches', ['fs.search', { path: 'services', maxMatches: 20, query: 'createPlan' }]],
  ['search for the word hello in docs', ['fs.search', { path: 'docs', query: 'hello' }]],
  ['search src for TODO', ['fs.search', { path: 'src', query: 'TODO' }]],
  ['search for TODO in src and in docs', ['fs.search', { query: 'TODO', path: 'src' }], ['fs.search', { query: 'TODO', path: 'docs' }]],
  ['where is startEmbeddedRedis used in packages/store', ['fs.search', { path: 'packages/store', query: 'startEmbeddedRedis' }]],

  // writing
  ['Write "hello world" to notes.txt', ['fs.write', { path: 'notes.txt', text: 'hello world' }]],
  ['Write "read it and then weep; twice." to notes.txt', ['fs.write', { path: 'notes.txt', text: 'read it and then weep; twice.' }]],
  ['create the file notes.txt with the text "hello"', ['fs.write', { path: 'notes.txt', text: 'hello' }]],
  ['Replace VERSION with "2.0.0"', ['fs.write', { overwrite: true, path: 'VERSION', text: '2.0.0' }]],
  [
    'Overwrite notes.txt with "new" and read it',
    ['fs.write', { overwrite: true, path: 'notes.txt', text: 'new' }],
    ['fs.read', { path: 'notes.txt' }, 'write'],
  ],
  [
    'Append "a" to log.txt, append "b" to log.txt',
    ['fs.write', { path: 'log.txt', text: 'a', append: true }],
    ['fs.write', { path: 'log.txt', text: 'b', append: true }, 'write'],
  ],
  ['write "a" to a.txt and to b.txt', ['fs.write', { text: 'a', path: 'a.txt' }], ['fs.write', { text: 'a', path: 'b.txt' }]],
  [
    'Write "hello" to notes.txt, then read it',
    ['fs.write', { path: 'notes.txt', text: 'hello' }],
    ['fs.read', { path: 'notes.txt' }, 'write'],
  ],
  ['write "x" to out.md and count all lines', ['fs.write', { path: 'out.md', text: 'x' }], ['fs.stats', {}, 'write']],

  // over http
  [
    'Download https://a.example/x and https://b.example/y?z=1,2',
    ['http.request', { url: 'https://a.example/x' }],
    ['http.request', { url: 'https://b.example/y?z=1,2' }],
  ],
  ['download https://a.example/x.json to x.json', ['http.request', { url: 'https://a.example/x.json', saveTo: 'x.json' }]],
  ['POST "hi" to https://example.com/hook', ['http.request', { method: 'POST', url: 'https://example.com/hook', body: 'hi' }]],
  ['send "hello" to https://a.example/hook', ['http.request', { method: 'POST', url: 'https://a.example/hook', body: 'hello' }]],
  ['put "x" to https://a.example/item', ['http.request', { method: 'PUT', url: 'https://a.example/item', body: 'x' }]],
  [
    'delete https://a.example/items/7, then fetch https://a.example/items',
    ['http.request', { url: 'https://a.example/items/7', method: 'DELETE' }],
    ['http.request', { url: 'https://a.example/items' }, 'request'],
  ],
  ['check whether https://a.example is up', ['http.request', { url: 'https://a.example', method: 'HEAD' }]],
  ['fetch https://a.example, following redirects', ['http.request', { followRedirects: true, url: 'https://a.example' }]],

  // waiting and asking
  ['Wait 5 seconds', ['wait', { ms: 5000 }]],
  ['wait half an hour', ['wait', { ms: 1800000 }]],
  ['Wait 200ms, then list the files in docs', ['wait', { ms: 200 }], ['fs.list', { path: 'docs' }, 'wait']],
  ['pause for 2 minutes; then count the lines in src', ['wait', { ms: 120000 }], ['fs.stats', { path: 'src' }, 'wait']],
  [
    'Ask a person "May it go out?", then post "go" to https://a.example/release',
    ['human.input', { question: 'May it go out?' }],
    ['http.request', { method: 'POST', url: 'https://a.example/release', body: 'go' }, 'step-input'],
  ],
  [
    'ask me "What is the name?" and write the answer to name.txt',
    ['human.input', { question: 'What is the name?' }],
    ['fs.write', { path: 'name.txt', text: '{{step-input.output}}\n' }, 'step-input'],
  ],

  // results
  [
    'Read docs/intro.md and write it to copy.md',
    ['fs.read', { path: 'docs/intro.md' }],
    ['fs.write', { path: 'copy.md', text: '{{read.output.text}}' }, 'read'],
  ],
  [
    'Fetch https://example.com/data.json and save it to data.json',
    ['http.request', { url: 'https://example.com/data.json' }],
    ['fs.write', { path: 'data.json', text: '{{request.output.body}}\n' }, 'request'],
  ],
  [
    'Read README.md, then post it to https://example.com/hook',
    ['fs.read', { path: 'README.md' }],
    ['http.request', { method: 'POST', url: 'https://example.com/hook', body: '{{read.output.text}}' }, 'read'],
  ],
  ['read a.txt and search it for TODO', ['fs.read', { path: 'a.txt' }], ['fs.search', { query: 'TODO', path: 'a.txt' }, 'read']],
  ['read a.txt and count its lines', ['fs.read', { path: 'a.txt' }], ['fs.stats', { path: 'a.txt' }, 'read']],
  [
    'read a.txt, count the lines in src, and write the text to c.txt',
    ['fs.read', { path: 'a.txt' }],
    ['fs.stats', { path: 'src' }],
    ['fs.write', { path: 'c.txt', text: '{{read.output.text}}' }, 'read'],
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
    'List the files in src, then render "There are [= total =] files" with the result',
    ['fs.list', { path: 'src' }],
    ['template.render', { template: 'There are [= total =] files', data: '{{list.output}}' }, 'list'],
  ],
  [
    'Count the lines in src and write them to out.txt',
    ['fs.stats', { path: 'src' }],
    ['fs.write', { path: 'out.txt', text: '{{stats.output}}\n' }, 'stats'],
  ],
  [
    'Fetch https://a.example and https://b.example, then write the responses to both.txt',
    ['http.request', { url: 'https://a.example' }],
    ['http.request', { url: 'https://b.example' }],
    [
      'fs.write',
      {
        path: 'both.txt',
        text: 'Fetch https://a.example and https://b.example (https://a.example):\n{{request.output.body}}\n\nFetch https://a.example and https://b.example (https://b.example):\n{{request-2.output.body}}\n',
      },
      'request',
      'request-2',
    ],
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
        text: '## List the files in src\n\n```json\n{{list.output}}\n```\n\n## Search for TODO in src\n\n```json\n{{search.output}}\n```\n\n## Count lines in docs\n\n```json\n{{stats.output}}\n```\n',
      },
      'list',
      'search',
      'stats',
    ],
  ],
  [
    'First read README.md. After that, wait 1 second. Finally search for "license" in docs.',
    ['fs.read', { path: 'README.md' }],
    ['wait', { ms: 1000 }, 'read'],
    ['fs.search', { query: 'license', path: 'docs' }, 'wait'],
  ],
  [
    '1. List the files in src\n2. Count the lines in docs\n3. Write the results to out.md',
    ['fs.list', { path: 'src' }],
    ['fs.stats', { path: 'docs' }, 'list'],
    [
      'fs.write',
      {
        path: 'out.md',
        text: '## List the files in src\n\n```json\n{{list.output}}\n```\n\n## Count the lines in docs\n\n```json\n{{stats.output}}\n```\n',
      },
      'stats',
      'list',
    ],
  ],
];
