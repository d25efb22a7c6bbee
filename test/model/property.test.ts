/**
 * Holds the store against the reference model: random plans, random sequences of commands, and after every command the
 * reply, the plan, its steps, its events and BullMQ's jobs are compared.
 *
 * MODEL_SEED sets the seed (it is printed), MODEL_RUNS how many sequences are tried (500), MODEL_PATH goes straight to a
 * counterexample that was printed with its seed.
 */
import { CONDITION_TOOL, type Step } from '@countersign/shared';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedPlan } from './comparable.ts';
import { expectFold, expectSameEvents } from './comparable-events.ts';
import { type Intent, intents, START } from './generators.ts';
import { expectIndexesAgree, indexedOf } from './index-agreement.ts';
import { expectInvariants } from './invariants.ts';
import { type Move, movesOf } from './moves.ts';
import { submission } from './plan-generator.ts';
import type { PlanState } from './plan-state.ts';
import { expectQueueAgrees, forgetJobs } from './queue-agreement.ts';
import { type ModelSide, modelSide, type StoreSide, storeSide } from './sides.ts';
import { createCommand, type Submission } from './submission.ts';
import { openTrial, type Trial } from './trial.ts';

const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const numRuns = Number(process.env.MODEL_RUNS ?? 500);
const path = process.env.MODEL_PATH;

describe.each([
  { shards: 1, runs: numRuns },
  { shards: 3, runs: Math.ceil(numRuns / 10) },
])('with $shards shards', ({ shards, runs }) => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await openTrial({ shards });
  });
  afterAll(() => trial.close());

  test(`${runs} random sequences of commands do to the store what they do to the model`, { timeout: 600_000 }, async () => {
    console.log(`MODEL_SEED=${seed} repeats these ${runs} sequences`);
    const property = fc.asyncProperty(submission, intents, (spec, list) => runSequence(trial, spec, list));
    await fc.assert(property, { seed, numRuns: runs, ...(path === undefined ? {} : { path }) });
  });
});

async function runSequence(trial: Trial, spec: Submission, list: readonly Intent[]): Promise<void> {
  const { store, clock } = trial;
  clock.now = START;
  const create = await createCommand(spec);
  const model = modelSide(create, clock);
  const real = await storeSide(create, store);
  const past: Move[] = [];
  let last = model.state() as PlanState;
  try {
    await expectAgreement(trial, { model, real, before: null, command: null });
    for (const intent of list) {
      for (const move of await movesOf(intent, { state: model.state(), last, now: clock.now, past })) {
        past.push(move);
        if (move.do === 'wait') {
          clock.now += move.ms;
          continue;
        }
        const before = model.state();
        const expected = await model.run(move);
        expect(await real.run(move), 'the reply').toEqual(expected);
        await expectAgreement(trial, { model, real, before, command: move });
        last = model.state() ?? last;
      }
    }
  } catch (error) {
    const commands = past.map(described).join('\n');
    const plan = create.content.steps.map(outlined).join('\n');
    const shown = `The plan's steps:\n${plan}\n\nWhat was done after it was created, the last line shows it:\n${commands}\n`;
    throw new Error(`${(error as Error).message}\n\n${shown}`, { cause: error });
  } finally {
    await store.cancelPlan(real.planId, { actor: { id: 'ann', roles: ['admin'] } });
    await store.deletePlan(real.planId);
    await forgetJobs(store, real.planId);
  }
}

/** A revision's content is long; its steps are shown as those of the plan are. */
function described(move: Move): string {
  if (!('content' in move)) return JSON.stringify(move);
  const { content, ...rest } = move;
  return [JSON.stringify({ ...rest, input: content.input }), ...content.steps.map((step) => `    ${outlined(step)}`)].join('\n');
}

/** What of a step decides when it runs. */
function outlined({ id, tool, dependsOn, when, runIf, onError, approval, retry, forEach, ifTrue, ifFalse }: Step): string {
  const branches = [...ifTrue.map((target) => `true: ${target}`), ...ifFalse.map((target) => `false: ${target}`)];
  return [
    `${id} after [${dependsOn.join(', ')}]`,
    ...(tool === CONDITION_TOOL ? [`condition (${branches.join(', ')})`] : []),
    ...(runIf === 'none_failed_min_one_success' ? [] : [runIf]),
    ...(when === null ? [] : [`when ${when}`]),
    ...(approval === null ? [] : [`gate of ${approval.quorum}`]),
    ...(forEach === null ? [] : [`for each of ${JSON.stringify(forEach)}`]),
    ...(retry.maxAttempts === 1 ? [] : [`${retry.maxAttempts} attempts`]),
    `on error ${onError}`,
  ].join(', ');
}

/** `before` is the plan before the last command; both sides agreed on it. */
async function expectAgreement(
  trial: Trial,
  { model, real, before, command }: { model: ModelSide; real: StoreSide; before: PlanState | null; command: Move | null },
): Promise<void> {
  const state = model.state();
  const after = await real.plan();
  expect(after, 'the plan').toEqual(await model.plan());
  if (indexedOf(state) !== indexedOf(before)) await expectIndexesAgree(trial, real.planId, state);
  if (state === null || after === null) {
    expect(await trial.store.readEvents(real.planId), 'what is left of the events of a deleted plan').toEqual([]);
    return;
  }

  const events = await real.events();
  expectSameEvents(events, await model.events());
  expectFold(events, after);
  expectInvariants({ content: state.content, before: before === null ? null : expectedPlan(before), command, after });
  await expectQueueAgrees(trial.store, real.planId, state);
}
