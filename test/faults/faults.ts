/** The faults, each a function that does it and says what it hit. Every one of them is over when it resolves. */
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '../e2e/processes.ts';
import type { Random } from '../random.ts';
import type { SeenFault } from './observed.ts';
import type { Seat, Stage } from './stage.ts';

/** What a fault hit. The rest of what is written down of it is the same for all. */
interface Hit {
  pids?: number[];
  deadly?: boolean;
  /** what was acknowledged since then may be gone, ms of the wall clock */
  lostSince?: number;
}

interface Fault {
  weight: number;
  /** takes seconds by itself */
  slow?: boolean;
  inject(stage: Stage, random: Random): Promise<Hit>;
}

const living = (seats: readonly Seat[]): (Seat & { process: ServiceProcess })[] =>
  seats.filter((seat): seat is Seat & { process: ServiceProcess } => seat.process !== null);

async function killAndFill(stage: Stage, seats: readonly Seat[]): Promise<Hit> {
  const pids = await Promise.all(seats.map((seat) => stage.empty(seat, 'SIGKILL')));
  await Promise.all(seats.map((seat) => stage.fill(seat)));
  return { pids, deadly: true };
}

const pidsOf = (seats: readonly Seat[]): number[] => living(seats).map(({ process }) => process.pid);

/** Does something to the network of one process, or of some, for a while. */
const network = (act: (seat: Seat, random: Random) => Promise<void>): Fault['inject'] =>
  async function inject(stage, random) {
    const seats = random.shuffled(living(stage.seats)).slice(0, random.between(1, 2));
    const pids = pidsOf(seats);
    await Promise.all(seats.map((seat) => act(seat, random)));
    return { pids };
  };

/** The scripts of one command each are told apart by what stands in their arguments; every one of them has the plan's key. */
const TRANSITION = 'evalsha';

export const FAULTS = {
  kill_executor: {
    weight: 10,
    inject: (stage, random) => killAndFill(stage, [random.pick(living(stage.of('executor')))]),
  },
  kill_planner: {
    weight: 2,
    inject: (stage, random) => killAndFill(stage, [random.pick(living(stage.of('planner')))]),
  },
  kill_api: {
    weight: 3,
    inject: (stage, random) => killAndFill(stage, [random.pick(living(stage.of('api')))]),
  },
  kill_all: {
    weight: 1,
    slow: true,
    async inject(stage) {
      const pids = await Promise.all(living(stage.seats).map((seat) => stage.empty(seat, 'SIGKILL')));
      await stage.restartRedis();
      await Promise.all(stage.seats.map((seat) => stage.fill(seat)));
      return { pids: [], deadly: pids.length > 0 };
    },
  },
  /** stopped past its lock, and then it goes on: a zombie */
  stop_executor: {
    weight: 2,
    slow: true,
    async inject(stage, random) {
      const { process } = random.pick(living(stage.of('executor')));
      process.signal('SIGSTOP');
      await delay(random.between(9_000, 14_000));
      process.signal('SIGCONT');
      return { pids: [process.pid] };
    },
  },
  /** stopped for a moment, well within its lock */
  freeze: {
    weight: 4,
    async inject(stage, random) {
      const { process } = random.pick(living(stage.seats));
      process.signal('SIGSTOP');
      await delay(random.between(100, 1_500));
      process.signal('SIGCONT');
      return { pids: [process.pid] };
    },
  },
  kill_redis: {
    weight: 4,
    async inject(stage) {
      await stage.restartRedis();
      return {};
    },
  },
  cut_aof_tail: {
    weight: 1,
    async inject(stage, random) {
      const lostSince = Date.now() - LOST_MS;
      await stage.restartRedis(() => cutTail(stage.redis.dataDir, random.between(1, 400)));
      return { lostSince };
    },
  },
  client_kill_normal: {
    weight: 4,
    async inject(stage) {
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      return {};
    },
  },
  client_kill_pubsub: {
    weight: 3,
    async inject(stage) {
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      return {};
    },
  },
  client_pause: {
    weight: 2,
    async inject(stage, random) {
      const ms = random.between(1_000, 4_000);
      await stage.admin.call('CLIENT', 'PAUSE', ms, random.pick(['ALL', 'WRITE']));
      await delay(ms);
      return {};
    },
  },
  latency: {
    weight: 4,
    inject: network(async ({ proxy }, random) => {
      proxy.delay(random.between(5, 120));
      await delay(random.between(300, 2_000));
      proxy.delay(0);
    }),
  },
  black_hole: {
    weight: 3,
    inject: network(async ({ proxy }, random) => {
      proxy.blackHole(true);
      await delay(random.between(300, 3_000));
      proxy.blackHole(false);
    }),
  },
  half_open: {
    weight: 3,
    inject: network(async ({ proxy }) => void proxy.halfOpen()),
  },
  reset: {
    weight: 4,
    inject: network(async ({ proxy }) => void proxy.reset()),
  },
  refuse: {
    weight: 2,
    inject: network(async ({ proxy }, random) => {
      proxy.refuse(true);
      await delay(random.between(200, 2_000));
      proxy.refuse(false);
    }),
  },
  /** the command is carried out, and nobody hears of it */
  drop_reply: {
    weight: 10,
    inject: network(async ({ proxy }) => {
      await Promise.race([proxy.dropReply(TRANSITION), delay(2_000)]);
    }),
  },
  out_of_memory: {
    weight: 2,
    async inject(stage, random) {
      const [, used] = /used_memory:(\d+)/.exec(await stage.admin.info('memory')) ?? [];
      await stage.admin.config('SET', 'maxmemory', String(Math.max(1, Number(used) - 100_000)));
      await delay(random.between(200, 1_500));
      await stage.admin.config('SET', 'maxmemory', '0');
      return {};
    },
  },
  /** one process after the other, as for a new version */
  restart_gently: {
    weight: 3,
    async inject(stage, random) {
      const seat = random.pick(living(stage.seats));
      const pid = await stage.empty(seat, 'SIGTERM');
      await stage.fill(seat);
      return { pids: [pid], deadly: true };
    },
  },
} satisfies Record<string, Fault>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

/** What a cut of some hundred bytes may have taken along: the last commands, and those that they were answered with. */
const LOST_MS = 1_500;

/** Cuts the end off the newest increment of the append-only file. */
function cutTail(dataDir: string, bytes: number): void {
  const folder = join(dataDir, 'appendonlydir');
  const [file] = readdirSync(folder)
    .filter((name) => name.endsWith('.incr.aof'))
    .map((name) => join(folder, name))
    .sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
  if (file === undefined) throw new Error(`${folder} has no append-only file`);
  truncateSync(file, Math.max(0, statSync(file).size - bytes));
}

export async function injectFault(kind: FaultKind, stage: Stage, random: Random): Promise<SeenFault> {
  const from = Date.now();
  const { pids = [], deadly = false, lostSince = null } = (await FAULTS[kind].inject(stage, random)) as Hit;
  return { kind, from, until: Date.now(), pids, deadly, lostSince };
}
