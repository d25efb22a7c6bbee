import { defineTool, type ToolContext } from '@countersign/tools';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type CallOutcome, callTool } from './call-tool.ts';
import { callTurns } from './call-turns.ts';
import { NO_REDACTION } from './secrets/redaction.ts';
import { stepsInHand } from './steps-in-hand.ts';

/** Calls a tool that counts its calls, on a step that `prepare` did something to before. */
async function callAfter(prepare: (inHand: ReturnType<typeof stepsInHand>) => void): Promise<{ outcome: CallOutcome; calls: number }> {
  let calls = 0;
  const tool = defineTool({ name: 'test.count', description: 'Counts.', risk: 'read', input: z.object({}), run: () => ++calls });
  const steps = stepsInHand();
  const inHand = steps.take('pln_1');
  inHand.loaded({ isCleanUp: false });
  prepare(steps);
  const evaluate = () => false;
  const context: ToolContext = {
    signal: inHand.signal,
    idempotencyKey: 'key',
    planId: 'pln_1',
    stepId: 'step',
    attempt: 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    progress() {},
    evaluate,
  };
  const call = { tool, input: {}, resolvedInput: null, evaluate, approvalData: undefined, secrets: [] };
  return { outcome: await callTool(call, context, { inHand, turns: callTurns(), timeoutMs: 10_000, redaction: NO_REDACTION }), calls };
}

test('a step that was told to abort while it was prepared never calls its tool', async () => {
  expect(await callAfter(() => {})).toEqual({ outcome: { kind: 'completed', output: '1' }, calls: 1 });
  for (const kind of ['stop', 'cancel'] as const) {
    const stopped = await callAfter((steps) => steps.halt({ planId: 'pln_1', kind }));
    expect(stopped).toEqual({ outcome: { kind: 'released' }, calls: 0 });
  }
  expect(await callAfter((steps) => steps.abortAll('shutdown'))).toEqual({ outcome: { kind: 'released' }, calls: 0 });
});
