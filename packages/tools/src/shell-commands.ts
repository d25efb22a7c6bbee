/** Which programs shell.run may start: names on the PATH or absolute paths, found once, at the start. */
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';

/** Where each command is, by the name that plans call it by. */
export type ShellCommands = Readonly<Record<string, string>>;

const COMMAND_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}$/;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function problemOf(name: string, path: string | undefined): string | null {
  const written = JSON.stringify(name);
  if (!isAbsolute(name) && name.includes('/')) return `${written} is a relative path; give a name on the PATH or an absolute path`;
  if (!COMMAND_NAME.test(basename(name))) return `${written} is no name of a command: letters, digits and '_.+-'`;
  return path === undefined ? `${written} can't be found, or is no program; give a name on the PATH or an absolute path` : null;
}

/**
 * Finds commands. One that is given as an absolute path is called by its last part. `problems` says of each that can't be
 * used what is wrong with it, and what would be right.
 */
export function findShellCommands(given: readonly string[], searchPath: string): { commands: ShellCommands; problems: string[] } {
  const commands: Record<string, string> = {};
  const problems: string[] = [];
  // A relative folder on the PATH would mean another program wherever a command runs.
  const folders = searchPath.split(delimiter).filter(isAbsolute);
  for (const name of given) {
    const path = isAbsolute(name) ? [name].find(isProgram) : folders.map((folder) => join(folder, name)).find(isProgram);
    const called = basename(name);
    const problem = problemOf(name, path);
    if (problem !== null) problems.push(problem);
    else if (path !== undefined && (commands[called] ?? path) !== path)
      problems.push(`${JSON.stringify(name)} and ${commands[called]} are both called \`${called}\`; allow one of them`);
    else if (path !== undefined) commands[called] = path;
  }
  return { commands, problems };
}
