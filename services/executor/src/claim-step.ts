/** Takes a step that the queue has delivered; one that is not due yet is waited for. */
import { randomUUID } from 'node:crypto';
import type { StepJob } from '@countersign/shared';
import type { ClaimReply, JobLock, StepStore } from '@countersign/store';
import { type Persistence, persist } from './persist.ts';

/** A claim, and when it was asked for, on the clock of `performance.now()`. */
export interface Claim {
  token: string;
  askedAt: number;
  reply: ClaimReply;
}

/** ms for which a step that is not due yet is waited for. Clocks of machines differ by a little; the rest is the reconciler's. */
const NOT_DUE_WAIT_MS = 5_000;

interface ClaimScope {
  store: Pick<StepStore, 'claimStep'>;
  /** this process's name on events */
  executor: string;
  persistence: Persistence;
}

/** `lock`: that of the job. */
export async function claimStep(job: StepJob, lock: JobLock, { store, executor, persistence }: ClaimScope): Promise<Claim> {
  const token = randomUUID();
  const givenUpAt = performance.now() + NOT_DUE_WAIT_MS;
  for (;;) {
    let askedAt = 0;
    const reply = await persist(() => {
      askedAt = performance.now();
      return store.claimStep(job, { token, executor, lock });
    }, persistence);
    if (reply.ok || reply.refusal !== 'not_due' || askedAt > givenUpAt) return { token, askedAt, reply };
    await persistence.wait(Math.min(Math.max(reply.dueInMs ?? 0, 1), 1_000));
  }
}
