/** Reading what somebody wrote: where a value stands, what is wrong with it, and the simplest checks. */
import type { IssueCode } from '../issue.ts';
import { LIMITS } from '../limits.ts';

export type Path = readonly PropertyKey[];
export type Report = (path: Path, code: IssueCode, message: string) => void;

/** The most milliseconds that a timer takes: 24 days. */
export const MAX_DURATION = 2_147_483_647;

export const typeName = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : typeof value === 'object'
          ? 'an object'
          : `a ${typeof value}`;

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

/** A whole number from `min` to `max`; undefined where it is left out or wrong. `what` is what is counted. */
export function readWhole(
  value: unknown,
  path: Path,
  { report, min, max, what }: { report: Report; min: number; max: number; what: string },
): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  report(path, 'bad_option', `must be a whole number of ${what} from ${min} to ${max}`);
  return undefined;
}

/** The ids in a list, each once, with where it first stands. */
export function readStepIds(raw: unknown, path: Path, report: Report): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  if (raw === undefined) return positions;
  if (!Array.isArray(raw)) {
    report(path, 'unknown_step', `must be a list of step ids, got ${typeName(raw)}`);
    return positions;
  }
  raw.forEach((id, index) => {
    if (typeof id !== 'string') report([...path, index], 'unknown_step', `must be a step id, got ${typeName(id)}`);
    else if (!positions.has(id)) positions.set(id, index);
  });
  return positions;
}
