/** Keeping data in a prompt between the tags that it is put between. */

/** A `<`, or a sign like it, and what may stand between it and the name of a tag. */
const SIGN = '[<＜﹤]';
const BETWEEN = '[\\s/／\\p{Cf}]*';
/** Marks of turns in the prompts of open models: some servers take them for what they look like, also inside a text. */
const TURN_MARKS = ['\\|', '(?:s|start_of_turn|end_of_turn)>'];
/** A name with letters of another alphabet or invisible signs in it. Apart, because without regard to case K is the Kelvin sign. */
const LOOK_ALIKE = new RegExp(`${SIGN}(?=${BETWEEN}[A-Za-z-]*[^\\s!-~])`, 'gu');

const escaped = (sign: string): string => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * What makes a text harmless between tags of those names (lower case, letters and hyphens): the sign that would begin one
 * of them, opening or closing, in whatever spelling a reader may take for it, is written like `\u003c`.
 */
export function tagEscaper(tags: readonly string[]): (text: string) => string {
  const start = new RegExp(`${SIGN}(?=${BETWEEN}(?:(?:${tags.join('|')})(?![A-Za-z])|${TURN_MARKS.join('|')}))`, 'giu');
  return (text) => text.replace(start, escaped).replace(LOOK_ALIKE, escaped);
}
