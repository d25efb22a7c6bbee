/** Parts of plans that fit an answer. */
import { type Plan, planMarkdown, type StepView, shorten } from '@countersign/shared';
import { ANSWER_CHARACTERS } from './answer-size.ts';

/** No answer holds more rows of the table of steps: each has more than 30 characters. */
const MOST_ROWS = ANSWER_CHARACTERS / 30;

/** A step whose values have at most so many characters as JSON: a longer one is the beginning of that JSON, as text. */
export const shortenedStep = (step: StepView, characters: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(step).map(([name, value]) => {
      const text = JSON.stringify(value) ?? 'null';
      return [name, text.length <= characters ? value : `${shorten(text, characters)} (cut; it has ${text.length} characters)`];
    }),
  );

/** As many steps from `offset` on as fit an answer, as Markdown, and with which one to go on. */
export function markdownPart(plan: Plan, offset: number): { markdown: string; nextOffset: number | null } {
  const total = plan.steps.length;
  const written = (end: number): string => {
    const markdown = planMarkdown({ ...plan, steps: plan.steps.slice(offset, end) }, { firstPosition: offset });
    if (end >= total) return markdown;
    return `${markdown}\nShown: steps ${offset + 1} to ${end} of ${total}. For more, call get_plan with offset ${end}.\n`;
  };
  let end = Math.min(total, offset + MOST_ROWS);
  if (written(end).length > ANSWER_CHARACTERS) {
    // The most that fit lie between `end`, which do, or are a single step, and `tooMany`, which don't.
    let tooMany = end;
    end = Math.min(total, offset + 1);
    while (tooMany - end > 1) {
      const middle = Math.floor((end + tooMany) / 2);
      if (written(middle).length > ANSWER_CHARACTERS) tooMany = middle;
      else end = middle;
    }
  }
  return { markdown: shorten(written(end), ANSWER_CHARACTERS), nextOffset: end < total ? end : null };
}
