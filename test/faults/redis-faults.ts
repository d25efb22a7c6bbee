/** Faults of Redis itself. */
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fault, hittingRedis } from './scene.ts';

/** What a cut of some hundred bytes may have taken along: the last commands, and those that they were answered with. */
const LOST_MS = 1_500;

export const REDIS_FAULTS = {
  kill_redis: {
    weight: 4,
    inject: hittingRedis(async ({ stage }) => {
      await stage.restartRedis();
      return {};
    }),
  },
  cut_aof_tail: {
    weight: 1,
    alone: true,
    inject: hittingRedis(async ({ stage, random }) => {
      const lostSince = Date.now() - LOST_MS;
      await stage.restartRedis(() => cutTail(stage.redis.dataDir, random.between(1, 400)));
      return { lostSince };
    }),
  },
  client_kill_normal: {
    weight: 4,
    inject: hittingRedis(async ({ stage }) => {
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      return {};
    }),
  },
  client_kill_pubsub: {
    weight: 3,
    inject: hittingRedis(async ({ stage }) => {
      await stage.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      return {};
    }),
  },
  client_pause: {
    weight: 2,
    inject: hittingRedis(async ({ stage, random }) => {
      const ms = random.between(1_000, random.chance(0.2) ? 10_000 : 3_000);
      await stage.admin.call('CLIENT', 'PAUSE', ms, random.pick(['ALL', 'WRITE']));
      await delay(ms);
      return {};
    }),
  },
  out_of_memory: {
    weight: 2,
    inject: hittingRedis(async ({ stage, random }) => {
      const [, used] = /used_memory:(\d+)/.exec(await stage.admin.info('memory')) ?? [];
      await stage.admin.config('SET', 'maxmemory', String(Math.max(1, Number(used) - 100_000)));
      await delay(random.between(200, 1_500));
      await stage.admin.config('SET', 'maxmemory', '0');
      return {};
    }),
  },
} satisfies Record<string, Fault>;

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
