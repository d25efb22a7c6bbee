/** What a fuzz run plays on: Redis, the API behind keys, a planner and an executor, whose memory can be looked at from outside. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { readyUrl, type ServiceName, type ServiceProcess, startService } from '../e2e/processes.ts';
import { removeFolder } from '../remove-folder.ts';
import { type Receiver, startReceiver } from '../webhooks/receiver.ts';
import { type Memory, memoryOf, PROBED } from './heap.ts';

/** Ended plans, and ended tasks without one, that are kept while the run goes on. */
export const KEPT = 200;
/** Of each queue, so many completed and as many failed jobs. */
export const FINISHED_JOBS = 100;

/** Who calls: an administrator, and one of every other role. */
export const ACTORS = {
  ada: ['admin', 'secret-of-ada-0123456789'],
  vera: ['viewer', 'secret-of-vera-0123456789'],
  sam: ['submitter', 'secret-of-sam-0123456789'],
  abe: ['approver', 'secret-of-abe-0123456789'],
  omar: ['operator', 'secret-of-omar-0123456789'],
} as const;
export type ActorName = keyof typeof ACTORS;
export const bearer = (name: ActorName): string => `Bearer ${ACTORS[name][1]}`;

type Services = Readonly<Record<ServiceName, ServiceProcess>>;
export type MemoryOf = Record<ServiceName, Memory>;

/** Owns the processes and their folders. */
export class Stage {
  readonly folder: string;
  readonly redis: EmbeddedRedis;
  readonly services: Services;
  /** looks at what is stored */
  readonly admin: Redis;
  readonly receiver: Receiver;
  readonly url: string;

  private constructor(parts: Pick<Stage, 'folder' | 'redis' | 'services' | 'receiver' | 'url'>) {
    this.folder = parts.folder;
    this.redis = parts.redis;
    this.services = parts.services;
    this.receiver = parts.receiver;
    this.url = parts.url;
    this.admin = new Redis(parts.redis.url, { maxRetriesPerRequest: null });
  }

  static async start(): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-fuzz-'));
    writeFileSync(join(folder, 'README.md'), '# Fuzz\n\nTODO: nothing.\n');
    const receiver = await startReceiver();
    const redis = await startEmbeddedRedis({ dataDir: mkdtempSync(join(tmpdir(), 'countersign-fuzz-redis-')) });
    const env = {
      REDIS_URL: redis.url,
      WORKSPACE_ROOT: folder,
      LOG_LEVEL: 'info',
      ...PROBED,
      RETENTION_FINISHED_JOBS: String(FINISHED_JOBS),
    };
    const keys = Object.entries(ACTORS).map(([name, [roles, secret]]) => `${name}:${roles}:${secret}`);
    const services = {
      api: startService('api', {
        ...env,
        ...{
          HOST: '127.0.0.1',
          PORT: '0',
          API_KEYS: keys.join(','),
          RATE_LIMIT: 'off',
          AUTH_FAILURES: 'off',
          WEBHOOK_ALLOW_PRIVATE: 'true',
          DASHBOARD_WRITABLE: 'true',
        },
      }),
      planner: startService('planner', { ...env, PLANNER: 'rules' }),
      executor: startService('executor', {
        ...env,
        ...{ RETENTION_PLANS: String(KEPT), RETENTION_TASKS: String(KEPT), RETENTION_EVERY_MS: '500' },
        ...{ WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_ATTEMPTS: '2', WEBHOOK_BACKOFF_MS: '100' },
      }),
    };
    try {
      const [url] = await Promise.all([
        readyUrl(services.api),
        services.planner.logged(({ message }) => message === 'waiting for tasks'),
        services.executor.logged(({ message }) => message === 'executor takes steps'),
      ]);
      return new Stage({ folder, redis, services, receiver, url });
    } catch (error) {
      await end({ folder, redis, services, receiver });
      throw error;
    }
  }

  async metrics(): Promise<string> {
    const response = await fetch(`${this.url}/metrics`, { headers: { Authorization: bearer('ada') } });
    return response.text();
  }

  async close(): Promise<void> {
    this.admin.disconnect();
    await end(this);
  }
}

async function end({ folder, redis, services, receiver }: Pick<Stage, 'folder' | 'redis' | 'services' | 'receiver'>): Promise<void> {
  await Promise.all(Object.values(services).map((service) => service.end('SIGKILL')));
  await receiver.close();
  const { dataDir } = redis;
  await redis.stop();
  for (const each of [dataDir, folder]) removeFolder(each);
}

/** What each of them holds once nothing more can be collected. */
export async function memoriesOf({ services }: Pick<Stage, 'services'>): Promise<MemoryOf> {
  const [api, planner, executor] = await Promise.all([memoryOf(services.api), memoryOf(services.planner), memoryOf(services.executor)]);
  return { api, planner, executor };
}
