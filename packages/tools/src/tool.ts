/** What a tool is to the rest of the system: its contract, a check of its input, and the code behind it. */
import type { Json, JsonObject, StepErrorCode, ToolContract } from '@countersign/shared';

export interface ToolLogger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** What a tool is given along with its input. */
export interface ToolContext {
  /** aborts on timeout, cancel and a lost lock: a tool ends at once then, whatever it throws */
  signal: AbortSignal;
  /** the same for every call of one step's generation: pass it on to what must not happen twice */
  idempotencyKey: string;
  planId: string;
  stepId: string;
  /** counted from 1 */
  attempt: number;
  logger: ToolLogger;
  /** 0 to 1, or null where the end is not known */
  progress(fraction: number | null, message?: string): void;
  /** Whether a condition holds for what this step can see. Throws a ToolError with the code `bad_condition`. */
  evaluate(expression: string): boolean;
  /** What the people who approved this step gave along with their votes; absent where nobody did. */
  approvalData?: Json | undefined;
  /** The names of the secrets whose values stand in the input; absent where there are none. */
  secrets?: readonly string[] | undefined;
}

/** What a tool is given that is asked what a step will do, before anybody has approved it. */
export interface ReviewContext {
  /** aborts when the answer would come too late */
  signal: AbortSignal;
  planId: string;
  stepId: string;
  logger: ToolLogger;
}

export type CheckedInput = { ok: true; value: unknown } | { ok: false; message: string };

export interface Tool {
  readonly contract: ToolContract;
  /** Checks an input whose references are resolved, and fills in defaults. */
  check(input: Json): CheckedInput;
  /** Runs the tool with a value that `check` returned. Rejects with a ToolError, or with whatever the tool threw. */
  run(value: unknown, ctx: ToolContext): Promise<Json>;
  /**
   * What a call with this input will do, in words for the person who is to approve it, like `deletes 3 files under reports/`.
   * It changes nothing. The input is unchecked, and a value that an earlier step is still to give is its placeholder's text.
   */
  effects?(input: JsonObject, ctx: ReviewContext): Promise<string>;
  /**
   * The hosts, with a port where it is not the protocol's own, that a call with this input sends what it is given to, and
   * no others; with `http://` before one that it sends to in the clear. Null where that can't be told from the input.
   * Absent: the tool doesn't say.
   */
  hosts?(input: Json): string[] | null;
  /** What a call with a value that `check` returned would give or change, found out without changing anything. */
  dryRun?(value: unknown, ctx: ReviewContext): Promise<Json>;
}

/** A tool's failure. Without `retryable` only `tool_error` and `timeout` are worth another attempt. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly code: StepErrorCode;
  readonly retryable: boolean;

  constructor(code: StepErrorCode, message: string, { retryable, cause }: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable ?? (code === 'tool_error' || code === 'timeout');
  }
}

/** Throws a ToolError `aborted` once the signal has aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError(signal);
}

export const abortedError = (signal: AbortSignal): ToolError =>
  new ToolError('aborted', 'the tool was stopped before it had ended', { cause: signal.reason });
