/** A delivered step in a trace: from its claim to its record. */
import { openSpan, type TracedSpan } from '@countersign/service';
import type { StepJob } from '@countersign/shared';
import type { ClaimedStep } from '@countersign/store';

/** What came of it. `refused`: the store did not take what was to be recorded, because the step is no longer this executor's. */
export type StepSpanOutcome =
  | 'completed'
  | 'retrying'
  | 'failed'
  | 'declined'
  | 'awaiting_approval'
  | 'expanded'
  | 'handed_back'
  | 'refused';

interface TracedStep {
  job: StepJob;
  queue: string;
  claim: ClaimedStep;
  tool: string;
  executor: string;
  /** where its plan stands in a trace */
  trace: string | null;
  /** when the claim was asked for, on the clock of `performance.now()` */
  askedAt: number;
}

/** Attempts of a step are spans of their own. */
export const openStepSpan = ({ job, queue, claim, tool, executor, trace, askedAt }: TracedStep): TracedSpan =>
  openSpan(`step ${tool}`, {
    parent: trace,
    kind: 'consumer',
    startedAt: Date.now() - (performance.now() - askedAt),
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.destination.name': queue,
      'messaging.operation.type': 'process',
      'countersign.task.id': claim.taskId ?? undefined,
      'countersign.plan.id': job.planId,
      'countersign.plan.revision': claim.revision,
      'countersign.step.id': job.stepId,
      'countersign.step.attempt': claim.attempt,
      'countersign.step.generation': job.generation,
      'countersign.tool': tool,
      'countersign.executor': executor,
    },
  });

export const endsAs = (span: TracedSpan, outcome: StepSpanOutcome): void => span.set({ 'countersign.step.outcome': outcome });
