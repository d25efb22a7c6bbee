import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pathFromRoot, readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('SECURITY.md');
const groups = [...sectionOf(page, '## Threats').matchAll(/^### .+$/gm)].map(([heading]) => heading);
const threats = groups.flatMap((heading) =>
  tableRows(sectionOf(page, heading)).map(([threat = '', answer = '', code = '', tests = '', rest = '']) => ({
    threat,
    answer,
    rest,
    // A cell with one file has lost its backticks on the way.
    code: code.split('<br>').map((file) => file.replaceAll('`', '')),
    tests: tests.split('<br>').map((file) => file.replaceAll('`', '')),
  })),
);

test('SECURITY.md says of each threat how it is met and what remains', () => {
  expect(threats.length).toBeGreaterThan(25);
  expect(threats.filter(({ threat, answer, rest }) => [threat, answer, rest].some((text) => text.length < 10))).toEqual([]);
});

test('SECURITY.md names code that is there', () => {
  const gone = threats.flatMap(({ code }) => code).filter((file) => !existsSync(pathFromRoot(file)));
  expect(gone).toEqual([]);
});

test('SECURITY.md names files of tests that are there and hold tests', () => {
  const files = threats.flatMap(({ tests }) => tests);
  expect(files.filter((file) => !file.endsWith('.test.ts') || !existsSync(pathFromRoot(file)))).toEqual([]);
  expect(files.filter((file) => !/^\s*(test|it)(\.each)?\(/m.test(readPage(file)))).toEqual([]);
});
