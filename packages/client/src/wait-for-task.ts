/** Waiting for a plan to be written. */
import { isEndedTask, type RetryPolicy, retryDelay, type Task } from '@countersign/shared';
import type { Client } from './client.ts';
import { pause } from './pause.ts';
import type { CallOptions } from './resources.ts';

/** Rules answer in milliseconds, models in seconds: asked often at first, then every two seconds. */
const LOOKS: RetryPolicy = { maxAttempts: 1, backoff: 'exponential', delayMs: 50, maxDelayMs: 2_000, jitter: 0.2 };

/** The task once it is planned, failed or cancelled. There is no stream of a task's events, so it is read again and again. */
export async function waitForTask(client: Pick<Client, 'getTask'>, id: string, options: CallOptions = {}): Promise<Task> {
  for (let look = 1; ; look++) {
    const task = await client.getTask(id, options);
    if (isEndedTask(task.status)) return task;
    await pause(retryDelay(LOOKS, look), options.signal);
  }
}
