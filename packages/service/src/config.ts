/** Reads a service's settings from the environment: all of them at once, at the start, with every problem named. */
import type { z } from 'zod';
import { isSecretName, MASK, maskText } from './secrets.ts';
import { type Environment, readSettingFiles, type SettingsRead } from './setting-files.ts';
import { settingNames } from './setting-names.ts';

/** The environment does not hold a usable configuration. Each problem is a line `NAME: what is wrong; what would be right`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const expectation = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${issue.expected === 'int' || issue.expected === 'number' ? 'a number' : `a ${issue.expected}`}`;
    case 'invalid_value':
      return issue.values.length === 1 ? `must be ${String(issue.values[0])}` : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${issue.origin === 'string' ? 'have' : 'be'} at least ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_big':
      return `must ${issue.origin === 'string' ? 'have' : 'be'} at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return issue.message;
  }
};

/** zod writes its own sentence unless the schema gave one; the schema's sentence is the better one. */
const isOwnSentence = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'custom' || !/^(Invalid|Too (small|big)|Unrecognized)/.test(issue.message);

const nameOf = (issue: z.core.$ZodIssue): string => String(issue.path[0] ?? 'environment');

function problemLine(issue: z.core.$ZodIssue, read: SettingsRead): string {
  const name = nameOf(issue);
  const wanted = isOwnSentence(issue) ? issue.message : expectation(issue);
  const given = read.given[name];
  if (given === undefined) return `${name}: is not set; ${wanted}`;
  // What the file holds is not shown: it may be another secret than the one that was meant.
  const file = read.files.get(name);
  if (file !== undefined) return `${name}: is what ${JSON.stringify(file)} holds; ${wanted}`;
  const shown = isSecretName(name) ? MASK : maskText(JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}...` : given));
  return `${name}: is ${shown}; ${wanted}`;
}

export type ConfigReading<Config> = { ok: true; config: Config } | { ok: false; problems: string[] };

/** Like `loadConfig`, with the problems as a value. */
export function readConfig<Config>(schema: z.ZodType<Config>, env: Environment): ConfigReading<Config> {
  const read = readSettingFiles(env, settingNames(schema));
  const parsed = schema.safeParse(read.given);
  if (parsed.success && read.problems.size === 0) return { ok: true, config: parsed.data };
  const issues = parsed.error?.issues.filter((issue) => !read.problems.has(nameOf(issue))) ?? [];
  return { ok: false, problems: [...read.problems.values(), ...issues.map((issue) => problemLine(issue, read))] };
}

/**
 * Reads the settings that `schema` (an object schema whose keys are the variables' names) describes. Each setting NAME can
 * also be given as the content of the file that NAME_FILE names. A variable that is set to '' counts as not set. Throws a
 * ConfigError that names every problem.
 */
export function loadConfig<Config>(schema: z.ZodType<Config>, env: Environment): Config {
  const reading = readConfig(schema, env);
  if (!reading.ok) throw new ConfigError(reading.problems);
  return reading.config;
}
