/** Keeps workers from the queues of a store that is not the one that this process began with: its jobs are for others. */
import type { BackendFactory, RedisQueueBackend, Worker } from 'bullmq';
import type { StoreConnection } from './connection.ts';

export interface ConsumerGuard {
  /** For the worker's backend: it takes no job while the store is another one. */
  guarded(backendFactory: BackendFactory<RedisQueueBackend>): BackendFactory<RedisQueueBackend>;
  /** Has the worker pause while the store is another one. */
  watch(worker: Worker): void;
  close(): void;
}

export function consumerGuard({ onReplaced }: StoreConnection, onError: (error: Error) => void): ConsumerGuard {
  const workers: Worker[] = [];
  let isReplaced = false;
  const apply = (worker: Worker): void => void (isReplaced ? worker.pause(true) : worker.resume()).catch(onError);
  const close = onReplaced((replaced) => {
    isReplaced = replaced;
    workers.forEach(apply);
  });
  return {
    guarded: (backendFactory) => (name, options, more) => {
      const backend = backendFactory(name, options, more);
      const take = backend.moveToActive.bind(backend);
      // A worker that waits for a job when it is told to pause takes one more: it gets none, as from an empty queue.
      backend.moveToActive = async (token, worker) => (isReplaced ? [] : take(token, worker));
      return backend;
    },
    watch(worker) {
      workers.push(worker);
      if (isReplaced) apply(worker);
    },
    close,
  };
}
