/** Faults of processes: they are killed, stopped, held up, asked to go. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { TRANSITION } from './network-faults.ts';
import type { LedgerLine } from './observed.ts';
import type { PlanLife } from './people.ts';
import { type Fault, type Hit, hitting, killAndFill } from './scene.ts';
import type { Filled, Stage } from './stage.ts';
import { blockingStory, LONGEST_BLOCK_MS } from './story.ts';

/** ms that a fault waits for the moment that it is made for; then it happens at any other */
const MOMENT_MS = 2_000;
const LOOK_MS = 100;
/** ms from a model's answer until what is stored of it is stored */
const LONGEST_SAVE_MS = 60;

async function stopped(process: Filled['process'], ms: number): Promise<void> {
  process.signal('SIGSTOP');
  await delay(ms);
  process.signal('SIGCONT');
}

/** Kills a process whose transition was carried out, and that does not know it. */
const killUnanswered = (service: 'api' | 'planner' | 'executor'): Fault['inject'] =>
  hitting(service, async (seats, { stage }) => {
    await Promise.all(seats.map(({ proxy }) => proxy.dropReply(TRANSITION, AbortSignal.timeout(MOMENT_MS))));
    return killAndFill(stage, seats);
  });

/** Kills a planner that waits for its model; `before` has the last word before that. */
async function killAsking(
  seats: readonly Filled[],
  { stage, random, before }: { stage: Stage; random: Random; before: () => Promise<void> },
): Promise<Hit> {
  stage.model.hold();
  const asking = await stage.model.asked(AbortSignal.timeout(MOMENT_MS));
  await before();
  const victim = seats.find(({ name }) => name === asking) ?? random.pick(seats);
  const pid = await stage.empty(victim, 'SIGKILL');
  stage.model.release();
  await stage.fill(victim);
  return { pids: [pid], deadly: true };
}

/** The first call of a plan that is lived for a fault, once it and the plan have come to their ends; null where it was never called. */
async function firstCall(life: PlanLife, { ledger }: Stage): Promise<LedgerLine | null> {
  await life.over();
  const calls = () => ledger.refresh().filter(({ planId }) => planId === life.id);
  const first = calls().find(({ what }) => what === 'start');
  if (first === undefined) return null;
  const patience = AbortSignal.timeout(LONGEST_BLOCK_MS);
  while (!patience.aborted && !calls().some(({ what, call }) => what !== 'start' && call === first.call)) await delay(LOOK_MS);
  return first;
}

export const PROCESS_FAULTS = {
  kill_executor: { weight: 10, inject: hitting('executor', (seats, { stage }) => killAndFill(stage, seats), 2) },
  kill_planner: { weight: 2, inject: hitting('planner', (seats, { stage }) => killAndFill(stage, seats)) },
  kill_api: { weight: 3, inject: hitting('api', (seats, { stage }) => killAndFill(stage, seats)) },
  kill_executor_unanswered: { weight: 5, inject: killUnanswered('executor') },
  kill_planner_unanswered: { weight: 2, inject: killUnanswered('planner') },
  kill_api_unanswered: { weight: 3, inject: killUnanswered('api') },
  kill_planner_in_call: {
    weight: 3,
    inject: hitting('planner', (seats, { stage, random }) => killAsking(seats, { stage, random, before: async () => {} }), 2),
  },
  kill_planner_after_reply: {
    weight: 3,
    inject: hitting(
      'planner',
      (seats, { stage, random }) =>
        killAsking(seats, {
          stage,
          random,
          async before() {
            stage.model.release();
            await delay(random.between(0, LONGEST_SAVE_MS));
          },
        }),
      2,
    ),
  },
  kill_all: {
    weight: 1,
    alone: true,
    async inject({ stage }) {
      const seats = stage.free();
      await Promise.all(seats.map((seat) => stage.empty(seat, 'SIGKILL')));
      await stage.restartRedis();
      await Promise.all(seats.map((seat) => stage.fill(seat)));
      return { pids: [], deadly: true };
    },
  },
  /** stopped past its lock, and then it goes on: a zombie */
  stop_executor: {
    weight: 2,
    inject: hitting('executor', async ([seat], { random }) => {
      const { process } = seat as Filled;
      await stopped(process, random.between(11_000, 15_000));
      return { pids: [process.pid] };
    }),
  },
  /** stopped for a moment, well within its lock */
  freeze: {
    weight: 4,
    inject: hitting('any', async ([seat], { random }) => {
      const { process } = seat as Filled;
      await stopped(process, random.between(100, 1_500));
      return { pids: [process.pid] };
    }),
  },
  /** a tool that holds up its executor past its lock, with everything else that runs there */
  block_executor: {
    weight: 1,
    async inject({ stage, random, live }) {
      const life = live(blockingStory(random));
      const call = await firstCall(life, stage);
      if (call === null) return null;
      return { pids: [call.pid] };
    },
  },
  /** one process after the other, as for a new version */
  restart_gently: {
    weight: 4,
    inject: hitting('any', async ([seat], { stage }) => {
      const pid = await stage.empty(seat as Filled, 'SIGTERM');
      await stage.fill(seat as Filled);
      return { pids: [pid], deadly: true };
    }),
  },
  /** a new version of the executors, one after the other, in which a tool has another contract than people signed */
  change_contract: {
    weight: 1,
    alone: true,
    async inject({ stage }) {
      stage.contract++;
      const pids: number[] = [];
      for (const seat of stage.free('executor')) {
        pids.push(await stage.empty(seat, 'SIGTERM'));
        await stage.fill(seat);
      }
      return { pids, deadly: true };
    },
  },
} satisfies Record<string, Fault>;
