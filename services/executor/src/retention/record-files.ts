/** Records of plans and tasks as files: what is left of them when they are removed. */
import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What is wrong with a folder for records; null where nothing is. */
export async function recordsFolderProblem(folder: string): Promise<string | null> {
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder}: this is no folder; name one that records can be written to`;
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return `${folder}: can't be written to (${(error as NodeJS.ErrnoException).code}); name a folder that is there and that this process may write to`;
  }
}

/** A name is only as safe as the folder that it stands in. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function makeFolder(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  try {
    await mkdir(path, { mode: 0o750 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return path;
    throw error;
  }
  await syncFolder(parent);
  return path;
}

/**
 * Writes `<folder>/<yyyy>/<mm>/<id>.json`, by the month (UTC) in which the plan or task was created, so that each has one
 * place however often it ends. When this returns the file is on disk, whole; what was there before is replaced. The folder
 * itself is never made: where it is missing, it may be a disk that is not mounted.
 */
export async function writeRecord(folder: string, { id, createdAt }: { id: string; createdAt: string }, record: object): Promise<void> {
  const text = `${JSON.stringify(record)}\n`;
  const [year = '', month = ''] = createdAt.split('-');
  const place = await makeFolder(await makeFolder(folder, year), month);
  const path = join(place, `${id}.json`);
  const part = `${path}.${randomUUID()}.part`;
  try {
    const file = await open(part, 'wx', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await unlink(part).catch(() => {});
    throw error;
  }
  await syncFolder(place);
}
