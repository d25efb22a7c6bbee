import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { counted, effectsOr, isPending, named, refusedWords, textOf } from '../effect-words.ts';
import { isBinary, readStart } from '../file-bytes.ts';
import { appendBytes, fileAt, placeToWrite, writeWhole } from '../file-writing.ts';
import { changeText } from '../line-change.ts';
import { type Tool, throwIfAborted } from '../tool.ts';
import { type Place, type Workspace, withFile } from '../workspace.ts';

/** A file that is larger is only counted in a dry run. */
const MAX_COMPARED_BYTES = 1_000_000;

const input = z
  .strictObject({
    path: z.string().min(1).max(4_096).describe('From the workspace root, like `reports/audit.md`.'),
    text: z.string(),
    append: z.boolean().default(false).describe('Add to the end of the file. A step that is retried adds again.'),
    overwrite: z.boolean().default(false),
  })
  .refine(({ append, overwrite }) => !(append && overwrite), {
    path: ['append'],
    message: 'give either `append` or `overwrite`, not both',
  });

interface Change {
  path: string;
  action: 'creates' | 'replaces' | 'appends to' | 'leaves as it is' | 'is refused';
  /** sizes of the file; null where there is none */
  bytesBefore: number | null;
  bytesAfter: number | null;
  /** null where there is nothing to show, or it is not text */
  change: string | null;
}

const textAt = (place: Place, signal: AbortSignal): Promise<string | null> =>
  withFile(place, async (file, size) => {
    if (size > MAX_COMPARED_BYTES) return null;
    const bytes = await readStart(file, signal, MAX_COMPARED_BYTES);
    return isBinary(bytes) ? null : bytes.toString('utf8');
  });

async function changeOf(
  workspace: Workspace,
  { path, text, append, overwrite }: z.output<typeof input>,
  signal: AbortSignal,
): Promise<Change> {
  const place = await placeToWrite(workspace, path);
  const found = await fileAt(place);
  const bytes = Buffer.byteLength(text);
  if (found === null) return { path: place.path, action: 'creates', bytesBefore: null, bytesAfter: bytes, change: changeText('', text) };
  const change = { path: place.path, bytesBefore: found.bytes };
  if (append) return { ...change, action: 'appends to', bytesAfter: found.bytes + bytes, change: changeText('', text) };
  const before = await textAt(place, signal);
  if (before === text) return { ...change, action: 'leaves as it is', bytesAfter: found.bytes, change: null };
  const differs = before === null ? null : changeText(before, text);
  if (overwrite) return { ...change, action: 'replaces', bytesAfter: bytes, change: differs };
  return { ...change, action: 'is refused', bytesAfter: found.bytes, change: differs };
}

const effectsIn = (workspace: Workspace) =>
  effectsOr('writes a file of the workspace', async ({ path: given, text, append, overwrite }, { signal }) => {
    const path = textOf(given);
    if (path === null) return 'writes a file of the workspace';
    const verb = append === true ? 'appends to' : overwrite === true ? 'writes or replaces' : 'writes';
    const added = typeof text === 'string' && !isPending(text) ? counted(Buffer.byteLength(text), 'byte') : 'what earlier steps give';
    if (isPending(path)) return `${verb} ${named(path)}: ${added}`;
    let place: Place;
    let found: Awaited<ReturnType<typeof fileAt>>;
    try {
      place = await placeToWrite(workspace, path);
      found = await fileAt(place);
    } catch (error) {
      return refusedWords(`writes ${named(path)}`, error);
    }
    const where = named(place.path);
    if (found === null) return `creates ${where} with ${added}`;
    const there = `${where} (${counted(found.bytes, 'byte')})`;
    if (append === true) return `appends ${added} to ${there}`;
    if (overwrite === true) return `replaces ${there} by ${added}`;
    if (typeof text !== 'string' || isPending(text)) return `writes ${where}; refused where ${there} holds other text than ${added}`;
    const same = Buffer.byteLength(text) === found.bytes && (await textAt(place, signal)) === text;
    return same
      ? `leaves ${there} as it is: it holds this text`
      : `is refused as things are: ${there} holds other text, and is not to be replaced`;
  });

export const fsWrite = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.write',
    description:
      'Writes a text file (UTF-8) in the workspace and makes the folders it needs. A file that exists with other content is refused, unless `overwrite` ' +
      'replaces it (in one move: nobody sees half a file) or `append` adds the text at its end. Gives {path, bytes, digest} of the file as it is then; ' +
      'the digest is `sha256:` and hex. Nothing in .git is written.',
    risk: 'write',
    // Appending twice adds twice.
    idempotent: false,
    timeoutMs: 30_000,
    input,
    output: z.object({ path: z.string(), bytes: z.int(), digest: z.string() }),
    examples: [
      { text: 'write "hello" to notes.txt', input: { path: 'notes.txt', text: 'hello' } },
      { text: 'save the report as reports/audit.md', input: { path: 'reports/audit.md', text: '{{report.output.text}}' } },
      { text: 'append "done" to log.txt', input: { path: 'log.txt', text: 'done', append: true } },
      { text: 'replace VERSION with 2.0.0', input: { path: 'VERSION', text: '2.0.0', overwrite: true } },
    ],
    effects: effectsIn(workspace),
    dryRun: (request, { signal }) => changeOf(workspace, request, signal),
    async run({ path, text, append, overwrite }, { signal }) {
      throwIfAborted(signal);
      const place = await placeToWrite(workspace, path);
      const bytes = Buffer.from(text, 'utf8');
      const { sha256, ...written } = append
        ? await appendBytes(place, bytes, signal)
        : await writeWhole(place, [bytes], { overwrite, signal });
      return { ...written, digest: `sha256:${sha256}` };
    },
  });
