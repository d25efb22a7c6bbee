import { expect, test } from 'vitest';
import { fitsAny, fitsPattern } from './pattern.ts';

test.each([
  ['fs.read', 'fs.read', true],
  ['fs.read', 'fs.reads', false],
  ['fs.read', 'fs.rea', false],
  ['fs.read', '*', true],
  ['', '*', true],
  ['', '', true],
  ['fs.read', '', false],
  ['fs.read', 'fs.*', true],
  ['fs.', 'fs.*', true],
  ['afs.read', 'fs.*', false],
  ['mcp.git.push', '*.push', true],
  ['mcp.git.pushed', '*.push', false],
  ['mcp.git.push', 'mcp.*.*', true],
  ['aXbXc', 'a*X*c', true],
  ['abab', '*ab', true],
  ['fsxread', 'fs.read', false],
  ['a+b', 'a+b', true],
])('%j fits %j: %j', (name, pattern, fits) => {
  expect(fitsPattern(name, pattern)).toBe(fits);
});

test('a name fits a list where it fits one of it', () => {
  expect(fitsAny('b', ['a', 'b*'])).toBe(true);
  expect(fitsAny('b', [])).toBe(false);
});

test('a hostile pattern takes no time', () => {
  expect(fitsPattern('a'.repeat(128), `${'a*'.repeat(100)}b`)).toBe(false);
});
