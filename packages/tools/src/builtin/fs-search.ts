import { setImmediate as nextTurn } from 'node:timers/promises';
import { RE2JS, RE2JSException } from 're2js';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { effectsOr, quoted, textOf } from '../effect-words.ts';
import { isBinary, readStart } from '../file-bytes.ts';
import { fileProgress } from '../file-progress.ts';
import { type Tool, ToolError, throwIfAborted } from '../tool.ts';
import { type WalkedFile, walkFields, walkFiles } from '../walk.ts';
import { walkWords } from '../walk-words.ts';
import { type Workspace, withFile } from '../workspace.ts';

/** Bigger files are data, not something to read lines of; they are counted in `skipped`. */
const MAX_FILE_BYTES = 16_000_000;
const MAX_LINE_LENGTH = 400;
/** Lines between two looks at the signal: matching is plain computing, and others need the thread too. */
const LINES_A_TURN = 2_000;

/** A regular expression runs in RE2, whose time grows with the text alone: no pattern can hang an executor. */
function lineMatcher({ query, regex, ignoreCase }: { query: string; regex: boolean; ignoreCase: boolean }): (line: string) => boolean {
  if (!regex && !ignoreCase) return (line) => line.includes(query);
  if (!regex) {
    const wanted = query.toLowerCase();
    return (line) => line.toLowerCase().includes(wanted);
  }
  try {
    const pattern = RE2JS.compile(query, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    return (line) => pattern.test(line);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    throw new ToolError(
      'invalid_input',
      `query: not a regular expression in RE2 syntax (it has no lookaround and no backreferences): ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/** The text of a file; null for one that is binary or too big. */
const readText = (file: WalkedFile, signal: AbortSignal): Promise<string | null> =>
  withFile(file, async (handle, size) => {
    if (size > MAX_FILE_BYTES) return null;
    const bytes = await readStart(handle, signal, MAX_FILE_BYTES);
    return isBinary(bytes) ? null : bytes.toString('utf8');
  });

/** The newline at the end of a file ends its last line; it does not begin another one. */
const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/));

export const fsSearch = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.search',
    description:
      'Searches the lines of text files in the workspace for a text, or with `regex: true` for a regular expression (RE2 syntax). ' +
      'Gives {matches: [{path, line, text}], files, total, truncated, skipped}: `line` counts from 1, a long text is cut, `files` is how many files have a match, ' +
      '`total` how many lines match, also beyond `maxMatches`; `skipped` counts binary files and files over 16 MB. ' +
      'Leaves out .git, node_modules and what .gitignore names.',
    risk: 'read',
    timeoutMs: 120_000,
    input: z.strictObject({
      query: z.string().min(1).max(1_000).describe('What a line must contain.'),
      regex: z.boolean().default(false).describe('Whether `query` is a regular expression.'),
      ignoreCase: z.boolean().default(false),
      ...walkFields,
      maxMatches: z.int().min(1).max(1_500).default(200).describe('How many matches are listed; `total` counts them all.'),
    }),
    output: z.object({
      matches: z.array(z.object({ path: z.string(), line: z.int(), text: z.string() })),
      files: z.int(),
      total: z.int(),
      truncated: z.boolean(),
      skipped: z.int(),
    }),
    examples: [
      { text: 'find all TODO comments', input: { query: 'TODO' } },
      { text: 'search for "fetch(" in src', input: { query: 'fetch(', path: 'src' } },
      { text: 'where is createPlan used', input: { query: 'createPlan' } },
      { text: 'grep the markdown files for redis, whatever the case', input: { query: 'redis', pattern: '*.md', ignoreCase: true } },
      {
        text: 'find the exported functions in the TypeScript files',
        input: { query: '^export (async )?function', regex: true, pattern: '*.ts' },
      },
    ],
    effects: effectsOr('reads the text of files of the workspace', async (input, ctx) => {
      const query = textOf(input.query);
      const wanted = query === null ? '' : `, for ${quoted(query, 60)}`;
      return `reads the text of ${await walkWords(workspace, input, ctx.signal)}${wanted}`;
    }),
    async run(input, ctx) {
      const matchesLine = lineMatcher(input);
      const found: WalkedFile[] = [];
      for await (const file of walkFiles(workspace, input, ctx.signal)) found.push(file);
      const matches: { path: string; line: number; text: string }[] = [];
      let [files, total, skipped, seen] = [0, 0, 0, 0];
      const report = fileProgress(ctx, found.length, 'searched');
      for (const [index, file] of found.entries()) {
        throwIfAborted(ctx.signal);
        const text = await readText(file, ctx.signal);
        if (text === null) skipped++;
        const before = total;
        for (const [at, line] of linesOf(text ?? '').entries()) {
          if (++seen % LINES_A_TURN === 0) {
            await nextTurn();
            throwIfAborted(ctx.signal);
          }
          if (!matchesLine(line)) continue;
          total++;
          if (matches.length < input.maxMatches) matches.push({ path: file.path, line: at + 1, text: line.slice(0, MAX_LINE_LENGTH) });
        }
        if (total > before) files++;
        report(index + 1);
      }
      return { matches, files, total, truncated: total > matches.length, skipped };
    },
  });
