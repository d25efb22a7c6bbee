/** Files of JSON lines to which other processes write. */
import { existsSync, readFileSync } from 'node:fs';

/** What stands in such a file; nothing, if it is not there. A line that is being written can be seen in part: it is left out. */
export function readJsonLines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return whole.map((line) => JSON.parse(line) as T);
}
