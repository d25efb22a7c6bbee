/** What a dry run shows of an output: all of it where it is short. */
import { byteLength, type Json } from '@countersign/shared';

const MAX_BYTES = 3_000;
const SHOWN_CHARACTERS = 1_000;

/** The output itself; of a large one the beginning of its text, with how much there is of it. */
export function trialOutput(output: Json): Json {
  const json = JSON.stringify(output);
  const bytes = byteLength(json);
  if (bytes <= MAX_BYTES) return output;
  const text = typeof output === 'string' ? output : json;
  // Half of a pair of surrogates at the cut would be no text.
  const start = text.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '');
  return { start, characters: text.length, cut: true };
}
