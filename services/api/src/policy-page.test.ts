/** The dry run that docs/policies.md shows, tried. */
import { openPolicy } from '@countersign/service';
import type { JsonObject } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { expect, test } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf } from '../../../test/docs/pages.ts';
import { collectingLogger, useApi } from '../test/running-api.ts';

const section = sectionOf(readPage('docs/policies.md'), '## Trying a policy');
const policy = await openPolicy({ POLICY_FILE: pathFromRoot('policies/careful.yaml') }, collectingLogger().logger);
policy.close();
const api = useApi({ policy });

test('the page shows what the policy of the project says of its plan', async () => {
  const { tools } = await loadTools({ workspaceRoot: pathFromRoot('') });
  await api.store.announceTools([...tools.values()].map(({ contract }) => contract));
  const [, sent = ''] = /-d '([^']*)'/.exec(codeBlocks(section, 'sh')[0] ?? '') ?? [];
  const { status, body } = await api.call('/v1/policy/test', { body: JSON.parse(sent) as JsonObject });
  expect(status).toBe(200);
  const [shown = ''] = codeBlocks(section, 'json');
  expect(body).toEqual(JSON.parse(shown));
});
