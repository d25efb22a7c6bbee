/** The edges of the engine that a person would ask about, on the model and on the store alike. */
import { type PlanDraft, plainDecision } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPROVAL_CASES } from './approval-cases.ts';
import { BRANCH_CASES } from './branch-cases.ts';
import { CLEANUP_CASES } from './cleanup-cases.ts';
import type { CommandOf, Reply } from './commands.ts';
import { type ComparableRun, withChildren } from './comparable.ts';
import { DEADLINE_CASES } from './deadline-cases.ts';
import type { Call, EdgeCase } from './edge-case.ts';
import { EXECUTOR_CASES } from './executor-cases.ts';
import { FAILURE_CASES } from './failure-cases.ts';
import { FOR_EACH_AGAIN_CASES } from './for-each-again-cases.ts';
import { FOR_EACH_CASES } from './for-each-cases.ts';
import { FOR_EACH_ENDING_CASES } from './for-each-ending-cases.ts';
import { GATE_CASES } from './gate-cases.ts';
import { START } from './generators.ts';
import { PAUSE_CASES } from './pause-cases.ts';
import { POLICY_CASES } from './policy-cases.ts';
import { RETRY_CASES } from './retry-cases.ts';
import { REVISION_CASES } from './revision-cases.ts';
import { type Clock, modelSide, type Side, storeSide } from './sides.ts';
import { SKIP_CASES } from './skip-cases.ts';
import { createCommand, draftOf, TOOL } from './submission.ts';
import { TIMEOUT_CASES } from './timeout-cases.ts';
import { openTrial, type Trial } from './trial.ts';

const CASES = [
  ...APPROVAL_CASES,
  ...BRANCH_CASES,
  ...CLEANUP_CASES,
  ...DEADLINE_CASES,
  ...EXECUTOR_CASES,
  ...FAILURE_CASES,
  ...FOR_EACH_AGAIN_CASES,
  ...FOR_EACH_CASES,
  ...FOR_EACH_ENDING_CASES,
  ...GATE_CASES,
  ...PAUSE_CASES,
  ...POLICY_CASES,
  ...RETRY_CASES,
  ...REVISION_CASES,
  ...SKIP_CASES,
  ...TIMEOUT_CASES,
];

let trial: Trial;
beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial.close());

describe.each(['model', 'store'] as const)('the %s', (which) => {
  test.each(CASES)('$name', async (edge) => {
    const { clock, store } = trial;
    clock.now = START;
    const create = await createCommand({
      plan: planOf(edge),
      decision: edge.decision ?? plainDecision(edge.quorum ?? 0, 'as the case wants it'),
      draft: edge.draft ?? false,
    });
    const side: Side = which === 'model' ? modelSide(create, clock) : await storeSide(create, store);
    await runCalls(side, { create, calls: edge.calls, clock });
    await expectEnd(side, edge.ends);
  });
});

const planOf = ({ steps, input = {}, options, maxParallelSteps = 3 }: EdgeCase): PlanDraft => ({
  objective: 'try an edge',
  input,
  options: { maxParallelSteps, ...options },
  steps: steps.map((step) => ({ tool: TOOL, ...step })),
});

async function runCalls(
  side: Side,
  { create, calls, clock }: { create: CommandOf<'create'>; calls: readonly Call[]; clock: Clock },
): Promise<void> {
  let present = { digest: create.digest, plan: draftOf(create.content) };
  for (const [at, call] of calls.entries()) {
    if (typeof call === 'number') {
      clock.now += call;
      continue;
    }
    const [what, expected] = call;
    const command = typeof what === 'function' ? await what(present) : what;
    const reply = await side.run(command);
    const { content: _content, ...named } = 'content' in command ? command : { ...command, content: null };
    expect(repliedWith(reply, expected), `the reply to call ${at + 1}, ${JSON.stringify(named)}`).toBe(expected);
    if (command.do === 'revise' && reply.ok) present = { digest: command.digest, plan: draftOf(command.content) };
  }
}

/** The reply in as many words as were expected. */
function repliedWith(reply: Reply, expected: string): string {
  const more = reply.ok ? (reply.due ?? []).map(({ what, stepId }) => stepId ?? what) : Object.values(reply.detail ?? {});
  const words = [reply.ok ? 'ok' : reply.refusal, ...more];
  return words.slice(0, expected.includes(' ') ? undefined : 1).join(' ');
}

async function expectEnd(side: Side, ends: EdgeCase['ends']): Promise<void> {
  const seen = await side.plan();
  const steps = seen?.steps ?? [];
  const each = <Value>(of: (run: ComparableRun) => Value) => Object.fromEntries(withChildren(steps).map((run) => [run.id, of(run)]));
  const causes = new Map(steps.map(({ id, causedBy }) => [id, causedBy]));
  expect(seen?.status ?? null, 'the status of the plan').toBe(ends.plan);
  expect(
    each(({ status }) => status),
    'the statuses of the steps',
  ).toEqual(ends.steps);
  expect(
    each(({ attempt }) => attempt),
    'the attempts',
  ).toMatchObject(ends.attempts ?? {});
  expect(
    each(({ generation }) => generation),
    'the generations',
  ).toMatchObject(ends.generations ?? {});
  expect(
    each(({ id, reason }) => [reason, causes.get(id)].filter((part) => part != null).join(' ') || null),
    'the reasons',
  ).toMatchObject(ends.reasons ?? {});
  expect(Object.fromEntries(steps.map(({ id, gate }) => [id, gate])), 'the gates').toMatchObject(ends.gates ?? {});
  expect(
    each(({ output }) => output),
    'the outputs',
  ).toMatchObject(ends.outputs ?? {});
  expect(
    each(({ error }) => error),
    'the errors',
  ).toMatchObject(ends.errors ?? {});
  const retries = (await side.events()).filter(({ type }) => type === 'plan.retried');
  if (ends.kept !== undefined) expect(retries.at(-1)?.data.kept, 'the children that the last retry kept').toEqual(ends.kept);
  const events = (await side.events()).map(({ type, stepId }) => (stepId === undefined ? type : `${type} ${stepId}`));
  expect(events.slice(-(ends.events?.length ?? 0)), 'the last events').toEqual(ends.events ?? events);
}
