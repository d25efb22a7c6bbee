/** The schedule of the faults of a run: several at a time, and now and then one alone, to see how soon work goes on. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { FAULTS, type FaultKind, injectFault } from './faults.ts';
import type { SeenFault } from './observed.ts';
import type { RunOptions } from './run.ts';
import type { Scene } from './scene.ts';

/** Faults come one after the other, in so many rows side by side. */
const ROWS = 3;
/** After so many faults comes one alone, with nothing before it or behind it, so that it shows how long work takes to go on. */
const CALM_EVERY = 40;
const CALM_BEFORE_MS = 1_000;
const CALM_BEHIND_MS = 14_000;
/** What comes alone is one of these. */
const CALM_KINDS: readonly FaultKind[] = ['kill_executor', 'kill_executor', 'kill_planner', 'kill_redis', 'black_hole'];
/** A fault that takes longer than this is told of, with what the processes say: it may never end. */
const LONG_MS = 45_000;

interface Happening {
  options: Pick<RunOptions, 'durationMs' | 'faults' | 'kinds' | 'log'>;
  random: Random;
  isOver(): boolean;
  scene: Omit<Scene, 'random'>;
}

/** Resolves with what happened, in the order of the ends. */
export async function happen({ options, random, isOver, scene }: Happening): Promise<SeenFault[]> {
  const seen: SeenFault[] = [];
  const { log } = options;
  const until = performance.now() + options.durationMs;
  const choices = options.kinds.map((kind) => [FAULTS[kind].weight, kind] as const);
  const calmKinds = CALM_KINDS.filter((kind) => options.kinds.includes(kind));
  const goesOn = (): boolean => seen.length + underWay.size < options.faults && performance.now() < until && !isOver();
  const underWay = new Set<Promise<void>>();
  /** a fault that nothing else may happen with */
  let alone: Promise<void> = Promise.resolve();
  let nextCalm = CALM_EVERY;

  const inject = async (kind: FaultKind, chance: Random): Promise<void> => {
    const patience = setTimeout(() => log(`${kind} has been under way for ${LONG_MS} ms\n${scene.stage.lastWords(5)}`), LONG_MS);
    try {
      const fault = await injectFault(kind, { ...scene, random: chance });
      if (fault !== null) seen.push(fault);
    } finally {
      clearTimeout(patience);
    }
  };
  const underWayWith = async (work: Promise<void>): Promise<void> => {
    underWay.add(work);
    await work.finally(() => underWay.delete(work));
  };
  const injectAlone = async (kind: FaultKind, chance: Random): Promise<void> => {
    await Promise.all(underWay);
    await underWayWith(inject(kind, chance));
  };
  const injectCalmly = async (chance: Random): Promise<void> => {
    await Promise.all(underWay);
    await delay(CALM_BEFORE_MS);
    await underWayWith(inject(chance.pick(calmKinds), chance));
    await delay(CALM_BEHIND_MS);
  };
  const row = async (chance: Random): Promise<void> => {
    for (let at = 0; goesOn(); at++) {
      // Another row may have asked to be alone in the same moment.
      for (let waitedFor: Promise<void> | null = null; waitedFor !== alone; ) {
        waitedFor = alone;
        await alone;
      }
      const own = chance.fork(`fault-${at}`);
      const kind = own.weighted(choices);
      if (seen.length >= nextCalm && calmKinds.length > 0) {
        nextCalm += CALM_EVERY;
        alone = injectCalmly(own);
      } else if (FAULTS[kind].alone) alone = injectAlone(kind, own);
      else await underWayWith(inject(kind, own));
      await alone;
      await delay(own.between(100, 600));
    }
  };
  await Promise.all(Array.from({ length: ROWS }, (_, at) => row(random.fork(`row-${at}`))));
  return seen;
}
