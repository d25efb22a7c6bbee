/** Which files a walk will meet, in words. */
import type { JsonObject } from '@countersign/shared';
import { counted, isPending, named, textOf } from './effect-words.ts';
import { walkFiles } from './walk.ts';
import type { Workspace } from './workspace.ts';

/** Beyond it nobody needs the exact number. */
const MAX_COUNTED = 10_000;

/** Like `214 files under src matching "*.ts"`. The input is what a walking tool is given, unchecked. Never throws. */
export async function walkWords(workspace: Workspace, input: JsonObject, signal: AbortSignal): Promise<string> {
  const path = input.path === undefined ? '.' : textOf(input.path);
  const pattern = input.pattern === undefined ? null : textOf(input.pattern);
  const under = path === null ? 'under a folder that earlier steps give' : path === '.' ? 'in the workspace' : `under ${named(path, 60)}`;
  const where = `${under}${pattern === null ? '' : ` matching ${named(pattern, 40)}`}`;
  if (path === null || isPending(path) || isPending(pattern)) return `the files ${where}`;
  const request = {
    path,
    ...(pattern === null ? {} : { pattern }),
    includeIgnored: input.includeIgnored === true,
    recursive: input.recursive !== false,
  };
  let files = 0;
  try {
    for await (const _file of walkFiles(workspace, request, signal)) {
      files++;
      if (files === MAX_COUNTED) return `the files ${where}, at least ${counted(files, 'file')}`;
    }
  } catch (error) {
    return `the files ${where}, which fails as things are: ${(error as Error).message}`;
  }
  return `${counted(files, 'file')} ${where}`;
}
