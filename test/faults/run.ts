/** One run: plans live their stories while faults happen, and then everything that was seen is held against the invariants. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isEndedPlan } from '@countersign/shared';
import { type Random, seededRandom } from '../random.ts';
import { violationsIn } from './checker.ts';
import { FAULTS, type FaultKind, injectFault } from './faults.ts';
import type { Observed, SeenFault, Violation } from './observed.ts';
import { PlanLife, persistently } from './people.ts';
import { NARROW_CAP, Stage } from './stage.ts';
import { writeStory } from './story.ts';

export interface RunOptions {
  seed: number;
  /** ms within which faults happen */
  durationMs: number;
  /** how many plans live at most */
  plans: number;
  /** how many faults happen at most */
  faults: number;
  /** those that may happen */
  kinds: readonly FaultKind[];
  appendfsync: 'always' | 'everysec';
  executors: number;
  log(line: string): void;
}

export interface RunResult {
  observed: Observed;
  violations: Violation[];
  /** where everything is kept that was seen; null after a run without a violation */
  kept: string | null;
}

const LIVES_AT_ONCE = 16;
/** After the last fault everything has so long to end. */
const SETTLE_MS = 90_000;
/** While faults happen, something happens to some plan within this time. */
const STANDSTILL_MS = 45_000;
const SAY_EVERY_MS = 30_000;
/** Every so many faults nothing else happens for a while, so that it shows how long work takes to go on. */
const CALM_EVERY = 12;
const CALM_MS = 14_000;

/** A plan with a destructive step asks two people. */
const POLICY = `version: faults
rules:
  - name: destructive
    when: { risk: destructive }
    then: { approve: { count: 2 } }
  - name: others
    then: { approve: { count: 1 } }
`;

export async function runWithFaults(options: RunOptions): Promise<RunResult> {
  const { executors, appendfsync } = options;
  const stage = await Stage.start({ executors, planners: 2, appendfsync, policy: POLICY });
  let kept: string | null = null;
  try {
    const { observed, problems } = await live(stage, options);
    const violations = [...problems, ...violationsIn(observed)];
    if (violations.length > 0) kept = keep(stage, { observed, violations });
    return { observed, violations, kept };
  } catch (error) {
    kept = stage.folder;
    writeFileSync(join(kept, 'logs.txt'), stage.lastWords(500));
    throw new Error(`the run with seed ${options.seed} broke off; what there is lies in ${kept}`, { cause: error });
  } finally {
    await stage.close({ keep: kept !== null });
  }
}

function keep(stage: Stage, { observed, violations }: Pick<RunResult, 'observed' | 'violations'>): string {
  const { folder } = stage;
  writeFileSync(join(folder, 'observed.json'), JSON.stringify(observed));
  writeFileSync(join(folder, 'violations.json'), JSON.stringify(violations, null, 2));
  writeFileSync(join(folder, 'logs.txt'), stage.lastWords(500));
  return folder;
}

async function live(stage: Stage, options: RunOptions): Promise<{ observed: Observed; problems: Violation[] }> {
  const random = seededRandom(options.seed);
  const over = new AbortController();
  const problems: Violation[] = [];
  const lives: PlanLife[] = [];
  let begun = 0;
  /** no more faults come, and no more plans */
  let isQuiet = false;
  const liveOn = async (): Promise<void> => {
    while (begun < options.plans && !isQuiet) {
      const at = begun++;
      const chance = random.fork(`story-${at}`);
      const life = new PlanLife(writeStory(at, chance), stage);
      lives.push(life);
      try {
        await life.live(over.signal, { follow: chance.chance(0.1) });
      } catch (error) {
        problems.push({ invariant: 'I7', planId: life.id || null, stepId: null, what: `${life.story.name}: ${(error as Error).message}` });
      }
    }
  };
  const living = Promise.all(Array.from({ length: LIVES_AT_ONCE }, liveOn));
  let isLived = false;
  void living.then(() => {
    isLived = true;
  });
  const watch = watchProgress({ stage, lives, log: options.log });
  const faults = await happen(stage, { options, random: random.fork('faults'), isOver: () => isLived });
  isQuiet = true;
  options.log(`${faults.length} faults; now ${lives.filter(isUnderWay).length} of ${lives.length} plans are to end`);
  const settled = new AbortController();
  await Promise.race([living, delay(SETTLE_MS, undefined, { signal: settled.signal }).catch(() => {})]);
  settled.abort();
  over.abort();
  await living;
  problems.push(...watch.stop());

  stage.ledger.refresh();
  const observed: Observed = {
    ledger: stage.ledger.lines,
    plans: [],
    faults,
    caps: { 'fault.narrow': NARROW_CAP },
    recovery: { crashMs: 16_000, redisMs: 15_000 },
  };
  for (const life of lives) {
    if (life.id === '') continue;
    const { status, body } = await persistently(stage, 'GET', `/v1/plans/${life.id}/audit`);
    if (status === 200) observed.plans.push(life.seen(body));
    else problems.push({ invariant: 'I7', planId: life.id, stepId: null, what: `its audit cannot be read: ${status}` });
  }
  return { observed, problems };
}

const isUnderWay = ({ plan }: PlanLife): boolean => plan === null || !isEndedPlan(plan.status);

/** Says how far the run is, and writes down when nothing happens for too long: what is waited for, and what the processes say. */
function watchProgress({ stage, lives, log }: { stage: Stage; lives: readonly PlanLife[]; log(line: string): void }) {
  const standstills: Violation[] = [];
  let [seen, since, saidAt] = ['', performance.now(), performance.now()];
  const look = (): void => {
    stage.ledger.refresh();
    const ended = lives.length - lives.filter(isUnderWay).length;
    const now = `${stage.ledger.lines.length} ${ended}`;
    if (performance.now() - saidAt > SAY_EVERY_MS) {
      saidAt = performance.now();
      log(`${ended} of ${lives.length} plans have ended, ${stage.ledger.lines.length} lines in the ledger`);
    }
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - since < STANDSTILL_MS) return;
    since = performance.now();
    const waiting = lives.filter(isUnderWay).map(({ story, id, plan }) => `${story.name} ${id} ${plan?.status ?? 'not read'}`);
    standstills.push({ invariant: 'I7', planId: null, stepId: null, what: `nothing happened for ${STANDSTILL_MS} ms` });
    log(`nothing has happened for ${STANDSTILL_MS} ms; under way:\n${waiting.join('\n')}\n${stage.lastWords(15)}`);
  };
  const timer = setInterval(look, 1_000);
  return {
    stop(): Violation[] {
      clearInterval(timer);
      return standstills;
    },
  };
}

/** Faults happen one after the other, with a little time between them. */
async function happen(
  stage: Stage,
  { options, random, isOver }: { options: RunOptions; random: Random; isOver: () => boolean },
): Promise<SeenFault[]> {
  const seen: SeenFault[] = [];
  const until = performance.now() + options.durationMs;
  const choices = options.kinds.map((kind) => [FAULTS[kind].weight, kind] as const);
  while (seen.length < options.faults && performance.now() < until && !isOver()) {
    const kind = random.weighted(choices);
    const fault = await injectFault(kind, stage, random.fork(`fault-${seen.length}`));
    seen.push(fault);
    await delay(seen.length % CALM_EVERY === 0 ? CALM_MS : random.between(100, 600));
  }
  return seen;
}
