/**
 * The layout of what lies in Redis: which one it is, and how it comes to be the one that this release works with. An empty
 * Redis gets it at once, an older one is migrated by one process while the others wait, a newer one is refused.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreConnection } from './connection.ts';
import type { Keys } from './keys.ts';
import { olderProcesses } from './layout-clients.ts';
import { formerPrefix, traces } from './migrations/1-first-shard.ts';
import { MIGRATIONS } from './migrations/list.ts';
import { type Migration, type MigrationContext, MigrationRefusedError } from './migrations/migration.ts';

/** ms that the lock of a migration outlives the process that held it */
const LOCK_MS = 15_000;
const LOOK_EVERY_MS = 200;
const SAY_EVERY_MS = 3_000;

export interface LayoutLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LayoutOptions {
  /** of the home shard */
  connection: StoreConnection;
  /** the keys of each shard, the home shard first; of the home shard alone when absent */
  shards?: readonly [Keys, ...Keys[]];
  logger: LayoutLogger;
  signal: AbortSignal;
  /** is told in words what goes on when that takes longer than a moment */
  onState(what: string): void;
  /** in ascending order; those of this release when absent */
  migrations?: readonly Migration[];
  lockMs?: number;
}

/** `problem` says what is there and what would be right. */
export type LayoutReading = { ok: true } | { ok: false; problem: string };

const require = createRequire(import.meta.url);
const { version: BUILD } = require('../package.json') as { version: string };

interface Found {
  /** null: nothing was ever kept here */
  number: number | null;
  build: string;
  /** the number that an unfinished migration leads to */
  migrating: number | null;
  done: string;
  total: string;
}

async function look({ redis, keys }: StoreConnection): Promise<Found> {
  const fields = await redis.hgetall(keys.layout);
  let number = fields.number === undefined ? null : Number(fields.number);
  if (number === null) {
    const former = formerPrefix(keys.prefix);
    const known = [keys.prefix, ...(former === null ? [] : [former])].flatMap(traces);
    const there = await Promise.all(known.map((key) => redis.exists(key)));
    if (fields.migrating !== undefined || there.includes(1)) number = 0;
  }
  const migrating = fields.migrating === undefined ? null : Number(fields.migrating);
  return { number, build: fields.build ?? 'an older release', migrating, done: fields.done ?? '0', total: fields.total ?? '0' };
}

/** The right to migrate: kept while migrating, lost when this process stands still for too long. */
class MigrationLock {
  readonly #connection: StoreConnection;
  readonly #token = randomUUID();
  readonly #lockMs: number;
  readonly #signal: AbortSignal;

  constructor(connection: StoreConnection, { lockMs, signal }: { lockMs: number; signal: AbortSignal }) {
    this.#connection = connection;
    this.#lockMs = lockMs;
    this.#signal = signal;
  }

  async take(): Promise<boolean> {
    const { redis, keys } = this.#connection;
    return (await redis.set(keys.layoutLock, this.#token, 'PX', this.#lockMs, 'NX')) === 'OK';
  }

  /** Holds the lock anew and writes to the layout's hash. Throws when somebody else has the lock. */
  async record(set: readonly (string | number)[] = [], removed: readonly string[] = [], lockMs = this.#lockMs): Promise<void> {
    const { keys } = this.#connection;
    const [word] = await this.#connection.reachScript('record-layout', {
      keys: [keys.layout, keys.layoutLock],
      id: '',
      args: [this.#token, lockMs, JSON.stringify(set.map(String)), JSON.stringify(removed)],
    });
    if (word !== 'ok') throw new Error('another process has taken over the migration');
    if (lockMs > 0) this.#signal.throwIfAborted();
  }

  /** Renews the lock until the returned function is called: one batch may take longer than it lives. */
  keep(): () => void {
    const timer = setInterval(() => {
      this.record().catch(() => {});
    }, this.#lockMs / 3);
    return () => clearInterval(timer);
  }

  async release(): Promise<void> {
    await this.record([], [], 0).catch(() => {});
  }
}

/** Resolves when the layout is this release's. Rejects with the signal's reason when that aborts first. */
export async function bringLayoutUp(options: LayoutOptions): Promise<LayoutReading> {
  const { connection, logger, signal, onState, migrations = MIGRATIONS, lockMs = LOCK_MS } = options;
  const { redis, keys } = connection;
  const shards = options.shards ?? [keys];
  const current = migrations.at(-1)?.to ?? 0;
  const lock = new MigrationLock(connection, { lockMs, signal });
  let saidAt = Number.NEGATIVE_INFINITY;

  const wait = async (what: string): Promise<void> => {
    onState(what);
    if (performance.now() - saidAt >= SAY_EVERY_MS) {
      saidAt = performance.now();
      logger.warn({ layout: current }, `not ready: ${what}`);
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  };

  const untilOlderOnesHaveGone = async (): Promise<void> => {
    for (;;) {
      const older = await connection.reach(() => olderProcesses(connection, current));
      if (older === null) logger.warn({}, 'this user may not see who else is connected (CLIENT LIST): stop all older processes yourself');
      if (older === null || older.length === 0) return;
      await lock.record();
      await wait(`processes of an older release are still connected, from ${older.join(', ')}; stop them, then the migration begins`);
    }
  };

  const migrate = async (migration: Migration, resumed: boolean): Promise<void> => {
    const { to, what } = migration;
    logger.info({ layout: to, resumed }, `migration to layout ${to} begins: ${what}`);
    await lock.record(['migrating', to, 'done', 0, 'total', 0]);
    const report: MigrationContext['report'] = async ({ done, total }) => {
      onState(`what lies in Redis is brought to layout ${to}: ${done} of ${total}`);
      await lock.record(['done', done, 'total', total]);
    };
    await migration.run({ redis, shards, resumed, report });
    await lock.record(['number', to, 'build', BUILD, 'at', Date.now()], ['migrating', 'done', 'total']);
    logger.info({ layout: to }, `migration to layout ${to} is done`);
  };

  const migrateAll = async (): Promise<void> => {
    const letGo = lock.keep();
    try {
      await untilOlderOnesHaveGone();
      const { number, migrating } = await connection.reach(() => look(connection));
      for (const migration of migrations) if (migration.to > (number ?? 0)) await migrate(migration, migrating === migration.to);
    } finally {
      letGo();
      await lock.release();
    }
  };

  for (;;) {
    signal.throwIfAborted();
    const found = await connection.reach(() => look(connection));
    if (found.number === current) return { ok: true };
    if (found.number !== null && found.number > current) {
      const problem = `what lies in this Redis has layout ${found.number}, written by Countersign ${found.build}; this is ${BUILD}, which knows layouts up to ${current}: start ${found.build} or newer`;
      return { ok: false, problem };
    }
    if (found.number === null) {
      const written = await connection.reach(() => redis.hsetnx(keys.layout, 'number', current));
      if (written === 1) {
        await connection.reach(() => redis.hset(keys.layout, 'build', BUILD, 'at', Date.now()));
        logger.info({}, 'no store was here: a new one begins');
      }
    } else if (await connection.reach(() => lock.take())) {
      try {
        await connection.reach(migrateAll);
      } catch (error) {
        if (error instanceof MigrationRefusedError) return { ok: false, problem: error.message };
        throw error;
      }
    } else {
      const far = found.migrating === null ? '' : `: ${found.done} of ${found.total}`;
      await wait(`another process brings what lies in Redis to layout ${found.migrating ?? current}${far}`);
    }
  }
}
