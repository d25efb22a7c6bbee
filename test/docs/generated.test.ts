/** Pages that are made from the code. `node scripts/generate-docs.mjs` writes them anew. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createModel } from '@countersign/llm';
import { loadTools } from '@countersign/tools';
import { expect, test } from 'vitest';
import { statesPage } from './states-page.ts';
import { toolsPage } from './tools-page.ts';

const page = (name: string): string => `../../docs/${name}`;

test('docs/states.md shows the lifecycles as they are', async () => {
  await expect(statesPage()).toMatchFileSnapshot(page('states.md'));
});

/** What the tools' examples name, so that the page shows what is said of files that are there. */
const FILES: Record<string, string> = {
  VERSION: '1.9.0\n',
  'README.md': '# A project\n',
  'docs/intro.md': 'What it is for.\n',
  'log.txt': 'begun\n',
  'package.json': '{}\n',
  'src/index.ts': 'export const version = 2;\n',
};

test('docs/tools.md shows the built-in tools as they are', async () => {
  const workspaceRoot = await mkdtemp(join(tmpdir(), 'tools-page-'));
  try {
    for (const [path, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(workspaceRoot, path)), { recursive: true });
      await writeFile(join(workspaceRoot, path), text);
    }
    // It is not asked anything.
    const languageModel = createModel({ apiKey: null, baseUrl: 'http://127.0.0.1:1/v1', model: 'gpt-4.1' });
    const { tools } = await loadTools({ workspaceRoot, shellCommands: { git: '/usr/bin/git' }, languageModel });
    await expect(await toolsPage([...tools.values()])).toMatchFileSnapshot(page('tools.md'));
  } finally {
    await rm(workspaceRoot, { recursive: true });
  }
});
