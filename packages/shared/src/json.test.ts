import { describe, expect, test } from 'vitest';
import { byteLength, canonicalJson, digestOf, jsonDepth } from './json.ts';

describe('canonical JSON', () => {
  test('sorts keys by UTF-16 code units at every level', () => {
    expect(canonicalJson({ b: { d: 1, c: 2 }, a: [{ z: 1, y: 2 }] })).toBe('{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}');
    // U+1F600 is written with a surrogate (0xD83D), which sorts before U+FB33.
    expect(canonicalJson({ '\ufb33': 1, '\u{1f600}': 2, '\u20ac': 3, '\r': 4, '1': 5, '\u0080': 6, ö: 7 })).toBe(
      '{"\\r":4,"1":5,"\u0080":6,"ö":7,"€":3,"😀":2,"\ufb33":1}',
    );
  });

  test.each([
    [Number('333333333.33333329'), '333333333.3333333'],
    [1e30, '1e+30'],
    [4.5, '4.5'],
    [2e-3, '0.002'],
    [1e-27, '1e-27'],
    [-0, '0'],
    [1e21, '1e+21'],
    [9007199254740992, '9007199254740992'],
    ['€$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    [null, 'null'],
    [[], '[]'],
    [{}, '{}'],
  ])('%j reads %s', (value, text) => expect(canonicalJson(value)).toBe(text));

  test('leaves out members that are undefined, and reads holes in lists as null', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(canonicalJson([undefined, 1])).toBe('[null,1]');
    expect(canonicalJson(Array(2))).toBe('[null,null]');
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [10n], [() => 1], [Symbol('s')]])('refuses %s', (value) =>
    expect(() => canonicalJson([value])).toThrow(TypeError),
  );
});

test('a digest is the SHA-256 of the canonical text, whatever the order of keys', async () => {
  expect(await digestOf({})).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  expect(await digestOf({ a: 1, b: [2] })).toBe(await digestOf({ b: [2], a: 1 }));
  expect(await digestOf({ a: 1 })).not.toBe(await digestOf({ a: '1' }));
});

test('depth counts lists and objects', () => {
  expect(jsonDepth(1)).toBe(0);
  expect(jsonDepth([])).toBe(1);
  expect(jsonDepth({ a: [{}], b: 1 })).toBe(3);
});

test('depth stops counting beyond its limit, however deep the value', () => {
  let deep: unknown = [];
  for (let level = 1; level < 100_000; level++) deep = [deep];
  expect(jsonDepth(deep, 64)).toBe(65);
  expect(jsonDepth(deep)).toBe(100_000);
});

test('a length in bytes is that of UTF-8', () => expect(byteLength('a€😀')).toBe(8));
