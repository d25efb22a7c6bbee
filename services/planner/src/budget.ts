/**
 * What a task may take of models: its planning, revisions, replanning and summaries together. Looked at before each round.
 * What the round to come will take is not known, so that the last one may pass the limit.
 */
import type { TaskError, TotalUsage, Usage } from '@countersign/shared';

export interface Budget {
  /** tokens in and out together */
  maxTokens: number;
  /** rounds that asked a model */
  maxRounds: number;
  /** US dollars; null: no limit */
  maxCostUsd: number | null;
}

export const DEFAULT_BUDGET: Budget = { maxTokens: 200_000, maxRounds: 30, maxCostUsd: null };

export const NOTHING_USED: TotalUsage = { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null };

/** What is used after one more round; `usage` is null where nobody knows. */
export const withRound = (used: TotalUsage, usage: Usage | null): TotalUsage => ({
  calls: used.calls + 1,
  inputTokens: used.inputTokens + (usage?.inputTokens ?? 0),
  outputTokens: used.outputTokens + (usage?.outputTokens ?? 0),
  costUsd: usage?.costUsd == null ? used.costUsd : (used.costUsd ?? 0) + usage.costUsd,
});

/** Why no model is asked any more; null while something is left. */
export function budgetError(used: TotalUsage, { maxTokens, maxRounds, maxCostUsd }: Budget): TaskError | null {
  const tokens = used.inputTokens + used.outputTokens;
  if (tokens >= maxTokens) return exceeded(`${tokens} of ${maxTokens} tokens`, 'TASK_MAX_TOKENS', used);
  if (used.calls >= maxRounds) return exceeded(`${used.calls} of ${maxRounds} rounds`, 'TASK_MAX_ROUNDS', used);
  const cost = used.costUsd ?? 0;
  // Prices are sums of small fractions; nobody wants to read all their digits.
  if (maxCostUsd !== null && cost >= maxCostUsd) {
    return exceeded(`${Number(cost.toFixed(4))} of ${maxCostUsd} US dollars`, 'TASK_MAX_COST_USD', used);
  }
  return null;
}

const exceeded = (what: string, setting: string, used: TotalUsage): TaskError => ({
  code: 'budget_exceeded',
  message: `the task has used ${what} that it may take of models, so nothing more was asked; the planner's setting ${setting} raises the limit`,
  detail: { setting, used: { ...used } },
});
