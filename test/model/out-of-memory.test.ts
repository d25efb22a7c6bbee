/**
 * Every command while Redis is full: it is refused and has changed nothing, or it is carried out whole, as the reference
 * model says. MODEL_SEED sets the seed (it is printed).
 */
import { StoreUnavailableError } from '@countersign/store';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InspectedRedis, inspectRedis } from '../redis/inspected-redis.ts';
import { expectFold, expectSameEvents } from './comparable-events.ts';
import { type Intent, intents, START } from './generators.ts';
import { type Move, movesOf } from './moves.ts';
import { submission } from './plan-generator.ts';
import type { PlanState } from './plan-state.ts';
import { modelSide, storeSide } from './sides.ts';
import { createCommand, type Submission } from './submission.ts';
import { openTrial, type Trial } from './trial.ts';

const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const numRuns = 20;

/** What people stop things with, and what frees memory, must not wait for it. */
const NEVER_WAIT = ['cancel', 'reject', 'rejectGate', 'pause', 'delete'];

let trial: Trial;
let redis: InspectedRedis;
beforeAll(async () => {
  trial = await openTrial();
  redis = inspectRedis(trial.url);
});
afterAll(async () => {
  redis.close();
  await trial.close();
});

/** By verb, how often each was carried out while Redis was full, refused for a reason of its own, or for want of memory. */
type Tally = Map<string, { done: number; refused: number; full: number }>;

async function runFull(spec: Submission, list: readonly Intent[], tally: Tally): Promise<void> {
  const { store, clock } = trial;
  clock.now = START;
  // So that no record of an earlier call comes to its end between two looks.
  await redis.client.flushall();
  const create = await createCommand(spec);
  const model = modelSide(create, clock);
  const real = await storeSide(create, store);
  const past: Move[] = [];
  let last = model.state() as PlanState;
  try {
    for (const intent of list) {
      for (const move of await movesOf(intent, { state: model.state(), last, now: clock.now, past })) {
        past.push(move);
        if (move.do === 'wait') {
          clock.now += move.ms;
          continue;
        }
        const expected = await model.run(move);
        const count = tally.get(move.do) ?? { done: 0, refused: 0, full: 0 };
        tally.set(move.do, count);
        const before = await redis.keyspace();
        await redis.limitMemory(1);
        const reply = await real.run(move).catch((error: unknown) => error);
        await redis.limitMemory(0);
        if (reply instanceof StoreUnavailableError && move.do !== 'tick') {
          count.full++;
          expect(await redis.keyspace(), `what ${move.do} left behind`).toEqual(before);
          expect(await real.run(move), 'the reply once there is memory').toEqual(expected);
        } else if (reply instanceof StoreUnavailableError) {
          // One script for each thing that is due: some are done, and the others are once there is memory.
          await real.run(move);
        } else {
          count[(reply as { ok: boolean }).ok ? 'done' : 'refused']++;
          expect(reply, `the reply to ${move.do} without memory`).toEqual(expected);
        }
        const after = await real.plan();
        expect(after, `the plan after ${move.do}`).toEqual(await model.plan());
        if (after !== null) {
          const events = await real.events();
          expectSameEvents(events, await model.events());
          expectFold(events, after);
        }
        last = model.state() ?? last;
      }
    }
  } finally {
    await redis.limitMemory(0);
  }
}

test('a command that Redis has no memory for changes nothing, and the others are carried out whole', { timeout: 300_000 }, async () => {
  console.log(`MODEL_SEED=${seed} repeats these ${numRuns} sequences`);
  const tally: Tally = new Map();
  await fc.assert(
    fc.asyncProperty(submission, intents, (spec, list) => runFull(spec, list, tally)),
    { seed, numRuns },
  );
  expect(NEVER_WAIT.filter((verb) => (tally.get(verb)?.full ?? 0) > 0)).toEqual([]);
});
