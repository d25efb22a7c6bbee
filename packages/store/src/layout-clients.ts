/** Who else is connected, and with which layout it works: a connection's name says so. */
import type { StoreConnection } from './connection.ts';
import { formerPrefix } from './migrations/1-first-shard.ts';
import { MIGRATIONS } from './migrations/list.ts';
import { nodesOf } from './redis-clients.ts';

/** The layout that this release works with. */
const LAYOUT = MIGRATIONS.at(-1)?.to ?? 0;

/** The name that connections of this release bear, by which a later one knows them. */
export const connectionName = (home: string, layout = LAYOUT): string => `${home}:layout-${layout}`;

/** Whether a connection of that name is one of a process that works with an older layout. */
function isOlder(name: string, home: string, layout: number): boolean {
  const former = formerPrefix(home);
  if (former !== null && name.startsWith(`${former}:bull:`)) return true;
  const beginning = connectionName(home, 0).slice(0, -1);
  return name.startsWith(beginning) && Number(name.slice(beginning.length)) < layout;
}

/** Where processes of an older layout are connected from. Null: this user may not look. */
export async function olderProcesses({ redis, keys }: Pick<StoreConnection, 'redis' | 'keys'>, layout: number): Promise<string[] | null> {
  try {
    const lists = await Promise.all(nodesOf(redis).map((node) => node.client('LIST')));
    const addresses = lists.flatMap((list) =>
      String(list)
        .split('\n')
        .filter((line) => isOlder(/ name=(\S*)/.exec(line)?.[1] ?? '', keys.prefix, layout))
        .map((line) => / addr=(\S+):\d+ /.exec(line)?.[1] ?? 'somewhere'),
    );
    return [...new Set(addresses)];
  } catch (error) {
    if (error instanceof Error && /NOPERM|unknown (sub)?command/i.test(error.message)) return null;
    throw error;
  }
}
