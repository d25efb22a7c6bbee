import { extname } from 'node:path';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr } from '../effect-words.ts';
import { isBinary, readPieces } from '../file-bytes.ts';
import { fileProgress } from '../file-progress.ts';
import { type Tool, throwIfAborted } from '../tool.ts';
import { walkFields, walkFiles } from '../walk.ts';
import { walkWords } from '../walk-words.ts';
import { locate, type Place, type Workspace, withFile } from '../workspace.ts';

const LARGEST = 10;
const NEWLINE = 10;
const NO_EXTENSION = '(none)';

const counts = { files: z.int(), lines: z.int(), bytes: z.int() };

/** Counts what is there, not what a listing said: a file may have grown since. */
async function countFile(place: Place, signal: AbortSignal): Promise<{ lines: number; bytes: number; binary: boolean }> {
  return withFile(place, async (file) => {
    let lines = 0;
    let bytes = 0;
    let binary = false;
    for await (const piece of readPieces(file, signal)) {
      if (bytes === 0) binary = isBinary(piece);
      bytes += piece.length;
      for (let at = piece.indexOf(NEWLINE); at !== -1; at = piece.indexOf(NEWLINE, at + 1)) lines++;
    }
    return { lines, bytes, binary };
  });
}

export const fsStats = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.stats',
    description:
      'Counts files, lines and bytes by reading the files: those below a folder of the workspace (optionally only those that a glob matches), or exactly the ' +
      '`files` given. Lines are newline characters, as `wc -l` counts them, in every file. Gives {files, lines, bytes, binaryFiles, ' +
      'byExtension: {ts: {files, lines, bytes}, ...}, largest: the 10 biggest [{path, bytes, lines}]}; files without an extension stand under "(none)". ' +
      'Leaves out .git, node_modules and what .gitignore names.',
    risk: 'read',
    timeoutMs: 120_000,
    input: z
      .strictObject({
        ...walkFields,
        files: z
          .array(z.union([z.string().min(1).max(4_096), z.object({ path: z.string().min(1).max(4_096) })]))
          .max(10_000)
          .optional()
          .describe('Count these files instead of walking: paths, or the `files` of fs.list as they are.'),
      })
      .refine(({ files, pattern }) => files === undefined || pattern === undefined, {
        path: ['pattern'],
        message: 'give either `files` or `pattern`, not both',
      }),
    output: z.object({
      ...counts,
      binaryFiles: z.int(),
      byExtension: z.record(z.string(), z.object(counts)),
      largest: z.array(z.object({ path: z.string(), bytes: z.int(), lines: z.int() })),
    }),
    examples: [
      { text: 'count files and lines', input: {} },
      { text: 'how many lines of code are there in src', input: { path: 'src' } },
      { text: 'count the lines of all TypeScript files', input: { pattern: '*.ts' } },
      { text: 'which are the largest files in the repository', input: { path: '.' } },
      { text: 'how big is the folder docs', input: { path: 'docs' } },
      { text: 'statistics of the code by language', input: {} },
    ],
    effects: effectsOr('counts files of the workspace', async (input, ctx) => {
      const { files } = input;
      if (Array.isArray(files)) return `counts the lines of ${counted(files.length, 'file')}`;
      if (files !== undefined) return 'counts the lines of the files that earlier steps give';
      return `counts the lines of ${await walkWords(workspace, input, ctx.signal)}`;
    }),
    async run(input, ctx) {
      const places: Place[] = [];
      if (input.files === undefined) for await (const file of walkFiles(workspace, input, ctx.signal)) places.push(file);
      else for (const file of input.files) places.push(await locate(workspace, typeof file === 'string' ? file : file.path));

      const total = { files: 0, lines: 0, bytes: 0 };
      const byExtension = new Map<string, typeof total>();
      let binaryFiles = 0;
      let largest: { path: string; bytes: number; lines: number }[] = [];
      const report = fileProgress(ctx, places.length, 'counted');
      for (const place of places) {
        throwIfAborted(ctx.signal);
        const { lines, bytes, binary } = await countFile(place, ctx.signal);
        const extension = extname(place.path).slice(1).toLowerCase() || NO_EXTENSION;
        const group = byExtension.get(extension) ?? { files: 0, lines: 0, bytes: 0 };
        byExtension.set(extension, group);
        for (const sum of [total, group]) {
          sum.files++;
          sum.lines += lines;
          sum.bytes += bytes;
        }
        if (binary) binaryFiles++;
        largest = [...largest, { path: place.path, bytes, lines }].sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST);
        report(total.files);
      }
      const groups = [...byExtension].sort(([a], [b]) => (a < b ? -1 : 1));
      return { ...total, binaryFiles, byExtension: Object.fromEntries(groups), largest };
    },
  });
