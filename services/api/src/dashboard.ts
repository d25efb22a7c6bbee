/** The BullMQ dashboard: queues, jobs, and from each job to its plan. */
import type { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Logger } from '@countersign/service';
import { PLAN_ID, TASK_ID, WEBHOOK_ID } from '@countersign/shared';
import type { Express } from 'express';
import { rolesFor } from './access.ts';

export const DASHBOARD_PATH = '/admin/queues';
/** The dashboard is pages of its own; the OpenAPI document says where it is. */
export const DASHBOARD_DOCUMENTED = {
  operationId: 'dashboard',
  tags: ['service'],
  summary: 'The queues and their jobs, to look at',
  security: [{ apiKey: [] }],
  'x-roles': rolesFor('operate'),
  responses: { 200: { description: 'HTML.', content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>' } } } },
};
/** A queue of BullMQ, and the shard that it belongs to. */
export type Queue = ConstructorParameters<typeof BullMQAdapter>[0] & { shard: number };

interface JobLink {
  displayText: string;
  href: string;
}

/** Where a job's plan, the task that it plans, or the deliveries to its webhook can be read. */
export function jobLink(data: unknown): JobLink | undefined {
  const { planId, taskId, webhookId } = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
  if (typeof planId === 'string' && PLAN_ID.test(planId)) return { displayText: 'Plan', href: `/v1/plans/${planId}?format=markdown` };
  if (typeof taskId === 'string' && TASK_ID.test(taskId)) return { displayText: 'Task', href: `/v1/tasks/${taskId}` };
  if (typeof webhookId === 'string' && WEBHOOK_ID.test(webhookId))
    return { displayText: 'Deliveries', href: `/v1/webhooks/${webhookId}/deliveries` };
  return undefined;
}

export interface Dashboard {
  /** to be mounted at DASHBOARD_PATH */
  router: Express;
  /** Sets which queues there are, from the next request on. */
  show(queues: readonly Queue[]): void;
}

/** `ofShard`: the dashboard knows a queue by its name, so that those of different shards need different ones. */
const adapterOptions = ({ shard }: Queue, { ofShard, writable }: { ofShard: boolean; writable: boolean }) => ({
  ...(ofShard ? { prefix: `shard ${shard}: ` } : {}),
  readOnlyMode: !writable,
  allowRetries: writable,
  // The adapter's type wants a link for every job; its code leaves the link out where there is none.
  externalJobUrl: (job: { data: unknown }) => jobLink(job.data) as JobLink,
});

/** A fault in the form that its pages read. Its own handler would say what the fault said. */
function failed(error: unknown, logger: Logger): { status: 400 | 500; body: object } {
  const { statusCode = 500 } = error as { statusCode?: number };
  if (statusCode < 500) return { status: 400, body: { error: { key: 'ERRORS.INVALID_REQUEST_BODY' } } };
  logger.error({ err: error }, 'the dashboard failed unexpectedly');
  return {
    status: 500,
    body: { error: { key: 'ERRORS.INTERNAL_SERVER_ERROR' }, message: 'something went wrong here; the log of the API says what' },
  };
}

/**
 * A dashboard without queues, to look at; `writable` ones have buttons for jobs, too. What it is made of is as large as the
 * rest of the API, and loaded by the first that is asked for.
 */
export async function dashboard({ writable, logger }: { writable: boolean; logger: Logger }): Promise<Dashboard> {
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/express'),
  ]);
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(DASHBOARD_PATH);
  const board = createBullBoard({
    queues: [],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Countersign', hideDocsLink: true, miscLinks: [{ text: 'API', url: '/docs' }] } },
  });
  serverAdapter.setErrorHandler((error) => failed(error, logger));
  const adapters = new Map<Queue, BullMQAdapter>();
  const router = serverAdapter.getRouter() as Express;
  router.disable('x-powered-by');
  return {
    router,
    show(queues) {
      const several = queues.some(({ shard }) => shard > 0);
      board.replaceQueues(
        queues.map((queue) => {
          const adapter = adapters.get(queue) ?? new BullMQAdapter(queue, adapterOptions(queue, { ofShard: several, writable }));
          adapters.set(queue, adapter);
          return adapter;
        }),
      );
    },
  };
}
