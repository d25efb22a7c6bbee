import { expect, test } from 'vitest';
import { globMatcher } from './glob.ts';

test.each([
  ['*.ts', 'a.ts', true],
  ['*.ts', 'src/deep/a.ts', true],
  ['*.ts', 'a.tsx', false],
  ['./*.ts', 'src/a.ts', true],
  ['*', '.hidden', true],
  ['src/*.ts', 'src/a.ts', true],
  ['src/*.ts', 'src/deep/a.ts', false],
  ['src/*.ts', 'lib/src/a.ts', false],
  ['src/**', 'src/deep/.x', true],
  ['src/**/*.ts', 'src/a.ts', true],
  ['src/**/*.ts', 'src/a/b/c.ts', true],
  ['src/**/*.ts', 'lib/a.ts', false],
  ['**/test/*.js', 'test/a.js', true],
  ['**/test/*.js', 'a/b/test/a.js', true],
  ['**/test/*.js', 'a/btest/a.js', false],
  ['*.{js,ts}', 'a.js', true],
  ['*.{js,ts}', 'a.md', false],
  ['{src,lib}/**/*.js', 'lib/x/a.js', true],
  ['file?.txt', 'file1.txt', true],
  ['file?.txt', 'file12.txt', false],
  ['file[0-3].txt', 'file2.txt', true],
  ['file[0-3].txt', 'file7.txt', false],
  ['[^a]*', 'b', true],
  ['[^a]*', 'a', false],
  ['[id].tsx', 'app/[id].tsx', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['!*.ts', 'a.js', false],
  ['+(a).js', 'aa.js', false],
  ['a.b', 'axb', false],
  ['new\nline*', 'new\nline.txt', true],
])('%j and %j: %s', (pattern, path, expected) => expect(globMatcher(pattern)(path)).toBe(expected));

test('a pattern over which a backtracking engine would take hours ends', () => {
  expect(globMatcher(`${'*a'.repeat(40)}b`)('a'.repeat(255))).toBe(false);
  expect(globMatcher(`${'**/a*/'.repeat(20)}b`)(`${'a/'.repeat(200)}c`)).toBe(false);
  expect(globMatcher('+(+(a)|+(aa))b')('a'.repeat(255))).toBe(false);
});
