/** Forgets what nobody has any more: tools, conditions and queues of executors that are gone, places of keys. */
import type { Leftovers } from '@countersign/store';
import type { ExecutorMeters } from '../metrics.ts';
import type { StepLogger } from '../step-log.ts';

/** Executors that are down over a long weekend still have their tools when they come back. */
const ANNOUNCED_FOR_MS = 7 * 86_400_000;

export async function forgetLeftovers({
  store,
  logger,
  meters,
}: {
  store: Leftovers;
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'removed'>;
}): Promise<void> {
  const { tools, conditions, queues } = await store.forgetAnnounced(ANNOUNCED_FOR_MS);
  meters.removed('tool', tools.length);
  meters.removed('condition', conditions.length);
  meters.removed('queue', queues.length);
  meters.removed('key', await store.forgetKeyPlaces());
  if (tools.length + conditions.length + queues.length > 0)
    logger.info({ tools, conditions, queues }, 'forgot what no executor has announced for a week');
}
