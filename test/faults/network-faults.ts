/** Faults of the network between processes and Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { type Fault, hitting } from './scene.ts';
import type { Filled } from './stage.ts';

/** What the request of a transition holds: each of them is a script. */
export const TRANSITION = 'evalsha';

/** Does something to the network of one process, or of two, for a while. */
const network = (act: (seat: Filled, random: Random) => Promise<void>): Fault['inject'] =>
  hitting(
    'any',
    async (seats, { random }) => {
      const pids = seats.map(({ process }) => process.pid);
      await Promise.all(seats.map((seat) => act(seat, random)));
      return { pids };
    },
    2,
  );

export const NETWORK_FAULTS = {
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
  half_open: { weight: 3, inject: network(async ({ proxy }) => void proxy.halfOpen()) },
  reset: { weight: 4, inject: network(async ({ proxy }) => void proxy.reset()) },
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
    inject: network(async ({ proxy }) => void (await proxy.dropReply(TRANSITION, AbortSignal.timeout(2_000)))),
  },
} satisfies Record<string, Fault>;
