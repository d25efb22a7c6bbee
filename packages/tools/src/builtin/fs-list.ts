import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { effectsOr } from '../effect-words.ts';
import type { Tool } from '../tool.ts';
import { walkFields, walkFiles } from '../walk.ts';
import { walkWords } from '../walk-words.ts';
import type { Workspace } from '../workspace.ts';

const PROGRESS_EVERY = 2_000;

export const fsList = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.list',
    description:
      'Lists the files in a folder of the workspace, with their sizes in bytes, subfolders included. Gives {path, files: [{path, size}], total, truncated}; ' +
      'the paths start at the workspace root, so that other fs tools take them as they are. `total` counts all, also beyond `maxFiles`. ' +
      'Leaves out .git, node_modules and what .gitignore names. Symbolic links are not followed.',
    risk: 'read',
    timeoutMs: 60_000,
    input: z.strictObject({
      ...walkFields,
      recursive: z.boolean().default(true).describe('false: only the files right in the folder'),
      maxFiles: z.int().min(1).max(8_000).default(2_000).describe('How many files are listed; `total` counts them all.'),
    }),
    output: z.object({
      path: z.string(),
      files: z.array(z.object({ path: z.string(), size: z.int() })),
      total: z.int(),
      truncated: z.boolean(),
    }),
    examples: [
      { text: 'list the files in src', input: { path: 'src' } },
      { text: 'list all files', input: {} },
      { text: 'which markdown files are there in docs', input: { path: 'docs', pattern: '*.md' } },
      { text: 'show me what is in the folder packages/shared, without subfolders', input: { path: 'packages/shared', recursive: false } },
      { text: 'find all TypeScript files', input: { pattern: '*.ts' } },
      { text: 'find the file package.json', input: { pattern: 'package.json' } },
    ],
    effects: effectsOr('lists files of the workspace', async (input, ctx) => `lists ${await walkWords(workspace, input, ctx.signal)}`),
    async run(input, ctx) {
      const files: { path: string; size: number }[] = [];
      let total = 0;
      for await (const { path, size } of walkFiles(workspace, input, ctx.signal)) {
        total++;
        if (files.length < input.maxFiles) files.push({ path, size });
        if (total % PROGRESS_EVERY === 0) ctx.progress(null, `found ${total} files`);
      }
      return { path: input.path, files, total, truncated: total > files.length };
    },
  });
