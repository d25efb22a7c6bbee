/** What JSON text can say, but what can't be signed and stored as one text everywhere. */
import { isObject } from '../json.ts';
import type { Path, Report } from './reading.ts';

const HALF = 'has half of a surrogate pair, which is no character';

/** Whether a value is all that it must be. Without paths, which take most of the time, and are hardly ever needed. */
function isWritable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isWritable);
  return !isObject(value) || Object.keys(value).every((key) => key.isWellFormed() && isWritable(value[key]));
}

/** Reports texts and keys with halves of surrogate pairs, and numbers that a double can't hold. */
export function reportUnwritable(value: unknown, path: Path, report: Report): void {
  if (isWritable(value)) return;
  if (typeof value === 'string') report(path, 'bad_input', HALF);
  else if (typeof value === 'number') report(path, 'bad_input', `JSON has no number ${value}`);
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) reportUnwritable(item, [...path, index], report);
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      if (!key.isWellFormed()) report([...path, key], 'bad_input', `a key ${HALF}`);
      reportUnwritable(member, [...path, key], report);
    }
  }
}
