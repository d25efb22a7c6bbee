/** The one folder that file tools may touch. Every path is resolved through its symbolic links before it is used. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ToolError } from './tool.ts';

export interface Workspace {
  /** the root without symbolic links */
  root: string;
  /** the root as it was configured: absolute paths are accepted below it too */
  named: string;
}

/** A place inside a workspace. */
export interface Place {
  /** without symbolic links; what is behind it need not exist */
  absolute: string;
  /** from the root, with `/`; `.` is the root itself */
  path: string;
}

/** Throws an Error when the root is no folder. */
export async function openWorkspace(root: string): Promise<Workspace> {
  const named = resolve(root);
  try {
    const real = await realpath(named);
    if ((await lstat(real)).isDirectory()) return { root: real, named };
  } catch (cause) {
    throw new Error(`the workspace root ${named} can't be opened: ${(cause as Error).message}`, { cause });
  }
  throw new Error(`the workspace root ${named} is not a folder`);
}

export const errorCode = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

const isInside = (root: string, path: string): boolean => {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

const isLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
};

/** The real path of something that need not exist: its nearest existing folder is resolved, the rest is kept. */
async function realPathOf(path: string, written: string): Promise<string> {
  const missing: string[] = [];
  for (let current = path; ; current = dirname(current)) {
    try {
      return join(await realpath(current), ...missing);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw fileError(error, written);
      // Writing through a link whose target is missing would make that target, wherever it lies.
      if (await isLink(current))
        throw new ToolError('invalid_input', `${JSON.stringify(written)}: a symbolic link on this path leads nowhere`);
      missing.unshift(basename(current));
    }
  }
}

/** Finds a path, relative to the root or absolute, inside the workspace. Throws a ToolError `invalid_input` for one outside. */
export async function locate(workspace: Workspace, written: string): Promise<Place> {
  const outside = (how: string): ToolError =>
    new ToolError(
      'invalid_input',
      `${JSON.stringify(written)} ${how} the workspace; paths start at the workspace's root and stay in it, like "src/index.ts"`,
    );
  if (written.includes('\0')) throw new ToolError('invalid_input', `${JSON.stringify(written)} is not a path: it holds a zero byte`);
  const start = isAbsolute(written) && isInside(workspace.named, written) ? relative(workspace.named, resolve(written)) : written;
  const lexical = resolve(workspace.root, start);
  if (!isInside(workspace.root, lexical)) throw outside('lies outside');
  const absolute = await realPathOf(lexical, written);
  if (!isInside(workspace.root, absolute)) throw outside('leads, by a symbolic link, out of');
  return { absolute, path: pathFromRoot(workspace, absolute) };
}

export const pathFromRoot = ({ root }: Workspace, absolute: string): string => relative(root, absolute).split(sep).join('/') || '.';

/** Turns a failure of the file system into a ToolError that names the path as it was written. */
export function fileError(error: unknown, written: string): ToolError {
  if (error instanceof ToolError) return error;
  const path = JSON.stringify(written);
  const code = errorCode(error);
  if (code === 'ENOENT') return new ToolError('invalid_input', `there is no ${path} in the workspace`, { cause: error });
  if (code === 'EISDIR') return new ToolError('invalid_input', `${path} is a folder, not a file`, { cause: error });
  if (code === 'ENOTDIR') return new ToolError('invalid_input', `${path} leads through something that is not a folder`, { cause: error });
  if (code === 'ELOOP') return new ToolError('invalid_input', `${path} leads through symbolic links that never end`, { cause: error });
  if (code === 'ENAMETOOLONG') return new ToolError('invalid_input', `${path} is too long for the file system`, { cause: error });
  const final = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new ToolError('tool_error', `${path}: ${(error as Error).message}`, { retryable: !final, cause: error });
}

/** Whether an opened file is the one at its place: a folder on the way may have become a link since the path was looked at. */
async function isAtPlace(opened: Stats, place: Place): Promise<boolean> {
  try {
    const found = await lstat(place.absolute);
    return found.ino === opened.ino && found.dev === opened.dev && (await realpath(place.absolute)) === place.absolute;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

/** A file may be replaced by a new one while it is opened, which is no harm: then it is opened again. */
const OPENINGS = 5;

/**
 * Opens the regular file that is at a place inside the workspace, or makes it, as the flags say. Throws a ToolError for a
 * folder, a pipe, a device, and for what is not there any more once it is open; else what the file system says.
 */
export async function openAtPlace(place: Place, flags: number): Promise<{ file: FileHandle; size: number }> {
  const path = JSON.stringify(place.path);
  for (let opening = 1; opening <= OPENINGS; opening++) {
    // O_NOFOLLOW against a link in the file's own place; O_NONBLOCK, because opening a pipe would wait for the other side.
    const file = await open(place.absolute, flags | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0), 0o666);
    try {
      const opened = await file.stat();
      if (opened.isDirectory()) throw new ToolError('invalid_input', `${path} is a folder, not a file`);
      if (!opened.isFile()) throw new ToolError('invalid_input', `${path} is not a regular file`);
      if (await isAtPlace(opened, place)) return { file, size: opened.size };
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  }
  throw new ToolError('tool_error', `${path}: the way to it changes while it is opened, so it may lead out of the workspace`);
}

/** Opens a regular file for reading, calls `use` with it and its size, and closes it. Throws a ToolError. */
export async function withFile<Result>(place: Place, use: (file: FileHandle, size: number) => Promise<Result>): Promise<Result> {
  try {
    const { file, size } = await openAtPlace(place, constants.O_RDONLY);
    try {
      return await use(file, size);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, place.path);
  }
}
