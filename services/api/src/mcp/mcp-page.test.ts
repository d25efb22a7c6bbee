import { expect, test } from 'vitest';
import { readPage, sectionOf, tableRows } from '../../../../test/docs/pages.ts';
import { ANSWER_CHARACTERS } from './answer-size.ts';
import { MCP_TOOLS } from './tools.ts';

const page = sectionOf(readPage('docs/mcp.md'), '### The tools');

test('docs/mcp.md lists exactly the tools that there are, with what each calls', () => {
  const expected = MCP_TOOLS.map(({ definition, operation }) => [definition.name, `${operation.method.toUpperCase()} ${operation.path}`]);
  expect(
    tableRows(page)
      .map(([tool, calls]) => [tool, calls])
      .sort(),
  ).toEqual(expected.sort());
});

test('docs/mcp.md names the limit of answers', () => {
  expect(page).toContain(`${ANSWER_CHARACTERS.toLocaleString('en-US')} characters`);
});
