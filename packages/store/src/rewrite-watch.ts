/**
 * Has each Redis that was started write its append-only file anew: see loaded-file.ts for why. What Redis says of itself
 * decides whether it has to be asked, so that a fleet asks once.
 */
import { Cluster, type Redis } from 'ioredis';
import { askForRewrite, judgeLoadedFile } from './loaded-file.ts';
import { nodesOf } from './redis-clients.ts';
import type { StoreSockets } from './store-sockets.ts';

/** ms until a rewrite under way is looked at again: it may fail */
const UNDER_WAY_MS = 2_000;
/** ms until one that failed is asked for again */
const FAILED_MS = 30_000;

export interface RewriteLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const placeOf = ({ options: { host, port } }: Redis): string => `${host}:${port}`;

/** What it was denied by: NOPERM of a user who may not, or a server that hides the command. */
const isDenied = (error: unknown): boolean => /\bNOPERM\b|unknown command/i.test(String(error));

/**
 * Looks at once, and again with each new connection, for that may be to a server that has been started since. Resolves once
 * those that had to be asked were asked, as far as they can be reached: what is written after that does not stand behind what
 * they loaded. Never rejects.
 */
export async function watchRewrites(sockets: StoreSockets, logger: RewriteLogger): Promise<void> {
  const { redis } = sockets;
  const said = new Set<string>();
  const warnOnce = (node: Redis, message: string): void => {
    const key = `${placeOf(node)} ${message}`;
    if (said.has(key)) return;
    said.add(key);
    logger.warn({ code: 'append_only_file', redis: placeOf(node) }, message);
  };

  /** Resolves with the ms after which it has to be looked at again; null: no more. */
  const lookAt = async (node: Redis): Promise<number | null> => {
    const state = judgeLoadedFile(await node.info());
    if (state === 'none' || state === 'rewritten') return null;
    if (state === 'rewriting') return UNDER_WAY_MS;
    if (state === 'failed')
      warnOnce(node, 'Redis could not rewrite its append-only file (aof_last_bgrewrite_status): its log says why; asking again');
    await askForRewrite(node);
    if (state === 'loaded')
      logger.info({ redis: placeOf(node) }, 'Redis was started: asked it to rewrite its append-only file (BGREWRITEAOF)');
    return state === 'failed' ? FAILED_MS : UNDER_WAY_MS;
  };

  const tryToLookAt = async (node: Redis): Promise<number | null> => {
    try {
      return await sockets.reach(() => lookAt(node));
    } catch (error) {
      // One that is away is looked at when it is back.
      if (isDenied(error))
        warnOnce(
          node,
          'Redis does not let its append-only file be rewritten: where power was lost while it wrote, its next restart may apply half of a transition; allow +bgrewriteaof and +info, or run redis-check-aof --fix before each start',
        );
      return null;
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    clearTimeout(timer);
    const waits = await Promise.all(nodesOf(redis).map(tryToLookAt));
    const wait = Math.min(...waits.map((ms) => ms ?? Number.POSITIVE_INFINITY));
    clearTimeout(timer);
    if (wait !== Number.POSITIVE_INFINITY && redis.status !== 'end') timer = setTimeout(() => void look(), wait).unref();
  };
  redis.on('end', () => clearTimeout(timer));
  // A client of a cluster makes a new one for each node that comes back.
  redis.on(redis instanceof Cluster ? '+node' : 'ready', () => void look());
  await look();
}
