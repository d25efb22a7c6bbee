import { ERRORS, ISSUE_CODES, STEP_ERROR_CODES } from '@countersign/shared';
import { expect, test } from 'vitest';
import { readPage, sectionOf, tableRows } from './pages.ts';

const rows = (heading: string): string[][] => tableRows(sectionOf(readPage('docs/errors.md'), heading));
const codes = (heading: string): string[] => rows(heading).map(([code = '']) => code);

test('docs/errors.md lists exactly the errors of the API, with their status and whether to try again', () => {
  expect(rows('## Errors of the API').map(([code, status, again]) => [code, status, again])).toEqual(
    Object.entries(ERRORS).map(([code, { status, retryable }]) => [code, String(status), retryable ? 'yes' : 'no']),
  );
});

test('docs/errors.md says of every error of the API what the registry says', () => {
  for (const [code = '', , , meaning] of rows('## Errors of the API')) expect(meaning).toBe(ERRORS[code as keyof typeof ERRORS].meaning);
});

test('docs/errors.md lists exactly the codes of a step’s error', () => {
  expect(codes('## Errors of a step')).toEqual([...STEP_ERROR_CODES]);
});

test('docs/errors.md lists exactly the codes of a plan’s issues', () => {
  expect(codes('## Issues of a plan')).toEqual([...ISSUE_CODES]);
});

test('every row says what it means and what to do', () => {
  for (const heading of ['## Errors of the API', '## Errors of a step', '## Issues of a plan'])
    for (const row of rows(heading)) expect(row.filter((cell) => cell.length < 2)).toEqual([]);
});
