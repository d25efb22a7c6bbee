/** The API as a service: its settings, its start and its end. */
import type { ServiceDefinition } from '@countersign/service';
import { openStore } from '@countersign/store';
import { type ApiConfig, apiConfigSchema } from './config.ts';
import { startApi } from './server.ts';

export const apiService: ServiceDefinition<ApiConfig> = {
  name: 'api',
  schema: apiConfigSchema,
  async start({ REDIS_URL, HOST, PORT, API_KEYS }, logger) {
    const store = openStore({
      redisUrl: REDIS_URL,
      onError: (error) => logger.warn({ err: error }, 'the connection to Redis has a problem'),
    });
    const keys = API_KEYS ?? null;
    if (keys === null) logger.warn('no API_KEYS: everybody on this machine is the admin `local`, or whoever the header X-Actor names');
    else logger.info({ actors: keys.map(({ id, roles }) => `${id}: ${roles.join(', ')}`) }, 'calls need an API key');
    try {
      const api = await startApi({ store, logger, keys, host: HOST, port: PORT });
      logger.info({ url: api.url, docs: `${api.url}/docs`, dashboard: `${api.url}/admin/queues` }, 'listening');
      return {
        async close() {
          await api.close();
          await store.close();
        },
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  },
};
