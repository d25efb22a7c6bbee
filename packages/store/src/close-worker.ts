/** The end of a worker. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'bullmq';

/** ms that a worker without jobs gets to end by itself */
const LEAVE_MS = 2_000;

/**
 * Gives what closes a worker of a cluster once its jobs in hand are done. After a failover its client may be waiting for good to be
 * told that it has ended, by a pool of nodes that is empty already, and the worker with it: without jobs it is then left behind.
 */
export function clusterWorkerCloser(worker: Worker): () => Promise<void> {
  const inHand = new Set<string | undefined>();
  worker.on('active', (job) => inHand.add(job.id));
  worker.on('completed', (job) => inHand.delete(job.id));
  worker.on('failed', (job) => inHand.delete(job?.id));
  return async () => {
    const done = new AbortController();
    const leave = async (): Promise<void> => {
      do await delay(LEAVE_MS, undefined, { signal: done.signal });
      while (inHand.size > 0);
    };
    await Promise.race([worker.close(), leave().catch(() => {})]);
    done.abort();
  };
}
