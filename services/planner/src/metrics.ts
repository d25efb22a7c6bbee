/** What the planner counts and measures. */
import type { MetricDefinition, Metrics } from '@countersign/service';
import type { PlanningRound } from '@countersign/shared';

export const PLANNER_METRICS = {
  rounds: {
    kind: 'counter',
    name: 'countersign_planner_rounds_total',
    help: 'Rounds of planning. format: how a model was asked for JSON, `none` without one. outcome: `accepted`, `issues` (the answer did not pass), `error` (there was none).',
    labels: ['planner', 'format', 'outcome'],
  },
  tokens: {
    kind: 'counter',
    name: 'countersign_planner_tokens_total',
    help: 'Tokens that models have read (`in`) and written (`out`).',
    labels: ['direction'],
  },
  cost: {
    kind: 'counter',
    name: 'countersign_planner_cost_dollars_total',
    help: 'Estimated cost of models in US dollars; stays 0 without prices.',
    labels: [],
  },
  durations: {
    kind: 'histogram',
    name: 'countersign_planning_duration_seconds',
    help: 'Time that one piece of planning took, all its rounds together. work: `task`, or `request` of a plan.',
    labels: ['work', 'outcome'],
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320],
  },
  running: { kind: 'gauge', name: 'countersign_plannings_running', help: 'Pieces of planning that this process works on.', labels: [] },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export interface PlannerMeters {
  round(round: PlanningRound): void;
  /** A piece of planning begins; call what it gives with how it ended. */
  begin(work: 'task' | 'request'): (outcome: string) => void;
}

const outcomeOf = ({ error, issues }: PlanningRound): string => {
  if (error !== null) return 'error';
  return issues.length > 0 ? 'issues' : 'accepted';
};

export function plannerMeters(metrics: Metrics): PlannerMeters {
  const { rounds, tokens, cost, durations, running } = metrics.add(PLANNER_METRICS);
  let inHand = 0;
  running.set({}, inHand);
  return {
    round(round) {
      const { planner, format, usage } = round;
      rounds.add({ planner, format: format ?? 'none', outcome: outcomeOf(round) });
      tokens.add({ direction: 'in' }, usage?.inputTokens ?? 0);
      tokens.add({ direction: 'out' }, usage?.outputTokens ?? 0);
      cost.add({}, usage?.costUsd ?? 0);
    },
    begin(work) {
      const startedAt = performance.now();
      running.set({}, ++inHand);
      return (outcome) => {
        running.set({}, --inHand);
        durations.observe({ work, outcome }, (performance.now() - startedAt) / 1_000);
      };
    },
  };
}
