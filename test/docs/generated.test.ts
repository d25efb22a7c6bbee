/** Pages that are made from the code. `node scripts/generate-docs.mjs` writes them anew. */
import { tmpdir } from 'node:os';
import { loadTools } from '@countersign/tools';
import { expect, test } from 'vitest';
import { statesPage } from './states-page.ts';
import { toolsPage } from './tools-page.ts';

const page = (name: string): string => `../../docs/${name}`;

test('docs/states.md shows the lifecycles as they are', async () => {
  await expect(statesPage()).toMatchFileSnapshot(page('states.md'));
});

test('docs/tools.md shows the built-in tools as they are', async () => {
  const { tools } = await loadTools({ workspaceRoot: tmpdir() });
  await expect(toolsPage([...tools.values()].map(({ contract }) => contract))).toMatchFileSnapshot(page('tools.md'));
});
