/** The one round of a planner that asks no model. */
import type { PlannerName, PlanningRound } from '@countersign/shared';

/** Both on one clock, in ms. */
interface Span {
  startedAt: number;
  endedAt: number;
}

export const roundWithoutModel = (
  planner: PlannerName,
  { startedAt, endedAt }: Span,
  said: Pick<PlanningRound, 'reply' | 'issues' | 'error'>,
): PlanningRound => ({
  round: 1,
  planner,
  model: null,
  format: null,
  promptVersion: null,
  promptHash: null,
  startedAt: new Date(startedAt).toISOString(),
  durationMs: Math.max(0, Math.round(endedAt - startedAt)),
  ...said,
  usage: null,
});
