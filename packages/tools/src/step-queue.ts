/** The names of queues that steps may go to. */
import { MAINTENANCE_QUEUE, PLANNING_QUEUE, QUEUE_NAME } from '@countersign/shared';

/** What is wrong with a name for a queue of steps; null when nothing is. */
export function stepQueueProblem(name: string): string | null {
  if (!QUEUE_NAME.test(name))
    return "a queue's name is lower-case letters, digits and '-', begins with a letter, and has at most 41 characters";
  if (name === PLANNING_QUEUE || name === MAINTENANCE_QUEUE) return `\`${name}\` is a queue of Countersign's own and takes no steps`;
  return null;
}
