/** Workers of BullMQ that keep the locks of their jobs also while Redis is full. */
import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from 'bullmq';
import type { StoreConnection } from './connection.ts';

/** Renews locks with a script of ours around BullMQ's own, over the store's connection. Everything else stays as it is. */
export const keepingLocks =
  (
    connection: StoreConnection,
    backendFactory: BackendFactory<RedisQueueBackend> = createRedisBackend,
  ): BackendFactory<RedisQueueBackend> =>
  (name, options, more) => {
    const backend = backendFactory(name, options, more);
    const run = backend.execCommand.bind(backend);
    backend.execCommand = (client, command, args) => {
      if (command !== 'extendLocks') return run(client, command, args);
      const [stalled, ...rest] = args;
      return connection.run('extend-locks', { keys: [stalled], id: '', args: rest });
    };
    return backend;
  };
