/** What models took, on Redis: lua/lib/usage.lua has the layout. */
import type { PlanningRound, TotalUsage } from '@countersign/shared';

/** As stored. */
export const USAGE_FIELDS = ['calls', 'inputTokens', 'outputTokens', 'costMicros'] as const;

const MICROS = 1_000_000;

export function readUsage(fields: Readonly<Record<string, string>>): TotalUsage {
  return {
    calls: Number(fields.calls ?? 0),
    inputTokens: Number(fields.inputTokens ?? 0),
    outputTokens: Number(fields.outputTokens ?? 0),
    costUsd: fields.costMicros === undefined ? null : Number(fields.costMicros) / MICROS,
  };
}

/** The arguments for `addUsage`. */
export function usageArgs({ model, usage }: PlanningRound): string[] {
  const cost = usage?.costUsd ?? null;
  return [
    model === null ? '0' : '1',
    ...(usage === null ? ['', ''] : [String(usage.inputTokens), String(usage.outputTokens)]),
    cost === null ? '' : String(Math.round(cost * MICROS)),
  ];
}
