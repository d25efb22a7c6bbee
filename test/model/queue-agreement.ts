/** BullMQ's own view of a plan, held against the plan's state. No worker runs meanwhile: what was added stays. */
import { STEPS_QUEUE, type StepJob, shardOf, stepJobId } from '@countersign/shared';
import type { Store } from '@countersign/store';
import { expect } from 'vitest';
import { type PlanState, runsOf } from './plan-state.ts';

function stepsQueue(store: Store, planId: string): ReturnType<Store['queues']>[number] {
  const queue = store.queues().find(({ name, shard }) => name === STEPS_QUEUE && shard === shardOf(planId));
  if (queue === undefined) throw new Error(`the store has no queue ${STEPS_QUEUE} where ${planId} lies`);
  return queue;
}

interface JobSeen {
  id?: string | undefined;
  data: StepJob;
  timestamp: number;
  delay: number;
}

/**
 * Expects of an executing plan exactly one job that can be taken for each queued step or child, and exactly one delayed job for each step in backoff,
 * with the id and the data of the step's present delivery, due when the step is.
 */
export async function expectQueueAgrees(store: Store, planId: string, state: PlanState): Promise<void> {
  // What a pause left in the queue is refused when it is taken; the plan's resumption hands everything out anew.
  if (state.status !== 'executing') return;
  const queue = stepsQueue(store, planId);
  const takeable: JobSeen[] = await queue.getJobs(['waiting', 'active', 'prioritized']);
  const delayed: JobSeen[] = await queue.getDelayed();
  for (const { id: stepId, status, parked, generation, delivery, notBefore } of runsOf(state)) {
    const isPresent = ({ data }: JobSeen) =>
      data.planId === planId && data.stepId === stepId && data.generation === generation && data.delivery === delivery;
    const id = stepJobId(planId, stepId, generation, delivery);
    if (status === 'queued') {
      const jobs = takeable.filter(isPresent).map((job) => job.id);
      expect(jobs, `jobs to take for ${stepId}, which is queued`).toEqual([id]);
    }
    if (status === 'retrying' && !parked) {
      const jobs = delayed.filter(isPresent).map((job) => ({ id: job.id, due: job.timestamp + job.delay }));
      expect(jobs, `delayed jobs of ${stepId}, which is in backoff`).toEqual([{ id, due: notBefore }]);
    }
  }
}

/** Empties the plan's queue, so that the next plan finds no jobs of this one. */
export const forgetJobs = (store: Store, planId: string): Promise<void> => stepsQueue(store, planId).drain(true);
