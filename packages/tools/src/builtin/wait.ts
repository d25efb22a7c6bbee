import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { durationWords, effectsOr } from '../effect-words.ts';
import { abortedError } from '../tool.ts';

const LONGEST_MS = 3_600_000;

export const wait = defineTool({
  name: 'wait',
  description: 'Waits for `ms` milliseconds, at most an hour, then gives {waitedMs}. Ends at once when the step is cancelled.',
  risk: 'read',
  // A wait is as long as its input says; a shorter default would end it early.
  timeoutMs: LONGEST_MS + 60_000,
  input: z.strictObject({ ms: z.int().min(0).max(LONGEST_MS).describe('Milliseconds.') }),
  output: z.object({ waitedMs: z.int() }),
  examples: [
    { text: 'wait 5 seconds', input: { ms: 5_000 } },
    { text: 'pause for a minute', input: { ms: 60_000 } },
    { text: 'sleep for 200 ms', input: { ms: 200 } },
    { text: 'wait half an hour', input: { ms: 1_800_000 } },
  ],
  effects: effectsOr('waits', ({ ms }) =>
    typeof ms === 'number' ? `waits ${durationWords(ms)}` : 'waits for a time that earlier steps give',
  ),
  async run({ ms }, ctx) {
    const start = performance.now();
    try {
      await delay(ms, undefined, { signal: ctx.signal });
    } catch {
      throw abortedError(ctx.signal);
    }
    return { waitedMs: Math.round(performance.now() - start) };
  },
});
