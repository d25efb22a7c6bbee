/** A workspace on disk for one test. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openWorkspace, type Workspace } from '../src/workspace.ts';

export interface WorkspaceFolder {
  workspace: Workspace;
  at(path: string): string;
  write(files: Record<string, string | Uint8Array>): Promise<void>;
  remove(): Promise<void>;
}

export async function workspaceFolder(): Promise<WorkspaceFolder> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'workspace-')));
  const at = (path: string): string => join(root, path);
  return {
    workspace: await openWorkspace(root),
    at,
    async write(files) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(at(path)), { recursive: true });
        await writeFile(at(path), content);
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
