/** Calls a tool, within its time, and turns whatever it does into one of a few outcomes. */
import { inToolCall } from '@countersign/service';
import { byteLength, type Json, LIMITS, STEP_ERROR_CODES, type StepError } from '@countersign/shared';
import { type ToolContext, ToolError } from '@countersign/tools';
import type { CallTurns } from './call-turns.ts';
import type { ToolCall } from './next-move.ts';
import type { Redaction } from './secrets/redaction.ts';
import type { StepInHand } from './steps-in-hand.ts';

export type CallOutcome = { kind: 'completed'; output: string } | { kind: 'failed'; error: StepError } | { kind: 'released' };

/** ms that a tool gets to settle after it was told to abort; then it is left behind. */
const ABORT_GRACE_MS = 2_000;

type Settled = { returned: Json } | { threw: unknown };

function outputText(value: Json, { json }: Redaction): CallOutcome {
  let text: string;
  try {
    text = JSON.stringify(json(value ?? null));
  } catch (error) {
    return {
      kind: 'failed',
      error: { code: 'tool_error', message: `the tool's output is not JSON: ${(error as Error).message}`, retryable: false },
    };
  }
  const bytes = byteLength(text);
  if (bytes <= LIMITS.outputBytes) return { kind: 'completed', output: text };
  return {
    kind: 'failed',
    error: {
      code: 'output_too_large',
      message: `the output has ${bytes} bytes; at most ${LIMITS.outputBytes} are kept. Write it to a file, where the tool can, and give its path`,
      retryable: false,
    },
  };
}

function errorOf(thrown: unknown, { text }: Redaction): StepError {
  if (thrown instanceof ToolError) return { code: thrown.code, message: text(thrown.message), retryable: thrown.retryable };
  // Users' tools say what they mean on plain errors.
  const { code, retryable } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as { code?: unknown; retryable?: unknown };
  return {
    code: STEP_ERROR_CODES.includes(code as never) ? (code as StepError['code']) : 'tool_error',
    // Before it is cut: a half of a secret would not be found.
    message:
      text(thrown instanceof Error ? thrown.message : String(thrown)).slice(0, LIMITS.textLength) || 'the tool threw without a message',
    retryable: retryable !== false,
  };
}

/** Resolves when the tool settles, or some time after it was told to abort, with null. */
function settle(call: Promise<Json>, inHand: StepInHand): Promise<Settled | null> {
  return new Promise((resolve) => {
    let grace: NodeJS.Timeout | undefined;
    const finish = (settled: Settled | null): void => {
      inHand.whenAborted(null);
      clearTimeout(grace);
      resolve(settled);
    };
    inHand.whenAborted(() => {
      grace = setTimeout(() => finish(null), ABORT_GRACE_MS);
    });
    call.then(
      (returned) => finish({ returned }),
      (threw: unknown) => finish({ threw }),
    );
  });
}

/** `timeoutMs` is of this attempt; what comes of it is redacted. */
export async function callTool(
  { tool, input }: ToolCall,
  context: ToolContext,
  { inHand, turns, timeoutMs, redaction }: { inHand: StepInHand; turns: CallTurns; timeoutMs: number; redaction: Redaction },
): Promise<CallOutcome> {
  // It was told to abort while it was being prepared: nothing has happened yet, and nothing should.
  if (inHand.cause !== null) return { kind: 'released' };
  const timer = setTimeout(() => inHand.abort('timeout'), timeoutMs);
  // An async function, so that a tool that throws at once is treated like one that rejects.
  const settled = await settle(
    turns.take(() => inToolCall(async () => tool.run(input, context))),
    inHand,
  );
  clearTimeout(timer);
  const { cause } = inHand;
  if (cause === 'timeout') {
    return { kind: 'failed', error: { code: 'timeout', message: `no result within ${timeoutMs} ms`, retryable: true } };
  }
  // A result that came all the same is recorded: what is done is done. The store refuses it where it may not count.
  if (settled !== null && 'returned' in settled) return outputText(settled.returned, redaction);
  if (cause !== null || settled === null) return { kind: 'released' };
  return { kind: 'failed', error: errorOf(settled.threw, redaction) };
}
