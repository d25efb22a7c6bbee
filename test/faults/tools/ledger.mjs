/**
 * The tools of a run with faults. Each call is written to the file LEDGER, outside Redis, one JSON line when it starts and
 * one when it ends: what was called is known from there, whatever became of the executor or of Redis.
 */
import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const hashOf = (input) => createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 16);

/** Which contract this process was started with. */
const CONTRACT = Number(process.env.CONTRACT ?? 1);

function opened(ctx, input) {
  const call = randomUUID();
  const write = (what, more = {}) =>
    appendFileSync(
      process.env.LEDGER,
      `${JSON.stringify({ what, at: Date.now(), call, pid: process.pid, planId: ctx.planId, stepId: ctx.stepId, attempt: ctx.attempt, key: ctx.idempotencyKey, ...more })}\n`,
    );
  write('start', { mark: input.mark, seen: input.seen, hash: hashOf(input), contract: CONTRACT });
  return write;
}

const inputSchema = {
  type: 'object',
  properties: {
    mark: { type: 'string', description: 'plan, revision and step as the author wrote them' },
    seen: { description: 'what the steps before it gave' },
    ms: { type: 'integer', minimum: 0, maximum: 60_000, description: 'how long it works' },
    failAttempts: { type: 'integer', minimum: 0, description: 'fails this many attempts' },
    fatal: { type: 'boolean', description: 'its failure is not worth another attempt' },
    deaf: { type: 'boolean', description: 'does not listen to the signal' },
  },
  required: ['mark'],
  additionalProperties: false,
};

export const work = {
  name: 'fault.work',
  description: 'Writes down that it was called, works for a while, and fails as often as it is told to.',
  risk: 'write',
  inputSchema,
  async run(input, ctx) {
    const write = opened(ctx, input);
    const { mark, ms = 0, failAttempts = 0, fatal = false, deaf = false } = input;
    try {
      if (ms > 0) await delay(ms, undefined, deaf ? {} : { signal: ctx.signal });
    } catch (error) {
      write('aborted');
      throw error;
    }
    if (ctx.attempt <= failAttempts) {
      write('failed');
      throw Object.assign(new Error(`attempt ${ctx.attempt} fails as it was told to`), { retryable: !fatal });
    }
    write('end');
    return { mark };
  },
};

/** The fleet runs few of these at once. */
export const narrow = { ...work, name: 'fault.narrow', queue: 'narrow' };

/** Its contract changes from one process to the next. */
export const changing = { ...work, name: 'fault.changing', description: `${work.description} This is contract ${CONTRACT}.` };

/** Asks for two votes under the run's policy. */
export const destroy = { ...work, name: 'fault.destroy', risk: 'destructive' };

/** Holds up its whole process, and everything else that runs in it; only the first time that it is called for a step. */
export const block = {
  ...work,
  name: 'fault.block',
  description: 'Writes down that it was called and blocks the event loop of its executor.',
  run(input, ctx) {
    const write = opened(ctx, input);
    const mark = `${process.env.LEDGER}.${ctx.idempotencyKey}`;
    if (!existsSync(mark)) {
      writeFileSync(mark, '');
      for (const until = performance.now() + (input.ms ?? 0); performance.now() < until; );
    }
    write('end');
    return { mark: input.mark };
  },
};
