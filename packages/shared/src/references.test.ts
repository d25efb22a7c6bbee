import { describe, expect, test } from 'vitest';
import {
  hasPlaceholder,
  isTemplate,
  lookUp,
  parseReference,
  parseTemplate,
  type ReferenceScope,
  referencesIn,
  resolveReferences,
} from './references.ts';

const scope: ReferenceScope = {
  input: {
    root: 'src',
    n: 3,
    none: null,
    list: [1, { deep: ['x'] }],
    'any key': 'spaced',
    '007': 'agent',
    quote: '{{input.root}}',
    '}}': 'braces',
  },
  task: { id: 'tsk_1', objective: 'Audit' },
  steps: new Map([
    ['list', { output: { files: [{ path: 'a.ts' }], total: 1 }, status: 'completed' }],
    ['bad', { status: 'failed', error: { code: 'timeout', message: 'too slow' } }],
    ['gate', { approvalData: { ok: true } }],
  ]),
  item: { path: 'b.ts' },
  index: 4,
};

describe('a lone placeholder keeps the type of its value', () => {
  test.each([
    ['{{input.n}}', 3],
    ['{{ input.n }}', 3],
    ['{{input.none}}', null],
    ['{{input.gone}}', null],
    ['{{input.gone.further[0]}}', null],
    ['{{input.list}}', [1, { deep: ['x'] }]],
    ['{{input.list.1.deep[0]}}', 'x'],
    ['{{input["any key"]}}', 'spaced'],
    [`{{input['any key']}}`, 'spaced'],
    ['{{input["any \\u006bey"]}}', 'spaced'],
    ['{{input["}}"]}}', 'braces'],
    ['{{input.007}}', 'agent'],
    ['{{input[007]}}', 'agent'],
    ['{{task.id}}', 'tsk_1'],
    ['{{list.output.files[0].path}}', 'a.ts'],
    ['{{list.status}}', 'completed'],
    ['{{bad.error.code}}', 'timeout'],
    ['{{bad.output}}', null],
    ['{{gate.approval.data.ok}}', true],
    ['{{gate.approval.votes}}', null],
    ['{{item.path}}', 'b.ts'],
    ['{{index}}', 4],
    ['{{nobody.output}}', null],
  ])('%s', (template, expected) => expect(resolveReferences(template, scope)).toEqual(expected));
});

describe('inside a longer text a value is text', () => {
  test.each([
    ['in {{input.root}}!', 'in src!'],
    ['{{input.root}}/{{input.n}}', 'src/3'],
    [' {{input.n}}', ' 3'],
    ['<{{input.none}}{{input.gone}}>', '<>'],
    ['is {{list.output.files}}', 'is [{"path":"a.ts"}]'],
    ['{{input.n}} and {{unclosed', '3 and {{unclosed'],
    ['\\{{input.n}}', '{{input.n}}'],
    ['\\{{input.n}} {{input.n}}', '{{input.n}} 3'],
    ['{{input.n}}\\{{', '3{{'],
    ['{single} }}', '{single} }}'],
  ])('%s', (template, expected) => expect(resolveReferences(template, scope)).toBe(expected));
});

test('what a value contains is not expanded again', () => {
  expect(resolveReferences('{{input.quote}}', scope)).toBe('{{input.root}}');
  expect(resolveReferences('> {{input.quote}}', scope)).toBe('> {{input.root}}');
});

test('references work at any depth of the values and not in the keys', () => {
  const value = { 'a {{input.n}}': [{ b: ['{{input.n}}'] }], c: true, d: null };
  expect(resolveReferences(value, scope)).toEqual({ 'a {{input.n}}': [{ b: [3] }], c: true, d: null });
  expect(referencesIn(value).map(({ text }) => text)).toEqual(['input.n']);
});

test('a key named __proto__ stays data', () => {
  const resolved = resolveReferences(JSON.parse('{"__proto__": {"x": "{{input.n}}"}}'), scope) as object;
  expect(JSON.stringify(resolved)).toBe('{"__proto__":{"x":3}}');
  expect(Object.getPrototypeOf(resolved)).toBe(Object.prototype);
});

test('members that a value only inherits are missing', () => {
  for (const text of ['input.constructor', 'input.__proto__', 'input.list.length', 'input.root.length']) {
    const reference = parseReference(text);
    if (typeof reference === 'string') throw new Error(reference);
    expect(lookUp(reference, scope)).toBeUndefined();
  }
});

test.each([
  ['', 'empty'],
  ['.a', 'starts with a name'],
  ['a.', "must follow the '.'"],
  ['a..b', "must follow the '.'"],
  ['a b', 'unexpected " "'],
  ['a[', 'expected [0]'],
  ['a[x]', 'expected [0]'],
  ['a["\\q"]', 'not a JSON string'],
])('{{%s}} is malformed', (text, message) => {
  expect(parseReference(text)).toContain(message);
  expect(parseTemplate(`{{${text}}}`)).toMatchObject([{ kind: 'malformed', text }]);
  expect(hasPlaceholder(`{{${text}}}`)).toBe(true);
});

test('a template is what resolving can change: with a placeholder or an escaped one, at any depth', () => {
  for (const value of ['{{input.x}}', ['a', { b: 'x {{input.x}}' }], '\\{{', { a: ['\\{{input.x}}'] }, '{{}}'])
    expect(isTemplate(value)).toBe(true);
  for (const value of ['', 'plain', '{{input.x', '{ {', 3, null, undefined, { '{{input.x}}': '\\' }]) expect(isTemplate(value)).toBe(false);
});

test('an unclosed {{ and an escaped one are no placeholders', () => {
  expect(hasPlaceholder('{{input.x')).toBe(false);
  expect(hasPlaceholder('\\{{input.x}}')).toBe(false);
});
