/** Goes through the keys of a Redis by their beginning. */
import type { Cluster, Redis } from 'ioredis';
import { nodesOf } from '../redis-clients.ts';

const COUNT = 1_000;

/** As a pattern: what is special in one stands for itself. */
const literally = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&');

/**
 * Pages of keys that begin so; each key that stays is given at least once. On a cluster every node is asked, because nobody
 * knows what slots the keys that are sought have.
 */
export async function* scanKeys(redis: Redis | Cluster, beginning: string): AsyncGenerator<string[]> {
  for (const node of nodesOf(redis)) {
    let cursor = '0';
    do {
      const [next, keys] = await node.scan(cursor, 'MATCH', `${literally(beginning)}*`, 'COUNT', COUNT);
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}
