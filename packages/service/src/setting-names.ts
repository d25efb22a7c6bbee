/** The names of settings: those that a schema reads, and those that were probably meant. */
import { z } from 'zod';
import type { Environment } from './setting-files.ts';

/** The variables that an object schema reads, also one that checks or changes its result. */
export function settingNames(schema: z.ZodType): string[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.keys(properties);
}

/** Shorter names are too near to those of other programs. */
const SHORTEST = 6;
/** From this length on, two slips still point to one name. */
const LONG = 10;

/**
 * How many letters must be put in, left out, changed or swapped with the next to make one name of the other, where that is at
 * most `most`. Else any larger number: each start compares each variable with each name, and nearly all of them are far apart.
 */
function slips(a: string, b: string, most: number): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  let leastOfLast = 0;
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const options = [(last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1)];
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        options.push((before[column - 2] ?? 0) + 1);
      next.push(Math.min(...options));
    }
    const least = Math.min(...next);
    // A swap goes on from the row before the last.
    if (least > most && leastOfLast > most) return least;
    before = last;
    last = next;
    leastOfLast = least;
  }
  return last[b.length] ?? 0;
}

function meant(variable: string, names: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = variable.length < LONG ? 1 : 2;
  for (const name of names) {
    if (name.length < SHORTEST || Math.abs(name.length - variable.length) > least) continue;
    const distance = slips(variable, name, least);
    if (distance > least || (distance === least && nearest !== null)) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

/**
 * A line for every variable that is no setting but nearly is one. Variables are matched with `names`, in capitals or not,
 * and with the names of their files.
 */
export function misspelledSettings(env: Environment, names: readonly string[]): string[] {
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  return Object.entries(env).flatMap(([variable, value]) => {
    if (value === undefined || value === '' || known.has(variable)) return [];
    const name = meant(variable.toUpperCase(), [...known]);
    return name === null ? [] : [`${variable} is not a setting; did you mean ${name}?`];
  });
}
