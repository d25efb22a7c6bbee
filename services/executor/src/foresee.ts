/**
 * What a tool says that a call will do, before anybody has approved it. Whatever the tool does, the answer is short and
 * comes in time, or there is none: a tool that throws or never settles is left behind, and nobody waits for it.
 */
import { byteLength, type Json, type JsonObject, plainLine, usesSecretsWords } from '@countersign/shared';
import type { ReviewContext, Tool } from '@countersign/tools';
import { type StepLog, toolLogger } from './step-log.ts';

/** characters of a tool's words that are kept */
export const WORDS_LENGTH = 500;
/** bytes of a dry run's JSON that are kept */
const DRY_RUN_BYTES = 4_000;

export interface Foresight {
  planId: string;
  stepId: string;
  /** aborts when nobody waits for the answer any more */
  signal: AbortSignal;
  /** ms that the tool has */
  limitMs: number;
  log: StepLog;
}

async function answerOf<Value>(call: (ctx: ReviewContext) => Promise<Value>, foresight: Foresight): Promise<Value | undefined> {
  const { planId, stepId, signal, limitMs, log } = foresight;
  if (signal.aborted) return undefined;
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
  signal.addEventListener('abort', stop);
  const tooLate = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  });
  try {
    const ctx: ReviewContext = { signal: controller.signal, planId, stepId, logger: toolLogger(log) };
    return await Promise.race([call(ctx), tooLate]);
  } catch (error) {
    // What it threw may quote the step's input.
    log('debug', 'the tool did not say what the step will do', { error: error instanceof Error ? error.name : typeof error });
    return undefined;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** In words, on one line; null where the tool says nothing. `input` as `Tool.effects` has it. */
export async function effectsWords(tool: Tool, input: JsonObject, foresight: Foresight): Promise<string | null> {
  if (tool.effects === undefined) return null;
  const said = await answerOf(async (ctx) => tool.effects?.(input, ctx), foresight);
  // What is cut off is not looked at either: a tool may answer with megabytes.
  return typeof said === 'string' ? plainLine(said.slice(0, 4 * WORDS_LENGTH), WORDS_LENGTH) || null : null;
}

/** What a tool said of a call that is given these secrets, with their names; `words` null where it said nothing. */
export function withSecretsSaid(words: string | null, secrets: readonly string[]): string | null {
  if (secrets.length === 0) return words;
  return words === null ? usesSecretsWords(secrets) : `${words} (${usesSecretsWords(secrets)})`;
}

/** What a dry run gave: its JSON, or, where that is long, a text that says how long; null where the tool has none. */
export async function dryRunResult(tool: Tool, value: unknown, foresight: Foresight): Promise<Json> {
  if (tool.dryRun === undefined) return null;
  const given = await answerOf(async (ctx) => tool.dryRun?.(value, ctx), foresight);
  const bytes = byteLength(JSON.stringify(given ?? null));
  return bytes <= DRY_RUN_BYTES ? (given ?? null) : `the dry run gave ${bytes} bytes of JSON, more than the ${DRY_RUN_BYTES} that are kept`;
}
