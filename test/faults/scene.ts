/** What a fault has to do with: who may be hit, and what it says of itself. */
import type { ServiceName } from '../e2e/processes.ts';
import type { Random } from '../random.ts';
import type { PlanLife } from './people.ts';
import type { Filled, Stage } from './stage.ts';
import type { Story } from './story.ts';

export interface Scene {
  stage: Stage;
  random: Random;
  /** Somebody lives a story of the fault's own. */
  live(story: Story): PlanLife;
}

/** What a fault hit. The rest of what is written down of it is the same for all. */
export interface Hit {
  /** none: everybody who speaks with Redis */
  pids?: number[];
  deadly?: boolean;
  /** what was acknowledged since then may be gone, ms of the wall clock */
  lostSince?: number;
}

export interface Fault {
  weight: number;
  /** nothing else may happen meanwhile */
  alone?: boolean;
  /** It is over when this resolves; null where there was nobody to hit. */
  inject(scene: Scene): Promise<Hit | null>;
}

/** Something that hits one process, or some, of a service, or of any; nothing else hits them meanwhile. */
export const hitting =
  (service: ServiceName | 'any', act: (seats: readonly Filled[], scene: Scene) => Promise<Hit | null>, most = 1): Fault['inject'] =>
  async (scene) => {
    const { stage, random } = scene;
    const seats = random.shuffled(stage.free(service === 'any' ? undefined : service)).slice(0, random.between(1, most));
    if (seats.length === 0) return null;
    for (const seat of seats) seat.isTaken = true;
    try {
      return await act(seats, scene);
    } finally {
      for (const seat of seats) seat.isTaken = false;
    }
  };

/** Something that hits Redis; nothing else hits it meanwhile. */
export const hittingRedis =
  (act: (scene: Scene) => Promise<Hit>): Fault['inject'] =>
  async (scene) => {
    const { stage } = scene;
    if (stage.isRedisTaken) return null;
    stage.isRedisTaken = true;
    try {
      return await act(scene);
    } finally {
      stage.isRedisTaken = false;
    }
  };

/** Ends the processes without a word, and has others take their places. */
export async function killAndFill(stage: Stage, seats: readonly Filled[]): Promise<Hit> {
  const pids = await Promise.all(seats.map((seat) => stage.empty(seat, 'SIGKILL')));
  await Promise.all(seats.map((seat) => stage.fill(seat)));
  return { pids, deadly: true };
}
