import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileSchema } from '@countersign/tools';
import { expect, test } from 'vitest';
import { codeBlocks, sectionOf, tableRows } from '../../../test/docs/pages.ts';
import { rolesFor } from './access.ts';
import { OPERATIONS } from './operations.ts';

const page = readFileSync(fileURLToPath(new URL('../../../docs/api.md', import.meta.url)), 'utf8');

test('docs/api.md lists exactly the calls that change something, with their roles and when they are possible', () => {
  const changing = OPERATIONS.filter(({ method, access }) => method !== 'get' && access !== 'read');
  const expected = changing.map(({ method, path, access, possible = 'always' }) => [
    `${method.toUpperCase()} ${path}`,
    rolesFor(access)
      .filter((role) => role !== 'admin')
      .join(', ') || 'admin',
    possible,
  ]);
  expect(tableRows(page)).toEqual(expected);
});

test('the issues that docs/api.md shows are those of such a schema', () => {
  const [shown = ''] = codeBlocks(sectionOf(page, '## Gates'), 'json');
  const schema = { properties: { tags: { items: { enum: ['a', 'b'] } } }, required: ['version'] };
  const issues = compileSchema(schema, { field: 'schema', untrusted: true }).issues({ tags: ['a', 'c'] }, 'data');
  expect((JSON.parse(shown) as { issues: unknown[] }).issues).toEqual(issues);
});
