/** What an answer took. */
import type { Usage } from '@countersign/shared';

/** US dollars per million tokens. */
export interface Prices {
  input: number;
  output: number;
}

/** A rule of thumb for the languages of Europe; others take more tokens. */
const CHARACTERS_PER_TOKEN = 4;
const PER_MILLION = 1_000_000;

interface Call {
  /** as the server wrote it into its answer */
  counted: unknown;
  /** characters sent and received */
  sent: number;
  received: number;
  prices: Prices | null;
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** As the server counted; where it did not, worked out from the lengths of what was sent and of what came. */
export function usageOf({ counted, sent, received, prices }: Call): Usage {
  const { prompt_tokens: input, completion_tokens: output } = (counted ?? {}) as Record<string, unknown>;
  // A prompt of no tokens is a server's way of saying that it does not count.
  const estimated = !isCount(input) || !isCount(output) || input === 0;
  const tokens = estimated
    ? { inputTokens: Math.ceil(sent / CHARACTERS_PER_TOKEN), outputTokens: Math.ceil(received / CHARACTERS_PER_TOKEN) }
    : { inputTokens: input, outputTokens: output };
  return { ...tokens, costUsd: prices === null ? null : costOf(tokens, prices), estimated };
}

/** Rounded to a billionth, so that a sum in decimals looks like one. */
const costOf = ({ inputTokens, outputTokens }: Pick<Usage, 'inputTokens' | 'outputTokens'>, { input, output }: Prices): number =>
  Number(((inputTokens * input + outputTokens * output) / PER_MILLION).toFixed(9));
