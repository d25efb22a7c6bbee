/** What the fleet has announced, remembered for a moment: every validation asks for all of it. */
import type { ToolContract, ValidationContext } from '@countersign/shared';
import type { ToolCatalogue } from '@countersign/store';
import { remembering } from './remembering.ts';

const REMEMBERED_MS = 1_000;

export interface KnownTools {
  byName(): Promise<ReadonlyMap<string, ToolContract>>;
  /** what a plan is validated against: the tools, and the conditions that executors have in code */
  validation(): Promise<ValidationContext>;
}

export function knownTools(
  catalogue: Pick<ToolCatalogue, 'listTools' | 'listConditions'>,
  now: () => number = () => performance.now(),
): KnownTools {
  const options = { forMs: REMEMBERED_MS, now };
  const byName = remembering(async () => new Map((await catalogue.listTools()).map((contract) => [contract.name, contract])), options);
  const conditions = remembering(async () => new Set(await catalogue.listConditions()), options);
  return {
    byName,
    async validation() {
      const [tools, names] = await Promise.all([byName(), conditions()]);
      return { tools, conditions: names };
    },
  };
}
