import type { Json } from '@countersign/shared';
import { expect, test } from 'vitest';
import { contextWith, reviewContext, runTool } from '../../test/run-tool.ts';
import { runJsonata } from '../jsonata-query.ts';
import { dataQuery } from './data-query.ts';

const FOREVER = '($loop := function($n) { $loop($n) }; $loop(1))';
const query = (text: string, data: Json = {}) => runTool(dataQuery, { query: text, data });

test.each([
  ['$sum(items.price)', { items: [{ price: 1.5 }, { price: 2 }] }, 3.5],
  [
    'files[size > 1].path',
    {
      files: [
        { path: 'a', size: 1 },
        { path: 'b', size: 2 },
        { path: 'c', size: 3 },
      ],
    },
    ['b', 'c'],
  ],
  ['files[size > 1].path[]', { files: [{ path: 'b', size: 2 }] }, ['b']],
  ['{"n": $count(x)}', { x: [1, 2] }, { n: 2 }],
  ['gone.further', {}, null],
  ['$', [1, [2], { a: null }], [1, [2], { a: null }]],
  ['$[[0..1]]', [5, 6, 7], [5, 6]],
  ['1 + 1', null, 2],
  ['{"f": function($x) { $x }, "n": 1}', null, { n: 1 }],
])('%s', async (text, data, expected) => expect(await query(text, data)).toEqual(expected));

test.each([
  ['files[', 'query: '],
  ['a b', 'position'],
  ['', 'query: '],
])('%j is refused: it cannot be read', async (text, message) => {
  await expect(query(text)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining(message) });
});

test('data is needed', () =>
  expect(dataQuery.check({ query: '$' })).toMatchObject({ ok: false, message: expect.stringContaining('data') }));

test.each([
  ['$sum("text")', 'failed'],
  ['$nofunction()', 'failed'],
  ['function($x) { $x }', 'function'],
  ['$sum', 'function'],
  ['$error("mine")', 'mine'],
])('%s fails for good', async (text, message) => {
  await expect(query(text)).rejects.toMatchObject({ code: 'tool_error', retryable: false, message: expect.stringContaining(message) });
});

test('a query without end is given up, and nothing else waits for it', async () => {
  const endless = runJsonata({ query: FOREVER, data: null, signal: contextWith().signal, timeLimitMs: 300 });
  const given = expect(endless).rejects.toMatchObject({ code: 'timeout', retryable: false, message: expect.stringContaining('300 ms') });
  expect(await query('1')).toBe(1);
  await given;
});

test('a query without end stops when the step is aborted', async () => {
  const controller = new AbortController();
  const running = runTool(dataQuery, { query: FOREVER, data: 1 }, { signal: controller.signal });
  setImmediate(() => controller.abort());
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
});

test('a query that eats memory fails alone', async () => {
  const text = '($grow := function($s) { $grow($s & $s & "x") }; $grow("x"))';
  await expect(query(text)).rejects.toMatchObject({ code: expect.stringMatching(/tool_error|timeout/), retryable: false });
});

test('a query sees no environment of the executor', async () => {
  await expect(query('$eval("process.env")')).resolves.toBeNull();
});

test.each([
  [{ query: '$sum(items.price)', data: {} }, 'works out "$sum(items.price)" and changes nothing'],
  [{ query: '(\n $a := 1;\n $a\n)', data: {} }, 'works out a query of 17 characters and changes nothing'],
  [{ query: `$count(${'x'.repeat(1_200)})`, data: {} }, 'works out a query of 1,208 characters and changes nothing'],
  [{ query: 7, data: {} }, 'works on data and changes nothing'],
])('what it says before it is run: %j', async (input, words) => expect(await dataQuery.effects?.(input, reviewContext())).toBe(words));
