/** Redis, executors in lanes, and plans for them: what the measurements of locks are played on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_POLICY, digestOf, plainDecision, validatePlan } from '@countersign/shared';
import { openStore, startEmbeddedRedis } from '@countersign/store';

const EXECUTOR = fileURLToPath(new URL('../../services/executor/dist/main.js', import.meta.url));
const LOCK_TIMES = new URL('./lock-times.mjs', import.meta.url).href;
const TOOLS_DIR = fileURLToPath(new URL('./tools/', import.meta.url));
const actor = { id: 'bench', roles: ['admin'] };

export const LANES = 20;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a condition; throws when it does not come. */
export async function until(condition, { what, limitMs = 60_000 }) {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(20)) if (await condition()) return;
  throw new Error(`within ${limitMs} ms this did not come: ${what}`);
}

/** Owns a Redis and the executors; `close` ends them all. `times` is lock/renew/check in ms. */
export async function openStage(times) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-locks-'));
  const ledgerFile = join(folder, 'ledger.jsonl');
  const redis = await startEmbeddedRedis();
  const store = openStore({ redis: { url: redis.url } });
  const children = new Set();

  async function startExecutor(env) {
    const child = spawn(process.execPath, ['--import', LOCK_TIMES, EXECUTOR], {
      env: {
        PATH: process.env.PATH,
        REDIS_URL: redis.url,
        TOOLS_DIR,
        WORKSPACE_ROOT: folder,
        LEDGER: ledgerFile,
        LOCK_TIMES: times,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    children.add(child);
    let text = '';
    child.stdout.on('data', (chunk) => {
      if (text.length < 100_000) text += chunk;
    });
    await until(() => text.includes('executor takes steps') || child.exitCode !== null, { what: 'an executor at work', limitMs: 180_000 });
    if (child.exitCode !== null) throw new Error(`an executor has ended: ${text}`);
    return child;
  }

  return {
    redis,
    store,
    startExecutor,
    /** One executor for each lane, which does the steps of that lane alone. */
    async startLanes() {
      const started = [];
      // A few at a time: starting is the costly part.
      for (let lane = 0; lane < LANES; lane += 4) {
        const four = Array.from({ length: 4 }, (_, i) => startExecutor({ EXECUTOR_QUEUES: `lane${lane + i}` }));
        started.push(...(await Promise.all(four)));
      }
      return started;
    },
    /** An executor for whatever the others lose. */
    startStandby: () =>
      startExecutor({
        STANDS_BY: 'yes',
        EXECUTOR_CONCURRENCY: '100',
        EXECUTOR_QUEUES: Array.from({ length: LANES }, (_, lane) => `lane${lane}`).join(','),
      }),
    async startPlan(steps) {
      const tools = new Map((await store.listTools()).map((contract) => [contract.name, contract]));
      const checked = validatePlan(
        { objective: 'measure locks', steps, options: { maxParallelSteps: 1000, stepTimeoutMs: 120_000 } },
        { tools },
      );
      if (!checked.valid) throw new Error(JSON.stringify(checked.issues.slice(0, 3)));
      const digest = await digestOf(checked.content);
      const decision = plainDecision(1, 'the bench approves each');
      const { value } = await store.createPlan({ content: checked.content, digest, origin: 'manual', createdBy: actor.id, decision });
      await store.approvePlan(value.id, { actor, digest, policyVersion: DEFAULT_POLICY.version });
      return value.id;
    },
    /** The calls of these plans' steps, in the order in which they came. */
    callsOf(planIds) {
      if (!existsSync(ledgerFile)) return [];
      const wanted = new Set(planIds);
      return readFileSync(ledgerFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .filter(({ planId }) => wanted.has(planId));
    },
    async whenEnded(planIds, limitMs) {
      const waiting = new Set(planIds);
      const look = async () => {
        for (const planId of waiting) if ((await store.getPlan(planId)).finishedAt !== null) waiting.delete(planId);
        return waiting.size === 0;
      };
      await until(look, { what: 'the end of all plans', limitMs });
    },
    async close() {
      const exits = [...children].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
      await Promise.all(exits.map((child) => child.kill('SIGKILL') && once(child, 'exit')));
      await store.close();
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
