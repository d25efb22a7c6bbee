/** One run: plans live their stories while faults happen, and then everything that was seen is held against the invariants. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Random, seededRandom } from '../random.ts';
import { violationsIn } from './checker.ts';
import type { FaultKind } from './faults.ts';
import { happen } from './happen.ts';
import type { ListedPlan, Observed, SeenPlan, Violation } from './observed.ts';
import { PlanLife } from './people.ts';
import { persistently } from './persistently.ts';
import { NARROW_CAP, Stage } from './stage.ts';
import { type Story, writeStory } from './story.ts';
import { toldOfEnds } from './submits.ts';
import { startTold, type Told } from './told.ts';

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
/** Webhooks that failed come again; after the last plan they have so long. */
const TOLD_MS = 60_000;

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
  const stage = await Stage.start({
    executors,
    planners: 2,
    appendfsync,
    policy: POLICY,
    env: { WEBHOOK_ALLOW_PRIVATE: '127.0.0.0/8', WEBHOOK_BACKOFF_MS: '200' },
  });
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

interface Cast {
  lives: PlanLife[];
  /** resolves once every plan that the run may have has lived */
  done: Promise<void>;
  /** No more plans begin. */
  stop(): void;
  begin(story: Story, follow: boolean): PlanLife;
}

/** Plans live their stories, so many at once, one after the other. */
function cast(stage: Stage, { options, random, signal }: { options: RunOptions; random: Random; signal: AbortSignal }): Cast {
  const lives: PlanLife[] = [];
  let begun = 0;
  let isStopped = false;
  const begin = (story: Story, follow: boolean): PlanLife => {
    const life = new PlanLife(story, stage).begin(signal, { follow });
    lives.push(life);
    return life;
  };
  const liveOn = async (): Promise<void> => {
    while (begun < options.plans && !isStopped) {
      const at = begun++;
      const chance = random.fork(`story-${at}`);
      await begin(writeStory(at, chance), chance.chance(0.1)).over();
    }
  };
  const done = Promise.all(Array.from({ length: LIVES_AT_ONCE }, liveOn)).then(() => {});
  return {
    lives,
    done,
    stop() {
      isStopped = true;
    },
    begin,
  };
}

async function live(stage: Stage, options: RunOptions): Promise<{ observed: Observed; problems: Violation[] }> {
  const { seed, log } = options;
  const random = seededRandom(seed);
  const over = new AbortController();
  const told = await startTold(random.fork('told'));
  try {
    const webhook = await persistently(stage, 'POST', '/v1/webhooks', { body: { url: told.url, events: ['plan.ended'] } });
    told.learn(webhook.body.secret);
    const plans = cast(stage, { options, random, signal: over.signal });
    const { lives } = plans;
    const watch = watchProgress({ stage, lives, options });
    let isLived = false;
    void plans.done.then(() => {
      isLived = true;
    });
    const faults = await happen({
      options,
      random: random.fork('faults'),
      isOver: () => isLived,
      scene: { stage, live: (story) => plans.begin(story, false) },
    });
    plans.stop();
    log(`${faults.length} faults; now ${lives.filter(({ isOver }) => !isOver).length} of ${lives.length} plans are to end`);
    const settled = new AbortController();
    await Promise.race([
      Promise.all(lives.map((life) => life.over())),
      delay(SETTLE_MS, undefined, { signal: settled.signal }).catch(() => {}),
    ]);
    settled.abort();
    over.abort();
    await Promise.all(lives.map((life) => life.over()));
    const standstills = watch.stop();
    const observed: Observed = {
      ledger: [...stage.ledger.refresh()],
      ...(await readBack(stage, lives)),
      tasks: lives.flatMap(({ task }) => task ?? []),
      told: null,
      faults,
      caps: { 'fault.narrow': NARROW_CAP },
      recovery: { crashMs: 16_000, redisMs: 15_000 },
    };
    const late = performance.now() + TOLD_MS;
    while (toldOfEnds({ ...observed, told: toldBy(told) }).length > 0 && performance.now() < late) await delay(200);
    return { observed: { ...observed, told: toldBy(told) }, problems: [...standstills, ...lives.flatMap(({ problems }) => problems)] };
  } finally {
    await told.close();
  }
}

const toldBy = (told: Told): Observed['told'] => ({ events: told.events(), forged: told.forged(), messages: told.messages() });

/** Everything that there is in the end. */
async function readBack(stage: Stage, lives: readonly PlanLife[]): Promise<Pick<Observed, 'plans' | 'listed'>> {
  const plans: SeenPlan[] = [];
  for (const life of lives) {
    if (life.id === '') continue;
    const { status, body } = await persistently(stage, 'GET', `/v1/plans/${life.id}/audit`);
    if (status !== 200) throw new Error(`the audit of ${life.id} cannot be read: ${status}`);
    plans.push(life.seen(body));
  }
  const listed: ListedPlan[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await persistently(stage, 'GET', `/v1/plans?limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    listed.push(...body.items.map(({ id, taskId, objective }: ListedPlan) => ({ id, taskId, objective })));
    cursor = body.nextCursor;
  }
  return { plans, listed };
}

/** Says how far the run is, and writes down when nothing happens for too long: what is waited for, and what the processes say. */
function watchProgress({ stage, lives, options }: { stage: Stage; lives: readonly PlanLife[]; options: RunOptions }) {
  const { seed, log } = options;
  const standstills: Violation[] = [];
  let [seen, since, saidAt] = ['', performance.now(), performance.now()];
  const look = (): void => {
    const lines = stage.ledger.refresh().length;
    const waiting = lives.filter(({ isOver }) => !isOver);
    const now = `${lines} ${lives.length - waiting.length}`;
    if (performance.now() - saidAt > SAY_EVERY_MS) {
      saidAt = performance.now();
      log(`${lives.length - waiting.length} of ${lives.length} plans have ended, ${lines} lines in the ledger`);
    }
    if (now !== seen) [seen, since] = [now, performance.now()];
    if (performance.now() - since < STANDSTILL_MS) return;
    since = performance.now();
    standstills.push({ invariant: 'I7', planId: null, stepId: null, what: `nothing happened for ${STANDSTILL_MS} ms` });
    const plans = waiting.map(({ story, id, plan }) => `${story.name} ${id} ${plan?.status ?? 'not read'}`);
    log(`nothing has happened for ${STANDSTILL_MS} ms, with seed ${seed}; under way:\n${plans.join('\n')}\n${stage.lastWords(15)}`);
  };
  const timer = setInterval(look, 1_000);
  return {
    stop(): Violation[] {
      clearInterval(timer);
      return standstills;
    },
  };
}
