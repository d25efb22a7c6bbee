/**
 * Words for the people who are to approve a step: one line, short, nothing hidden in it. What comes from an input may be
 * of any type, may try to look like something else, and may be the placeholder of a value that is not there yet.
 */
import { hasPlaceholder, type Json, type JsonObject } from '@countersign/shared';
import type { ReviewContext } from './tool.ts';

const MAX_LENGTH = 200;
const MAX_VALUE_LENGTH = 100;

/** Controls, direction marks, invisible characters and every space but the plain one. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const NEEDS_NO_QUOTES = /^[\p{L}\p{N}\p{M}_.,:/@%+=~{}[\]-]+$/u;

const escaped = (character: string): string => ESCAPES[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`;

/** The text with everything that can't be seen written out. */
export const visible = (text: string): string => text.replace(HIDDEN, escaped);

/** The beginning and the end of a text that is too long: a path's end says as much as its beginning. */
export function shortened(text: string, limit: number): string {
  const characters = [...text];
  if (characters.length <= limit) return text;
  const end = Math.floor((limit - 3) / 3);
  return `${characters.slice(0, limit - 3 - end).join('')}...${characters.slice(-end).join('')}`;
}

/** A text in quotes, whatever it holds. */
export const quoted = (text: string, limit = MAX_VALUE_LENGTH): string =>
  shortened(`"${visible(text.slice(0, 10 * limit).replace(/["\\]/g, '\\$&'))}"`, limit);

/** A path or a name, in quotes where a reader could take it for something else. */
export const named = (text: string, limit = MAX_VALUE_LENGTH): string =>
  NEEDS_NO_QUOTES.test(text) ? shortened(text, limit) : quoted(text, limit);

const numberWords = (count: number): string => count.toLocaleString('en-US');

/** Like `1 file` or `1,204 bytes`. */
export const counted = (count: number, thing: string): string => `${numberWords(count)} ${thing}${count === 1 ? '' : 's'}`;

/** Like `5 seconds`, `1.5 hours` or `200 ms`. */
export function durationWords(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  const [unit, length] =
    ms < 60_000 ? (['second', 1_000] as const) : ms < 3_600_000 ? (['minute', 60_000] as const) : (['hour', 3_600_000] as const);
  return counted(Math.round((ms / length) * 100) / 100, unit);
}

/** The text of a value that is one and not empty; null for anything else. */
export const textOf = (value: Json | undefined): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Whether a value is still to come, wholly or in part. */
export function isPending(value: Json | undefined): boolean {
  if (typeof value === 'string') return hasPlaceholder(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(isPending);
}

export type DescribeEffects = (input: JsonObject, ctx: ReviewContext) => Promise<string> | string;

/** What a tool says of a call: one line of at most 200 characters; the fallback, which is true of every call, where it can't say. */
export const effectsOr =
  (fallback: string, describe: DescribeEffects) =>
  async (input: JsonObject, ctx: ReviewContext): Promise<string> => {
    try {
      const words = [...visible(await describe(input, ctx))];
      return words.length <= MAX_LENGTH ? words.join('') : `${words.slice(0, MAX_LENGTH - 3).join('')}...`;
    } catch (error) {
      ctx.logger.debug('a tool could not say what a call will do', { error: error instanceof Error ? error.message : String(error) });
      return fallback;
    }
  };

/** What stands in for the effects of a call that the tool will refuse as it is. */
export const refusedWords = (what: string, error: unknown): string =>
  `${what}, which is refused as things are: ${error instanceof Error ? error.message : String(error)}`;
