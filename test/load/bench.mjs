/**
 * `npm run bench`: steps per second of two executor processes against raw BullMQ in the same run, the time from one
 * step to the next, and the memory that a finished step takes. Absolute figures are this machine's; the ratios count.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DEFAULT_POLICY, digestOf, plainDecision, validatePlan } from '@countersign/shared';
import { openStore, startEmbeddedRedis } from '@countersign/store';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

const PROCESSES = 2;
const CONCURRENCY = 50;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const actor = { id: 'bench', roles: ['admin'] };

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const spread = (values) => `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;

const step = (id, dependsOn = [], tool = 'bench.noop') => ({ id, tool, dependsOn });
const chain = (length, tool) => Array.from({ length }, (_, i) => step(`s${i}`, i === 0 ? [] : [`s${i - 1}`], tool));
const fan = (width) => {
  const middle = Array.from({ length: width }, (_, i) => step(`m${i}`, ['first']));
  return [
    step('first'),
    ...middle,
    step(
      'last',
      middle.map(({ id }) => id),
    ),
  ];
};
const layers = (depth, width) =>
  Array.from({ length: depth * width }, (_, i) => {
    const layer = Math.floor(i / width);
    return step(`l${layer}_${i % width}`, layer === 0 ? [] : Array.from({ length: width }, (_unused, j) => `l${layer - 1}_${j}`));
  });

const SHAPES = [
  { name: 'chain 100x10', plans: 100, steps: () => chain(10) },
  { name: 'fan 20x(1-50-1)', plans: 20, steps: () => fan(50) },
  { name: 'layers 20x(5x10)', plans: 20, steps: () => layers(5, 10) },
];

/** Set when a process of the bench has ended before its time. */
let ended = null;

async function until(condition) {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    if (await condition()) return;
    if (ended !== null) throw new Error(ended);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('the bench made no progress for two minutes');
}

async function createPlans(store, tools, { plans, steps }) {
  return Promise.all(
    Array.from({ length: plans }, async () => {
      const checked = validatePlan({ objective: 'bench', steps: steps(), options: { maxParallelSteps: 1000 } }, { tools });
      if (!checked.valid) throw new Error(JSON.stringify(checked.issues));
      const digest = await digestOf(checked.content);
      const decision = plainDecision(1, 'the bench approves each');
      const created = await store.createPlan({ content: checked.content, digest, origin: 'manual', createdBy: actor.id, decision });
      return { id: created.value.id, digest };
    }),
  );
}

async function runPlans(store, redis, plans) {
  const before = await redis.zcard('{cs0}:plans:completed');
  const start = performance.now();
  await Promise.all(plans.map(({ id, digest }) => store.approvePlan(id, { actor, digest, policyVersion: DEFAULT_POLICY.version })));
  await until(async () => (await redis.zcard('{cs0}:plans:completed')) - before === plans.length);
  return performance.now() - start;
}

async function runRaw(queue, redis, count) {
  const jobs = Array.from({ length: count }, () => ({
    name: 'noop',
    data: { planId: 'pln_0000000000000000000000', stepId: 's0', generation: 1, delivery: 1 },
  }));
  const start = performance.now();
  await queue.addBulk(jobs);
  await until(async () => (await redis.llen('{raw}:bull:raw:wait')) + (await redis.llen('{raw}:bull:raw:active')) === 0);
  return performance.now() - start;
}

async function memoryPerStep(redis, plans, stepsOfEach) {
  let bytes = 0;
  for (const { id } of plans)
    for (const key of await redis.keys(`{cs0}:plan:${id}*`)) bytes += await redis.memory('USAGE', key, 'SAMPLES', 0);
  return bytes / (plans.length * stepsOfEach);
}

async function main() {
  const server = await startEmbeddedRedis();
  const children = [];
  const start = (file, env) => {
    const child = fork(file, { env: { ...process.env, REDIS_URL: server.url, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    children.push(child);
    child.once('exit', (code, signal) => {
      ended ??= `${file} has ended with ${code ?? signal}`;
    });
    return child;
  };
  const redis = new Redis(server.url);
  const store = openStore({ redis: { url: server.url } });
  const queue = new Queue('raw', { connection: redis, prefix: '{raw}:bull' });
  try {
    const executor = fileURLToPath(new URL('../../services/executor/dist/main.js', import.meta.url));
    const toolsDir = fileURLToPath(new URL('./tools/', import.meta.url));
    for (let i = 0; i < PROCESSES; i++)
      start(executor, { EXECUTOR_CONCURRENCY: String(CONCURRENCY), TOOLS_DIR: toolsDir, LOG_LEVEL: 'error' });
    for (let i = 0; i < PROCESSES; i++)
      await once(start(fileURLToPath(new URL('./raw-worker.mjs', import.meta.url)), { CONCURRENCY: String(CONCURRENCY) }), 'message');
    await until(async () => (await store.listTools()).some(({ name }) => name === 'bench.stamp'));
    const tools = new Map((await store.listTools()).map((contract) => [contract.name, contract]));

    console.log(
      `${PROCESSES} executor processes, concurrency ${CONCURRENCY} each, ${ROUNDS} rounds, raw BullMQ and plans in turn; Redis with AOF everysec\n`,
    );
    console.log('| shape | steps | steps/s | raw jobs/s | ratio to raw, median | min to max |\n| --- | --- | --- | --- | --- | --- |');
    for (const shape of SHAPES) {
      const count = shape.plans * shape.steps().length;
      const figures = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const plans = await createPlans(store, tools, shape);
        const raw = await runRaw(queue, redis, count);
        const ours = await runPlans(store, redis, plans);
        // The first round warms the processes up.
        if (round > 0) figures.push({ raw: (count * 1000) / raw, ours: (count * 1000) / ours });
      }
      const ratios = figures.map(({ raw, ours }) => ours / raw);
      console.log(
        `| ${shape.name} | ${count} | ${median(figures.map(({ ours }) => ours)).toFixed(0)} | ${median(figures.map(({ raw }) => raw)).toFixed(0)} | ${median(ratios).toFixed(2)} | ${spread(ratios)} |`,
      );
    }

    const [lone] = await createPlans(store, tools, { plans: 1, steps: () => chain(300, 'bench.stamp') });
    await runPlans(store, redis, [lone]);
    const stamps = (await store.getPlan(lone.id)).steps.map(({ output }) => output);
    const gaps = stamps.slice(1).map(({ called }, i) => called - stamps[i].returned);
    console.log(
      `\nstep to step at light load (a tool returned -> its successor's tool was called; recording included): p50 ${percentile(gaps, 0.5).toFixed(2)} ms, p99 ${percentile(gaps, 0.99).toFixed(2)} ms over ${gaps.length} steps`,
    );

    const finished = await createPlans(store, tools, { plans: 20, steps: () => layers(5, 10) });
    await runPlans(store, redis, finished);
    console.log(
      `memory: ${(await memoryPerStep(redis, finished, 50)).toFixed(0)} bytes of Redis per step of a finished plan of 50 steps (events included)`,
    );
  } finally {
    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => once(child, 'exit')));
    await queue.close();
    await store.close();
    redis.disconnect();
    await server.stop();
  }
}

await main();
