/** What is measured of one choice of times, each on executors as they run in production. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { LANES, openStage, sleep } from './stage.mjs';

const HOLDS = 3;
const step = (lane, id, input, dependsOn = []) => ({ id, tool: `lane${lane}.step`, input, dependsOn });
const holds = (lane, until) => Array.from({ length: HOLDS }, (_, i) => step(lane, `hold${i}`, { until }));

const lanes = (make) => Promise.all(Array.from({ length: LANES }, (_, lane) => make(lane)));

async function whenHeld(stage, plans) {
  const started = () => stage.callsOf(plans).filter(({ stepId }) => stepId.startsWith('hold')).length;
  for (const deadline = Date.now() + 60_000; started() < plans.length * HOLDS; await sleep(50))
    if (Date.now() > deadline) throw new Error('not every step was started');
}

/** How many steps of these were called more than once, by the first word of their ids. */
function repeated(stage, plans) {
  const counts = new Map();
  for (const { planId, stepId } of stage.callsOf(plans)) {
    const key = `${planId} ${stepId}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const all = { hold: 0, block: 0, short: 0 };
  for (const [key, calls] of counts) if (calls > 1) all[/ ([a-z]+)/.exec(key)[1]]++;
  return all;
}

/**
 * In each lane a tool blocks its executor for that long: in one half of the lanes some time after its start, in the other
 * half at once. Three steps wait in the same executor, and one short step follows the other.
 */
async function block(stage, blockMs, random) {
  const begin = Date.now() + 5_000;
  const end = begin + 2_500 + blockMs + 2_000;
  const plans = await lanes((lane) => {
    const at = begin + random() * 2_500;
    const blocker =
      lane % 2 === 0
        ? [step(lane, 'block', { until: at, blockMs })]
        : [step(lane, 'first', { until: at }), step(lane, 'block', { blockMs }, ['first'])];
    const short = Array.from({ length: 150 }, (_, i) => step(lane, `short${i}`, { ms: 15 }, i === 0 ? [] : [`short${i - 1}`]));
    return stage.startPlan([...holds(lane, end), ...blocker, ...short]);
  });
  await stage.whenEnded(plans, blockMs + 90_000);
  return repeated(stage, plans);
}

/** Every executor is killed, each at a moment of its own. How many ms later was each of its steps started elsewhere? */
async function kill(stage, children, { spreadMs, random }) {
  const plans = await lanes((lane) => stage.startPlan(holds(lane, Date.now() + 110_000)));
  await whenHeld(stage, plans);
  const killedAt = new Map();
  await Promise.all(
    children.map(async (child) => {
      await sleep(random() * spreadMs);
      killedAt.set(child.pid, Date.now());
      child.kill('SIGKILL');
    }),
  );
  await stage.whenEnded(plans, 90_000);
  const calls = stage.callsOf(plans);
  return calls
    .filter(({ pid }) => !killedAt.has(pid))
    .map(({ at, planId, stepId }) => {
      const first = calls.find((call) => call.planId === planId && call.stepId === stepId);
      return at - killedAt.get(first.pid);
    });
}

export async function blocksAndKills(times, { blocks, random }) {
  const stage = await openStage(times);
  try {
    const children = await stage.startLanes();
    await stage.startStandby();
    const blocked = [];
    for (const blockMs of blocks) blocked.push({ blockMs, ...(await block(stage, blockMs, random)) });
    const [lock, , check] = times.split('/').map(Number);
    const took = await kill(stage, children, { spreadMs: Math.max(lock, check), random });
    return { blocked, took };
  } finally {
    await stage.close();
  }
}

/** Commands per second that three executors send, without work and then with ten waiting steps each. */
export async function cost(times) {
  const stage = await openStage(times);
  const redis = new Redis(stage.redis.url);
  const sent = async () => {
    const stats = await redis.info('commandstats');
    return [...stats.matchAll(/cmdstat_(evalsha|bzpopmin):calls=(\d+)/g)].reduce((sum, [, , calls]) => sum + Number(calls), 0);
  };
  const rate = async (seconds) => {
    const before = await sent();
    await sleep(seconds * 1_000);
    return ((await sent()) - before) / seconds;
  };
  try {
    await Promise.all(Array.from({ length: 3 }, () => stage.startExecutor({ EXECUTOR_QUEUES: 'lane0' })));
    await sleep(3_000);
    const idle = await rate(12);
    await stage.startPlan(Array.from({ length: 30 }, (_, i) => step(0, `hold${i}`, { until: Date.now() + 20_000 })));
    await sleep(2_000);
    return { idle, busy: await rate(12) };
  } finally {
    redis.disconnect();
    await stage.close();
  }
}

const LOOP = (ms) => `for (const end = Date.now() + ${ms}; Date.now() < end; );`;

/** Steps wait in every lane while so many processes want a processor: how many of them were called again? */
export async function starve(times, { loops, forMs }) {
  const stage = await openStage(times);
  try {
    await stage.startLanes();
    await stage.startStandby();
    const plans = await lanes((lane) => stage.startPlan(holds(lane, Date.now() + 12_000 + forMs)));
    await whenHeld(stage, plans);
    const busy = Array.from({ length: loops }, () => spawn(process.execPath, ['-e', LOOP(forMs)], { stdio: 'ignore' }));
    await Promise.all(busy.map((child) => once(child, 'exit')));
    await stage.whenEnded(plans, 120_000);
    return repeated(stage, plans).hold;
  } finally {
    await stage.close();
  }
}
