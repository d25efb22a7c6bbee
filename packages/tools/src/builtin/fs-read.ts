import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { isBinary, readStart } from '../file-bytes.ts';
import { type Tool, ToolError } from '../tool.ts';
import { locate, type Workspace, withFile } from '../workspace.ts';

export const fsRead = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.read',
    description:
      'Reads a text file of the workspace (UTF-8). Gives {path, text, bytes, truncated}: `bytes` is the size of the whole file, ' +
      'and `truncated` says that `text` holds only its first `maxBytes`. Refuses folders and binary files.',
    risk: 'read',
    timeoutMs: 30_000,
    input: z.strictObject({
      path: z.string().min(1).max(4_096).describe('From the workspace root, like `docs/intro.md`.'),
      maxBytes: z.int().min(1).max(900_000).default(262_144),
    }),
    output: z.object({ path: z.string(), text: z.string(), bytes: z.int(), truncated: z.boolean() }),
    examples: [
      { text: 'read README.md', input: { path: 'README.md' } },
      { text: 'show me the contents of package.json', input: { path: 'package.json' } },
      { text: 'open src/index.ts', input: { path: 'src/index.ts' } },
      { text: 'what does the file docs/intro.md say', input: { path: 'docs/intro.md' } },
    ],
    async run({ path, maxBytes }, ctx) {
      const place = await locate(workspace, path);
      return withFile(place, async (file, size) => {
        const start = await readStart(file, ctx.signal, maxBytes);
        if (isBinary(start)) throw new ToolError('invalid_input', `${JSON.stringify(place.path)} is a binary file; fs.read reads text`);
        const bytes = Math.max(size, start.length);
        const truncated = bytes > start.length;
        // In stream mode a character that the cut went through is left out instead of garbled.
        const text = new TextDecoder().decode(start, { stream: truncated });
        return { path: place.path, text, bytes, truncated };
      });
    },
  });
