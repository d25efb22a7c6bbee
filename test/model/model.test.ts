/** The edges of the engine that a person would ask about, on the model and on the store alike. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPROVAL_CASES } from './approval-cases.ts';
import { EXECUTOR_CASES } from './executor-cases.ts';
import { FAILURE_CASES } from './failure-cases.ts';
import { TOOL } from './generators.ts';
import { modelSide, type Side, storeSide } from './sides.ts';
import { createCommand, openTrial, START, type Trial } from './trial.ts';

const CASES = [...APPROVAL_CASES, ...EXECUTOR_CASES, ...FAILURE_CASES];

let trial: Trial;
beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial.close());

describe.each(['model', 'store'] as const)('the %s', (which) => {
  test.each(CASES)('$name', async ({ steps, maxParallelSteps = 3, quorum = 0, draft = false, calls, ends }) => {
    const { clock, store } = trial;
    clock.now = START;
    const plan = {
      objective: 'try an edge',
      options: { maxParallelSteps },
      steps: steps.map((step) => ({ tool: TOOL, ...step })),
    };
    const create = await createCommand({ plan, quorum, draft });
    const side: Side = which === 'model' ? modelSide(create, clock) : await storeSide(create, store);

    for (const call of calls) {
      if (typeof call === 'number') {
        clock.now += call;
        continue;
      }
      const command = typeof call[0] === 'function' ? call[0](create.digest) : call[0];
      const reply = await side.run(command);
      expect(reply.ok ? 'ok' : reply.refusal, `the reply to ${JSON.stringify(command)}`).toBe(call[1]);
    }

    const seen = await side.plan();
    expect(seen?.status ?? null).toBe(ends.plan);
    expect(Object.fromEntries(seen?.steps.map(({ id, status }) => [id, status]) ?? [])).toEqual(ends.steps);
    const attempts = Object.fromEntries(seen?.steps.map(({ id, attempt }) => [id, attempt]) ?? []);
    expect(attempts).toMatchObject(ends.attempts ?? {});
    const reasons = Object.fromEntries(
      seen?.steps.map(({ id, reason, failedStep }) => [id, failedStep === null ? reason : `${reason} ${failedStep}`]) ?? [],
    );
    expect(reasons).toMatchObject(ends.reasons ?? {});
    const events = (await side.events()).map(({ type, stepId }) => (stepId === undefined ? type : `${type} ${stepId}`));
    expect(events.slice(-(ends.events?.length ?? 0))).toEqual(ends.events ?? events);
  });
});
