/**
 * Where the values of secrets come from: `SECRET_<NAME>` in the environment, and files of a folder, one for each name. A
 * file goes before a variable of the same name, and is read at each use, so that a value can be changed while steps run.
 */
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { SECRET_NAME } from '@countersign/shared';

export type SecretReading = { ok: true; value: string } | { ok: false; problem: string };

export interface SecretSource {
  /** the names that there are now, sorted */
  names(): Promise<string[]>;
  /** never throws; a problem says what is wrong and never a part of the value */
  read(name: string): Promise<SecretReading>;
}

export const ENVIRONMENT_PREFIX = 'SECRET_';
/** What is shorter can be guessed by trying, and words that are no secret would be taken for it. */
const LEAST_CHARACTERS = 8;
const MOST_BYTES = 65_536;

/** What is wrong with a value; null where nothing is. */
function valueProblem(value: string): string | null {
  if (value.length < LEAST_CHARACTERS) return `has fewer than ${LEAST_CHARACTERS} characters, and so could not be told from other text`;
  if (Buffer.byteLength(value) > MOST_BYTES) return `has more than ${MOST_BYTES} bytes`;
  return null;
}

function variableProblem(name: string): string | null {
  if (!SECRET_NAME.test(name)) return "names no secret: after SECRET_ stand at most 64 capital letters, digits and '_', a letter first";
  // Settings are given by files in this way; here the path would be taken for the value.
  return name.endsWith('_FILE')
    ? 'is no way to give a secret by its file; put the file into SECRETS_DIR, under the name of the secret'
    : null;
}

/** The values of `SECRET_<NAME>` by name, and a problem for each that can't be used. */
export function secretsInEnvironment(env: Readonly<Record<string, string | undefined>>): {
  values: Map<string, string>;
  problems: string[];
} {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined || value === '') continue;
    const name = variable.slice(ENVIRONMENT_PREFIX.length);
    const problem = variableProblem(name) ?? valueProblem(value);
    if (problem === null) values.set(name, value);
    else problems.push(`${variable}: ${problem}`);
  }
  return { values, problems };
}

/** What is wrong with a folder of secrets; null where nothing is. */
export async function folderProblem(folder: string): Promise<string | null> {
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder}: this is no folder; name one with a file for each secret`;
    await readdir(folder);
    return null;
  } catch (error) {
    return `${folder}: can't be read (${(error as NodeJS.ErrnoException).code}); name a folder with a file for each secret`;
  }
}

/** null where there is no such file. Throws an Error that says what is wrong with the one that there is. */
async function readSecretFile(folder: string, name: string): Promise<string | null> {
  const path = join(folder, name);
  let resolved: string;
  try {
    resolved = await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new Error(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
    // A link to nothing is a mistake that somebody should hear of.
    if (await lstat(path).catch(() => null)) throw new Error('is a link to a file that is not there');
    return null;
  }
  // Mounted folders of orchestrators are full of links, all of which stay inside.
  if (!resolved.startsWith(`${await realpath(folder)}${sep}`)) throw new Error('leads out of the folder');
  const file = await open(resolved, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot be read (${error.code})`);
  });
  try {
    if (!(await file.stat()).isFile()) throw new Error('is no file');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES + 3), 0, MOST_BYTES + 3, 0);
    return textOf(buffer.subarray(0, bytesRead)).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error('is no text in UTF-8; write it as base64, for instance');
  }
}

/** `folder` and `values` (of the environment, by name) may both be absent. */
export function secretSource({ folder, values }: { folder?: string | undefined; values: ReadonlyMap<string, string> }): SecretSource {
  const where = (name: string): string =>
    folder === undefined
      ? `set ${ENVIRONMENT_PREFIX}${name}`
      : `set ${ENVIRONMENT_PREFIX}${name}, or write the file ${name} in SECRETS_DIR`;
  return {
    async names() {
      const files = folder === undefined ? [] : await readdir(folder);
      return [...new Set([...values.keys(), ...files.filter((name) => SECRET_NAME.test(name))])].sort();
    },
    async read(name) {
      try {
        const value = (folder === undefined || !SECRET_NAME.test(name) ? null : await readSecretFile(folder, name)) ?? values.get(name);
        if (value === undefined) return { ok: false, problem: `there is no secret ${name} on this executor; ${where(name)}` };
        const problem = valueProblem(value);
        return problem === null ? { ok: true, value } : { ok: false, problem: `the secret ${name} ${problem}` };
      } catch (error) {
        return { ok: false, problem: `the file of the secret ${name} in SECRETS_DIR ${(error as Error).message}` };
      }
    },
  };
}
