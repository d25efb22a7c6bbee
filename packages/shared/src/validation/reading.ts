/** Reading what somebody wrote: where a value stands, what is wrong with it, and the simplest checks. */
import type { IssueCode } from '../issue.ts';
import { LIMITS } from '../limits.ts';

export type Path = readonly PropertyKey[];
export type Report = (path: Path, code: IssueCode, message: string) => void;

export const typeName = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

export function reportUnknownFields(
  value: Record<string, unknown>,
  known: readonly string[],
  { path, report, what }: { path: Path; report: Report; what: string },
): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      report([...path, key], 'unknown_field', `${what} has no field \`${key}\`; it has ${known.map((name) => `\`${name}\``).join(', ')}`);
  }
}

export function readText(value: unknown, path: Path, { report, max = LIMITS.textLength }: { report: Report; max?: number }): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') report(path, 'bad_input', `must be text, got ${typeName(value)}`);
  else if (value.length > max) report(path, 'limit_exceeded', `must have at most ${max} characters, has ${value.length}`);
  else return value;
  return '';
}
