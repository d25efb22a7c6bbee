/**
 * A tool for each lane, with a queue of its own, so that it is known which executor has which steps. Each call is written to
 * the file LEDGER. An executor that stands by gives its results at once: what it is called for it has taken over.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const never = new Int32Array(new SharedArrayBuffer(4));

async function run({ until = 0, ms = 0, blockMs = 0 }, { planId, stepId, signal }) {
  const call = { at: Date.now(), pid: process.pid, planId, stepId };
  appendFileSync(process.env.LEDGER, `${JSON.stringify(call)}\n`);
  if (process.env.STANDS_BY === 'yes') return {};
  await delay(Math.max(ms, until - Date.now()), undefined, { signal });
  // Without a processor: what is measured is a loop that stands, not a machine that is busy.
  if (blockMs > 0) Atomics.wait(never, 0, 0, blockMs);
  return {};
}

const number = { type: 'number' };
const tools = Array.from({ length: 20 }, (_, lane) => ({
  name: `lane${lane}.step`,
  description: 'Waits for a moment, for some ms, and may then block the event loop.',
  risk: 'read',
  queue: `lane${lane}`,
  inputSchema: { type: 'object', properties: { until: number, ms: number, blockMs: number }, additionalProperties: false },
  run,
}));

export const [lane0, lane1, lane2, lane3, lane4, lane5, lane6, lane7, lane8, lane9] = tools;
export const [lane10, lane11, lane12, lane13, lane14, lane15, lane16, lane17, lane18, lane19] = tools.slice(10);
