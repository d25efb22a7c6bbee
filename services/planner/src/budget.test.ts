import { describe, expect, test } from 'vitest';
import { budgetError, NOTHING_USED, withRound } from './budget.ts';

const BUDGET = { maxTokens: 1_000, maxRounds: 3, maxCostUsd: 0.5 };

describe('a budget', () => {
  test.each([
    [{ inputTokens: 900, outputTokens: 99 }, null, ''],
    [{ inputTokens: 900, outputTokens: 100 }, 'TASK_MAX_TOKENS', '1000 of 1000 tokens'],
    [{ calls: 2 }, null, ''],
    [{ calls: 3 }, 'TASK_MAX_ROUNDS', '3 of 3 rounds'],
    [{ costUsd: 0.49 }, null, ''],
    [{ costUsd: 0.1 + 0.5 }, 'TASK_MAX_COST_USD', '0.6 of 0.5 US dollars'],
  ])('with %o used is passed: %s', (used, setting, words) => {
    const error = budgetError({ ...NOTHING_USED, ...used }, BUDGET);
    if (setting === null) expect(error).toBeNull();
    else {
      expect(error).toMatchObject({ code: 'budget_exceeded', detail: { setting } });
      for (const part of [words, setting]) expect(error?.message).toContain(part);
    }
  });

  test('without a limit in dollars is not passed by any', () => {
    expect(budgetError({ ...NOTHING_USED, costUsd: 1e6 }, { ...BUDGET, maxCostUsd: null })).toBeNull();
  });

  test('counts a round of which nobody knows what it took', () => {
    const usage = { inputTokens: 5, outputTokens: 7, costUsd: 0.25, estimated: true };
    expect(withRound(withRound(NOTHING_USED, usage), null)).toEqual({ calls: 2, inputTokens: 5, outputTokens: 7, costUsd: 0.25 });
  });
});
