/** A tool that says who ran it, as soon as a file is there. It listens to no signal, like one that is in the middle of a call of its own. */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export const hold = {
  name: 'test.hold',
  description: 'Writes down that it was called, waits for a file, and gives the process that it ran in.',
  risk: 'write',
  inputSchema: {
    type: 'object',
    properties: { file: { type: 'string' }, firstFails: { type: 'boolean', description: 'the first call of the step fails' } },
    required: ['file'],
    additionalProperties: false,
  },
  async run({ file, firstFails = false }, { planId, stepId, attempt, idempotencyKey: key }) {
    const isFirst = !existsSync(`${file}.${stepId}`);
    appendFileSync(`${file}.${stepId}`, '');
    const write = (what) =>
      appendFileSync(process.env.LEDGER, `${JSON.stringify({ what, planId, stepId, attempt, key, pid: process.pid })}\n`);
    write('start');
    while (!existsSync(file)) await delay(10);
    if (isFirst && firstFails) {
      write('failed');
      throw Object.assign(new Error('the first call fails'), { retryable: false });
    }
    write('end');
    return { pid: process.pid };
  },
};
