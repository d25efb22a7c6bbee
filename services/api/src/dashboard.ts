/** The BullMQ dashboard, to look at: queues, jobs, and from each job to its plan. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { PLAN_ID, TASK_ID } from '@countersign/shared';
import type { Express } from 'express';

export const DASHBOARD_PATH = '/admin/queues';
export type Queue = ConstructorParameters<typeof BullMQAdapter>[0];

interface JobLink {
  displayText: string;
  href: string;
}

/** Where a job's plan, or the task that it plans, can be read. */
export function jobLink(data: unknown): JobLink | undefined {
  const { planId, taskId } = (typeof data === 'object' && data !== null ? data : {}) as { planId?: unknown; taskId?: unknown };
  if (typeof planId === 'string' && PLAN_ID.test(planId)) return { displayText: 'Plan', href: `/v1/plans/${planId}?format=markdown` };
  if (typeof taskId === 'string' && TASK_ID.test(taskId)) return { displayText: 'Task', href: `/v1/tasks/${taskId}` };
  return undefined;
}

/** The dashboard of these queues, to be mounted at DASHBOARD_PATH. */
export function dashboard(queues: readonly Queue[]): Express {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(DASHBOARD_PATH);
  createBullBoard({
    queues: queues.map(
      (queue) =>
        new BullMQAdapter(queue, {
          readOnlyMode: true,
          allowRetries: false,
          // The adapter's type wants a link for every job; its code leaves the link out where there is none.
          externalJobUrl: (job) => jobLink(job.data) as JobLink,
        }),
    ),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Countersign', hideDocsLink: true, miscLinks: [{ text: 'API', url: '/docs' }] } },
  });
  const app = serverAdapter.getRouter() as Express;
  app.disable('x-powered-by');
  return app;
}
