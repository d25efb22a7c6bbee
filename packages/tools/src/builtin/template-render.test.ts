import type { JsonObject } from '@countersign/shared';
import { expect, test } from 'vitest';
import { runTool } from '../../test/run-tool.ts';
import { templateRender } from './template-render.ts';

const render = async (template: string, data: JsonObject = {}) =>
  (await runTool<{ text: string }>(templateRender, { template, data })).text;

test.each([
  ['Hello [= name =]!', { name: 'Ann' }, 'Hello Ann!'],
  [
    '[% for f in files %]- [= f.path =]: [= f.size =]\n[% endfor %]',
    {
      files: [
        { path: 'a', size: 1 },
        { path: 'b', size: 2 },
      ],
    },
    '- a: 1\n- b: 2\n',
  ],
  ['[% if n > 1 %]many[% else %]few[% endif %]', { n: 2 }, 'many'],
  ['[= list =] [= object =]', { list: [1, 2], object: { a: true } }, '[1,2] {"a":true}'],
  ['<[= gone =][= none =][= nil =][= empty =]>', { none: null }, '<>'],
  ['[= text =]', { text: '<b> & "q"' }, '<b> & "q"'],
  ['[= names | join: ", " | upcase =]', { names: ['a', 'b'] }, 'A, B'],
  ['{{ kept }} [[1, 2]] {% kept %}', {}, '{{ kept }} [[1, 2]] {% kept %}'],
  ['[= quoted =]', { quoted: '[= name =]', name: 'no' }, '[= name =]'],
  ['plain', {}, 'plain'],
  ['[= zero =][= no =]', { zero: 0, no: false }, '0false'],
])('%j', async (template, data, text) => expect(await render(template, data as JsonObject)).toBe(text));

test.each([
  ['[= name', 'template: '],
  ['[% if x %]', 'template: '],
  ['[% unknown %]', 'unknown'],
  ['[= x | unknown =]', 'unknown'],
  ["[% include '/etc/passwd' %]", 'template: '],
  ["[% render './secret' %]", 'template: '],
  ["[% layout '../x' %]", 'template: '],
])('%s is refused', async (template, message) => {
  await expect(render(template)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('members that data only inherits are not there', async () => {
  expect(await render('[= list.constructor =][= o.__proto__ =][= o.toString =]', { list: [], o: {} })).toBe('');
});

test('a template that would run for hours is given up', async () => {
  const loops = `${'[% for a in list %]'.repeat(5)}x${'[% endfor %]'.repeat(5)}`;
  const list = Array.from({ length: 1_000 }, (_, at) => at);
  await expect(render(loops, { list })).rejects.toMatchObject({ code: 'limit_exceeded' });
});

test('a template that would fill the memory is given up', async () => {
  const doubling = '[% assign s = "xxxxxxxxxx" %][% for i in (1..60) %][% assign s = s | append: s %][% endfor %][= s =]';
  await expect(render(doubling)).rejects.toMatchObject({ code: 'limit_exceeded' });
  await expect(render('[% for i in (1..100000000000) %]x[% endfor %]')).rejects.toMatchObject({ code: 'limit_exceeded' });
});

test('data is an object of names', () => expect(templateRender.check({ template: '', data: [] })).toMatchObject({ ok: false }));
