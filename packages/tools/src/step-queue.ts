/** The names of queues that steps may go to. */
import { MAINTENANCE_QUEUE, PLANNING_QUEUE, QUEUE_NAME, REVIEWS_QUEUE, WEBHOOKS_QUEUE } from '@countersign/shared';

/** What is wrong with a name for a queue of steps; null when nothing is. */
export function stepQueueProblem(name: string): string | null {
  if (!QUEUE_NAME.test(name))
    return "a queue's name is lower-case letters, digits and '-', begins with a letter, and has at most 41 characters";
  if ([PLANNING_QUEUE, REVIEWS_QUEUE, WEBHOOKS_QUEUE, MAINTENANCE_QUEUE].includes(name))
    return `\`${name}\` is a queue of Countersign's own and takes no steps`;
  return null;
}
