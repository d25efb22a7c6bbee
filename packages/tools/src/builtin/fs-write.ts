import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { readPieces } from '../file-bytes.ts';
import { type Tool, ToolError, throwIfAborted } from '../tool.ts';
import { errorCode, fileError, locate, type Place, type Workspace, withFile } from '../workspace.ts';

interface Written {
  /** the size of the file */
  bytes: number;
  digest: string;
}

const digestOfBytes = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const readDigest = (place: Place, signal: AbortSignal): Promise<Written> =>
  withFile(place, async (file) => {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of readPieces(file, signal)) {
      hash.update(piece);
      bytes += piece.length;
    }
    return { bytes, digest: `sha256:${hash.digest('hex')}` };
  });

/** The permissions of the file at a place; null where there is none. */
async function modeAt(place: Place): Promise<number | null> {
  try {
    const stats = await lstat(place.absolute);
    if (stats.isFile()) return stats.mode & 0o777;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  throw new ToolError('invalid_input', `${JSON.stringify(place.path)} is not a regular file, so it can't be written`);
}

/** Writes beside the file and moves it into place: whoever reads sees the old text or the new one, never half of it. */
async function replaceFile(
  place: Place,
  bytes: Uint8Array,
  { overwrite, signal }: { overwrite: boolean; signal: AbortSignal },
): Promise<Written> {
  const mode = await modeAt(place);
  const written = { bytes: bytes.length, digest: digestOfBytes(bytes) };
  if (mode !== null && !overwrite) {
    await refuseOther(place, written, signal);
    return written;
  }
  const temporary = join(dirname(place.absolute), `.${basename(place.absolute).slice(0, 100)}.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (mode !== null) await chmod(temporary, mode);
    throwIfAborted(signal);
    if (overwrite) await rename(temporary, place.absolute);
    // Unlike a rename, a link refuses a file that somebody else made meanwhile.
    else await link(temporary, place.absolute);
  } catch (error) {
    if (overwrite || errorCode(error) !== 'EEXIST') throw error;
    await refuseOther(place, written, signal);
  } finally {
    await rm(temporary, { force: true });
  }
  return written;
}

/** An attempt that is repeated finds its own file: the same content is no conflict. */
async function refuseOther(place: Place, written: Written, signal: AbortSignal): Promise<void> {
  if ((await readDigest(place, signal)).digest !== written.digest)
    throw new ToolError('invalid_input', `${JSON.stringify(place.path)} exists with other content; set overwrite: true to replace it`);
}

async function appendFile(place: Place, bytes: Uint8Array, signal: AbortSignal): Promise<Written> {
  await modeAt(place);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  const file = await open(place.absolute, flags, 0o666);
  try {
    // One write at the end of the file: what several steps append at once does not mix.
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return readDigest(place, signal);
}

function refuseGit(place: Place): void {
  if (place.path.split('/').some((part) => part.toLowerCase() === '.git'))
    throw new ToolError('invalid_input', `${JSON.stringify(place.path)} lies in .git, whose hooks git would run; it is not written to`);
}

export const fsWrite = (workspace: Workspace): Tool =>
  defineTool({
    name: 'fs.write',
    description:
      'Writes a text file (UTF-8) in the workspace and makes the folders it needs. A file that exists with other content is refused, unless `overwrite` ' +
      'replaces it (in one move: nobody sees half a file) or `append` adds the text at its end. Gives {path, bytes, digest} of the file as it is then; ' +
      'the digest is `sha256:` and hex. Nothing in .git is written.',
    risk: 'write',
    timeoutMs: 30_000,
    input: z
      .strictObject({
        path: z.string().min(1).max(4_096).describe('From the workspace root, like `reports/audit.md`.'),
        text: z.string(),
        append: z.boolean().default(false).describe('Add to the end of the file. A step that is retried adds again.'),
        overwrite: z.boolean().default(false),
      })
      .refine(({ append, overwrite }) => !(append && overwrite), {
        path: ['append'],
        message: 'give either `append` or `overwrite`, not both',
      }),
    output: z.object({ path: z.string(), bytes: z.int(), digest: z.string() }),
    examples: [
      { text: 'write "hello" to notes.txt', input: { path: 'notes.txt', text: 'hello' } },
      { text: 'save the report as reports/audit.md', input: { path: 'reports/audit.md', text: '{{report.output.text}}' } },
      { text: 'append "done" to log.txt', input: { path: 'log.txt', text: 'done', append: true } },
      { text: 'replace VERSION with 2.0.0', input: { path: 'VERSION', text: '2.0.0', overwrite: true } },
    ],
    async run({ path, text, append, overwrite }, ctx) {
      throwIfAborted(ctx.signal);
      const place = await locate(workspace, path);
      if (place.path === '.' || /[/\\]$/.test(path))
        throw new ToolError('invalid_input', `${JSON.stringify(path)} is a folder, not a file`);
      refuseGit(place);
      const bytes = Buffer.from(text, 'utf8');
      try {
        await mkdir(dirname(place.absolute), { recursive: true });
        const written = append
          ? await appendFile(place, bytes, ctx.signal)
          : await replaceFile(place, bytes, { overwrite, signal: ctx.signal });
        return { path: place.path, ...written };
      } catch (error) {
        throw fileError(error, path);
      }
    },
  });
