import { expect, test } from 'vitest';
import { isKnownBeforeStart, resolveKnown } from './known-references.ts';
import { referencesIn, resolveReferences } from './references.ts';

const scope = {
  input: { root: 'src', n: 3, list: [1, { deep: true }], none: null, quote: '{{input.root}} {{list.output}}' },
  task: { id: 'tsk_1', objective: 'count' },
};

test.each([
  ['{{input.n}}', 3],
  ['{{input.list}}', [1, { deep: true }]],
  ['{{ input.list[1].deep }}', true],
  ['{{input.gone}}', null],
  ['{{task.id}}', 'tsk_1'],
])('a lone placeholder that is known keeps its type: %s', (template, expected) => expect(resolveKnown(template, scope)).toEqual(expected));

test.each(['{{list.output.total}}', '{{list.status}}', '{{item}}', '{{item.name}}', '{{index}}', '{{own.approval.data}}'])(
  'what steps give, elements and decisions stay placeholders: %s',
  (template) => expect(resolveKnown(template, scope)).toBe(template),
);

test.each([
  ['{{input.root}}/{{list.output.name}}', 'src/{{list.output.name}}'],
  ['{{input.root}}/{{ item }}.txt', 'src/{{item}}.txt'],
  ['{{input.none}}{{index}}', '{{index}}'],
  ['{{list.output["a }} b"]}} of {{input.list}}', '{{list.output["a }} b"]}} of [1,{"deep":true}]'],
  ['\\{{input.n}} {{input.n}}', '{{input.n}} 3'],
  ['{{input.n}} and {{unclosed', '3 and {{unclosed'],
  ['{{}} {{input.n}}', '{{}} 3'],
])('in a longer text what is known is put in, and the rest stands as it was written: %s', (template, expected) =>
  expect(resolveKnown(template, scope)).toBe(expected),
);

test('what a value contains is not expanded', () => {
  expect(resolveKnown('{{input.quote}}', scope)).toBe('{{input.root}} {{list.output}}');
  expect(resolveKnown('> {{input.quote}}', scope)).toBe('> {{input.root}} {{list.output}}');
});

test('works at any depth of the values and not in the keys', () => {
  const value = { 'a {{input.n}}': [{ b: ['{{input.n}}', '{{item}}'] }], c: true, d: null };
  expect(resolveKnown(value, scope)).toEqual({ 'a {{input.n}}': [{ b: [3, '{{item}}'] }], c: true, d: null });
});

test('where all of it is known it is what resolving gives', () => {
  const value = { a: '{{input.n}}', b: ['x {{task.objective}} \\{{'], c: '{{input.gone}}' };
  expect(referencesIn(value).every(isKnownBeforeStart)).toBe(true);
  expect(resolveKnown(value, scope)).toEqual(resolveReferences(value, { ...scope, steps: new Map() }));
  expect(referencesIn('{{input.n}} {{list.output}}').every(isKnownBeforeStart)).toBe(false);
});
