/** Writing files of the workspace: whole or not at all, never outside, never into git's own folder. */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, link, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readPieces } from './file-bytes.ts';
import { ToolError, throwIfAborted } from './tool.ts';
import { errorCode, fileError, locate, openAtPlace, type Place, type Workspace, withFile } from './workspace.ts';

/** A file as it is after it was written. */
export interface WrittenFile {
  /** from the workspace root */
  path: string;
  /** the size of the whole file */
  bytes: number;
  /** of the whole file, in hex */
  sha256: string;
}

/** Finds where a file is to be written. Throws a ToolError `invalid_input` for what can't be a file of the workspace. */
export async function placeToWrite(workspace: Workspace, path: string): Promise<Place> {
  const place = await locate(workspace, path);
  if (place.path === '.' || /[/\\]$/.test(path)) throw new ToolError('invalid_input', `${JSON.stringify(path)} is a folder, not a file`);
  if (place.path.split('/').some((part) => part.toLowerCase() === '.git'))
    throw new ToolError('invalid_input', `${JSON.stringify(place.path)} lies in .git, whose hooks git would run; it is not written to`);
  return place;
}

/** The size and the permissions of the file at a place; null where there is none. Throws a ToolError for what is no regular file. */
export async function fileAt(place: Place): Promise<{ bytes: number; mode: number } | null> {
  try {
    const stats = await lstat(place.absolute);
    if (stats.isFile()) return { bytes: stats.size, mode: stats.mode & 0o777 };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw fileError(error, place.path);
  }
  throw new ToolError('invalid_input', `${JSON.stringify(place.path)} is not a regular file, so it can't be written`);
}

const sameContentNeeded = (place: Place): ToolError =>
  new ToolError('invalid_input', `${JSON.stringify(place.path)} exists with other content; set overwrite: true to replace it`);

/** Throws a ToolError where a file is there already: for calls whose effects must not be spent on a result that can't be kept. */
export async function refuseExisting(place: Place): Promise<void> {
  if ((await fileAt(place)) !== null)
    throw new ToolError('invalid_input', `${JSON.stringify(place.path)} exists; set overwrite: true to replace it`);
}

const writtenFile = (place: Place, signal: AbortSignal): Promise<WrittenFile> =>
  withFile(place, async (file) => {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of readPieces(file, signal)) {
      hash.update(piece);
      bytes += piece.length;
    }
    return { path: place.path, bytes, sha256: hash.digest('hex') };
  });

export interface WriteOptions {
  /** whether a file with other content is replaced, or refused */
  overwrite: boolean;
  signal: AbortSignal;
  /** the most bytes that there may be; more is a ToolError `output_too_large` */
  maxBytes?: number;
}

/**
 * Writes a file beside its place and moves it there: whoever reads sees the old content or the new one, never half of it.
 * Makes the folders that it needs. Throws a ToolError, or what `pieces` throws.
 */
export async function writeWhole(
  place: Place,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { overwrite, signal, maxBytes = Number.POSITIVE_INFINITY }: WriteOptions,
): Promise<WrittenFile> {
  const folder = { absolute: dirname(place.absolute), path: dirname(place.path) };
  const name = `.${basename(place.absolute).slice(0, 50)}.${randomUUID()}.tmp`;
  const temporary: Place = { absolute: join(folder.absolute, name), path: join(folder.path, name) };
  const before = await fileAt(place);
  try {
    await mkdir(folder.absolute, { recursive: true });
    const { file } = await openAtPlace(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
    let written: WrittenFile;
    try {
      written = { path: place.path, ...(await writePieces(file, pieces, { signal, maxBytes, path: place.path })) };
      await file.sync();
    } finally {
      await file.close();
    }
    if (before !== null) await chmod(temporary.absolute, before.mode);
    throwIfAborted(signal);
    if (overwrite) await rename(temporary.absolute, place.absolute);
    else await linkNew(temporary, place, { written, signal });
    return written;
  } catch (error) {
    throw fileError(error, place.path);
  } finally {
    await rm(temporary.absolute, { force: true }).catch(() => {});
  }
}

async function writePieces(
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal, maxBytes, path }: { signal: AbortSignal; maxBytes: number; path: string },
): Promise<Omit<WrittenFile, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of pieces) {
    throwIfAborted(signal);
    bytes += piece.length;
    if (bytes > maxBytes)
      throw new ToolError(
        'output_too_large',
        `what is saved as ${JSON.stringify(path)} has more than ${maxBytes} bytes, which is the most there may be`,
      );
    hash.update(piece);
    await file.writeFile(piece);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Unlike a rename, a link refuses a file that is there. An attempt that is repeated finds its own: the same content is no conflict. */
async function linkNew(temporary: Place, place: Place, { written, signal }: { written: WrittenFile; signal: AbortSignal }): Promise<void> {
  try {
    await link(temporary.absolute, place.absolute);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    if ((await writtenFile(place, signal)).sha256 !== written.sha256) throw sameContentNeeded(place);
  }
}

/** Adds bytes to the end of a file, in one write, so that what several steps append at once does not mix. */
export async function appendBytes(place: Place, bytes: Uint8Array, signal: AbortSignal): Promise<WrittenFile> {
  await fileAt(place);
  try {
    await mkdir(dirname(place.absolute), { recursive: true });
    const { file } = await openAtPlace(place, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return await writtenFile(place, signal);
  } catch (error) {
    throw fileError(error, place.path);
  }
}
