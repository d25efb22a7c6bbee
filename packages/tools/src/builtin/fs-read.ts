import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, isPending, named, textOf } from '../effect-words.ts';
import { isBinary, readStart } from '../file-bytes.ts';
import { type Tool, ToolError } from '../tool.ts';
import { locate, type Workspace, withFile } from '../workspace.ts';

const DEFAULT_BYTES = 262_144;

const effectsIn = (workspace: Workspace) =>
  effectsOr('reads a file of the workspace', async ({ path: given, maxBytes }) => {
    const path = textOf(given);
    if (path === null) return 'reads a file of the workspace';
    if (isPending(path)) return `reads ${named(path)}`;
    try {
      const place = await locate(workspace, path);
      const size = await withFile(place, async (_file, bytes) => bytes);
      const most = typeof maxBytes === 'number' ? maxBytes : DEFAULT_BYTES;
      return size > most
        ? `reads the first ${counted(most, 'byte')} of ${named(place.path)} (${counted(size, 'byte')})`
        : `reads ${named(place.path)} (${counted(size, 'byte')})`;
    } catch (error) {
      return `reads ${named(path)}, which can't be read as things are: ${(error as Error).message}`;
    }
  });

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
      maxBytes: z.int().min(1).max(900_000).default(DEFAULT_BYTES),
    }),
    output: z.object({ path: z.string(), text: z.string(), bytes: z.int(), truncated: z.boolean() }),
    examples: [
      { text: 'read README.md', input: { path: 'README.md' } },
      { text: 'show me the contents of package.json', input: { path: 'package.json' } },
      { text: 'open src/index.ts', input: { path: 'src/index.ts' } },
      { text: 'what does the file docs/intro.md say', input: { path: 'docs/intro.md' } },
    ],
    effects: effectsIn(workspace),
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
