/** What replacing one text by another changes, for people: the lines between the first and the last that differ. */
import { visible } from './effect-words.ts';

const MAX_LINES = 20;
const MAX_LINE_LENGTH = 120;
const MAX_LENGTH = 2_500;

const linesOf = (text: string): string[] => {
  const lines = text.split('\n');
  // The newline at the end of a text begins no further line.
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

const shown = (mark: string, lines: readonly string[]): string[] => {
  const some = lines.slice(0, MAX_LINES).map((line) => {
    const seen = visible(line.slice(0, MAX_LINE_LENGTH));
    return `${mark}${seen}${line.length > MAX_LINE_LENGTH ? '...' : ''}`;
  });
  return lines.length > MAX_LINES ? [...some, `${mark} ... and ${lines.length - MAX_LINES} more lines`] : some;
};

/** Lines that go begin with `-`, lines that come with `+`, below the number of the first one, as `@ line 3`. Empty where nothing changes. */
export function changeText(before: string, after: string): string {
  if (before === after) return '';
  const [old, fresh] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end++;
  const gone = shown('-', old.slice(start, old.length - end));
  const come = shown('+', fresh.slice(start, fresh.length - end));
  if (gone.length === 0 && come.length === 0) return 'only the newline at the end changes';
  return [`@ line ${start + 1}`, ...gone, ...come].join('\n').slice(0, MAX_LENGTH);
}
