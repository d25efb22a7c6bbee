/** The page about reliability against the harness. */
import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../faults/faults.ts';
import { readPage, sectionOf, tableRows } from './pages.ts';

test('the table of faults has every kind, and nothing else', () => {
  const rows = tableRows(sectionOf(readPage('docs/reliability.md'), '## How it is tested'));
  const documented = rows.map(([kind]) => kind);
  expect(documented.sort()).toEqual([...FAULT_KINDS].sort());
});
