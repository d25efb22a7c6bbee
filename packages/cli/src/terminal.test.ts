import { expect, test } from 'vitest';
import { cut, duration, openTerminal, plainText, wrap } from './terminal.ts';

const stream = (isTTY: boolean, columns = 80) => ({ write: () => true, isTTY, columns });

test.each([
  ['a terminal', true, {}, true],
  ['a pipe', false, {}, false],
  ['NO_COLOR', true, { NO_COLOR: '1' }, false],
  ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
  ['TERM=dumb', true, { TERM: 'dumb' }, false],
  ['FORCE_COLOR on a pipe', false, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0', false, { FORCE_COLOR: '0' }, false],
])('%s: colours follow', (_name, isTTY, env, coloured) => {
  expect(openTerminal(stream(isTTY), env).paint('red', 'x') !== 'x').toBe(coloured);
});

test('the width is the terminal’s, 100 for a pipe, and never less than 20', () => {
  expect(openTerminal(stream(true, 57), {}).width).toBe(57);
  expect(openTerminal(stream(false, 57), {}).width).toBe(100);
  expect(openTerminal(stream(true, 3), {}).width).toBe(20);
});

test('escape sequences, line breaks and turned writing directions do not reach the terminal', () => {
  expect(plainText('ok\u001b[2K\r\nrm \u202e -rf\u200b\tall')).toBe('ok [2K rm -rf all');
});

test('text is broken between words, and inside a word that is too long', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('a abcdefgh b', 3)).toEqual(['a', 'abc', 'def', 'gh', 'b']);
  expect(wrap('', 5)).toEqual(['']);
  for (const line of wrap('some words of very different lengths and an incomprehensibility', 9)) expect(line.length).toBeLessThanOrEqual(9);
});

test('what is cut ends in dots and fits', () => {
  expect(cut('abcdefgh', 6)).toBe('abc...');
  expect(cut('abcdef', 6)).toBe('abcdef');
});

test('durations are for people', () => {
  expect([12.4, 1_500, 61_000].map(duration)).toEqual(['12 ms', '1.5 s', '1 min 1 s']);
});
