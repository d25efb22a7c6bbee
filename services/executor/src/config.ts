/** The executor's settings. */
import { hostname } from 'node:os';
import { checkModelSettings, modelSettings } from '@countersign/llm';
import { healthSettings, tracingSettings } from '@countersign/service';
import { checkStoreSettings, queueSettings, storeSettings } from '@countersign/store';
import { findShellCommands, privateNetworks, stepQueueProblem } from '@countersign/tools';
import { z } from 'zod';
import { queueLimits, undividedLimits } from './queue-limits.ts';
import { secretRules } from './secrets/secret-rules.ts';

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const stepQueues = list.superRefine((names, context) => {
  for (const name of names) {
    const problem = stepQueueProblem(name);
    if (problem !== null) context.addIssue({ code: 'custom', message: `${JSON.stringify(name)}: ${problem}` });
  }
});

/** Looked for at once: a command that can't be found is found out at the start. */
const shellCommands = list.transform((names, context) => {
  const { commands, problems } = findShellCommands(names, process.env.PATH ?? '');
  for (const message of problems) context.addIssue({ code: 'custom', message });
  return commands;
});

const settings = z.object({
  ...storeSettings,
  ...queueSettings,
  ...healthSettings,
  ...tracingSettings,
  /** steps that this process runs at the same time */
  EXECUTOR_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(10),
  /** the queues that it serves; absent: `steps` and those that its tools name */
  EXECUTOR_QUEUES: stepQueues.optional(),
  /** what queues let through over the whole fleet, as JSON; the last executor to start sets it */
  QUEUES: queueLimits.optional(),
  /** ms between two looks for plans and tasks that lost a job; one executor of the fleet looks, the last one to start sets the pace */
  RECONCILE_EVERY_MS: z.coerce.number().int().min(100).max(3_600_000).default(10_000),
  /** ms between two looks for deadlines that have passed; set as above */
  CLOCK_EVERY_MS: z.coerce.number().int().min(50).max(60_000).default(500),
  /** ms between two looks for events that webhooks are to be told of; set as above */
  WEBHOOKS_EVERY_MS: z.coerce.number().int().min(50).max(60_000).default(500),
  /** ms between two looks for what is not kept any longer; set as above */
  RETENTION_EVERY_MS: z.coerce.number().int().min(50).max(86_400_000).default(10_000),
  /** days that plans and tasks are kept after their end; off: for good, however many there are */
  RETENTION_DAYS: z
    .union([z.literal('off'), z.coerce.number().int().min(1).max(36_500)], 'must be a number of days from 1 to 36500, or off')
    .default(30),
  /** plans that have ended, over all shards: beyond that those that ended first go before their time */
  RETENTION_PLANS: z.coerce.number().int().min(1).max(100_000_000).default(100_000),
  /** the same for tasks that have no plan */
  RETENTION_TASKS: z.coerce.number().int().min(1).max(100_000_000).default(100_000),
  /** a folder that the record of each plan and task is written to before it goes; absent: nothing is written */
  AUDIT_DIR: z.string().optional(),
  /** ms that running steps get to finish when the process is told to end; then they are handed back */
  DRAIN_MS: z.coerce.number().int().min(0).max(3_600_000).default(15_000),
  EXECUTOR_NAME: z.string().default(() => `${hostname()}-${process.pid}`),
  WORKSPACE_ROOT: z.string().default(() => process.cwd()),
  TOOLS_DIR: z.string().optional(),
  /** a file that names MCP servers, in the format that MCP clients share; absent: none */
  MCP_CONFIG: z.string().optional(),
  /** lets http.request reach private addresses: `true`, or networks such as `10.0.0.0/8,127.0.0.1/32` */
  HTTP_ALLOW_PRIVATE: privateNetworks.default(false),
  /** the same for what webhooks are sent to */
  WEBHOOK_ALLOW_PRIVATE: privateNetworks.default(false),
  /** deliveries that this process makes at the same time */
  WEBHOOKS_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(10),
  /** attempts of a delivery, the first one included */
  WEBHOOK_ATTEMPTS: z.coerce.number().int().min(1).max(100).default(8),
  /** ms before the second attempt; each further one waits four times as long, four hours at the most */
  WEBHOOK_BACKOFF_MS: z.coerce.number().int().min(1).max(3_600_000).default(10_000),
  /** where people reach the API; what links in webhooks begin with */
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL like https://countersign.example.com' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  /** the programs that shell.run may start: names on the PATH, or absolute paths; absent: there is no shell.run */
  SHELL_COMMANDS: shellCommands.optional(),
  /** a folder with a file for each secret, under the secret's name; secrets of the environment are `SECRET_<NAME>` */
  SECRETS_DIR: z.string().optional(),
  /** which tools may be given which secrets, and to which hosts they may go, as JSON; absent: all to all */
  SECRETS_ALLOW: secretRules.optional(),
  ...modelSettings,
});

export const configSchema = settings
  .superRefine(checkStoreSettings)
  .superRefine(checkModelSettings)
  .superRefine(({ QUEUES, SHARDS }, context) => {
    for (const message of undividedLimits(QUEUES ?? new Map(), SHARDS)) context.addIssue({ code: 'custom', path: ['QUEUES'], message });
  });
export type Config = z.output<typeof configSchema>;
