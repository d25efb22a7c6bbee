/** Walking through a workspace: which files there are, without those that nobody means. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore from 'ignore';
import { z } from 'zod';
import { globMatcher } from './glob.ts';
import { throwIfAborted } from './tool.ts';
import { errorCode, fileError, locate, type Place, pathFromRoot, type Workspace } from './workspace.ts';

/** What never is what somebody asks about, unless asked for by `includeIgnored`. */
const SKIPPED_FOLDERS: readonly string[] = ['.git', 'node_modules'];

/** The fields that every tool which walks has in its input. */
export const walkFields = {
  path: z.string().min(1).max(4_096).default('.').describe('A folder or a file, from the workspace root; `.` is all of it.'),
  pattern: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('A glob such as `*.ts` (in any folder), `docs/**/*.md` or `*.{js,ts}`; taken from `path`. Without it: every file.'),
  includeIgnored: z
    .boolean()
    .default(false)
    .describe('Also `.git`, `node_modules` and what the `.gitignore` at the root leaves out. Naming such a folder as `path` does it too.'),
};

export interface WalkRequest {
  path: string;
  pattern?: string | undefined;
  includeIgnored: boolean;
  /** false: only the files right in the folder */
  recursive?: boolean;
}

export interface WalkedFile extends Place {
  /** bytes */
  size: number;
}

/** Whether a path from the root is ignored; a folder's ends with `/`. */
type IsIgnored = (path: string) => boolean;

const MAX_WILDCARDS = 4;
/**
 * Ignore rules are matched by backtracking, whose time grows with every wildcard as the length of a name does. Whoever
 * wrote the workspace wrote them, so that a rule with more wildcards than anybody needs is not applied.
 */
const isQuick = (rule: string): boolean => (rule.match(/\*+/g)?.length ?? 0) <= MAX_WILDCARDS;

async function ignoreRules({ root }: Workspace): Promise<IsIgnored> {
  let rules = '';
  try {
    rules = await readFile(join(root, '.gitignore'), 'utf8');
  } catch (error) {
    if (!['ENOENT', 'EISDIR', 'EACCES'].includes(errorCode(error) ?? '')) throw fileError(error, '.gitignore');
  }
  const matcher = ignore({ ignorecase: false }).add(rules.split(/\r?\n/).filter(isQuick));
  return (path) => path.split('/').some((part) => SKIPPED_FOLDERS.includes(part)) || matcher.ignores(path);
}

async function readFolder(absolute: string, path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(absolute, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    // Folders come and go while others work in the workspace.
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError(error, path);
  }
}

const sizeOf = async (absolute: string): Promise<number | null> => {
  try {
    const stats = await lstat(absolute);
    return stats.isFile() ? stats.size : null;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
};

/**
 * The regular files at or below a path: those of a folder by name, then those of its folders. Symbolic links are not
 * followed, so that nothing counts twice and no walk runs in a circle. Throws a ToolError.
 */
export async function* walkFiles(workspace: Workspace, request: WalkRequest, signal: AbortSignal): AsyncGenerator<WalkedFile> {
  const start = await locate(workspace, request.path);
  const matches = request.pattern === undefined ? () => true : globMatcher(request.pattern);
  const rules = await ignoreRules(workspace);
  const named = start.path !== '.' && (rules(start.path) || rules(`${start.path}/`));
  const isIgnored: IsIgnored = request.includeIgnored || named ? () => false : rules;

  const startSize = await fileSizeAt(start);
  if (startSize !== null) {
    if (matches(start.path.slice(start.path.lastIndexOf('/') + 1))) yield { ...start, size: startSize };
    return;
  }
  const folders = [start.absolute];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    throwIfAborted(signal);
    const below: string[] = [];
    for (const entry of await readFolder(folder, pathFromRoot(workspace, folder))) {
      const absolute = join(folder, entry.name);
      const path = pathFromRoot(workspace, absolute);
      if (entry.isDirectory()) {
        if (request.recursive !== false && !isIgnored(`${path}/`)) below.push(absolute);
      } else if (entry.isFile() && !isIgnored(path) && matches(start.path === '.' ? path : path.slice(start.path.length + 1))) {
        throwIfAborted(signal);
        const size = await sizeOf(absolute);
        if (size !== null) yield { absolute, path, size };
      }
    }
    folders.push(...below.reverse());
  }
}

/** The size of the file at a place; null for a folder. */
async function fileSizeAt(place: Place): Promise<number | null> {
  try {
    const stats = await lstat(place.absolute);
    if (stats.isDirectory()) return null;
    if (stats.isFile()) return stats.size;
  } catch (error) {
    throw fileError(error, place.path);
  }
  throw fileError(Object.assign(new Error('neither a file nor a folder'), { code: 'EACCES' }), place.path);
}
