/** Settings whose values stand in files, as secrets of containers do: NAME_FILE names the file that holds NAME. */
import { readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message.replace(/, \w+ '.*'$|, \w+$/s, '') : String(error));

export interface SettingsRead {
  /** the variables that are set, those of files included */
  given: Record<string, string>;
  /** the settings that stood in files, each with its file */
  files: ReadonlyMap<string, string>;
  /** by setting: its file cannot be used */
  problems: ReadonlyMap<string, string>;
}

/** Reads the file of every setting that is given by one. The newline at its end does not count. */
export function readSettingFiles(env: Environment, names: readonly string[]): SettingsRead {
  // An empty variable is an unset one: compose files and CI systems write `NAME=` for "not given".
  const given = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
  const files = new Map<string, string>();
  const problems = new Map<string, string>();
  for (const name of names) {
    const variable = `${name}_FILE`;
    const path = given[variable];
    if (path === undefined || names.includes(variable)) continue;
    if (given[name] !== undefined) {
      problems.set(name, `${variable}: is set, and so is ${name}; set one of the two`);
      continue;
    }
    try {
      const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      if (text === '') {
        problems.set(name, `${variable}: is ${JSON.stringify(path)}, which is empty; must be a file that holds the value of ${name}`);
        continue;
      }
      given[name] = text;
      files.set(name, path);
    } catch (error) {
      problems.set(
        name,
        `${variable}: is ${JSON.stringify(path)}, which cannot be read (${reasonOf(error)}); must be a file that holds the value of ${name}`,
      );
    }
  }
  return { given, files, problems };
}
