/** All migrations, in order; migration.ts says how to add one. */
import { firstShard } from './1-first-shard.ts';
import type { Migration } from './migration.ts';

export const MIGRATIONS: readonly Migration[] = [firstShard];
