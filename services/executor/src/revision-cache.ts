/** The content of revisions, which never changes, with the digests of the contracts that were signed. */
import { contractDigest, type PlanContent, type Step } from '@countersign/shared';
import type { PlanStore } from '@countersign/store';

export interface LoadedRevision {
  content: PlanContent;
  steps: ReadonlyMap<string, Step>;
  /** digest of the signed contract, by tool */
  contracts: ReadonlyMap<string, string>;
}

const KEPT = 200;

/** Loads a revision once; the least recently used ones are forgotten. A failed load is not remembered. */
export function revisionCache(store: Pick<PlanStore, 'getRevision'>): (planId: string, revision: number) => Promise<LoadedRevision | null> {
  const loaded = new Map<string, Promise<LoadedRevision | null>>();
  const load = async (planId: string, revision: number): Promise<LoadedRevision | null> => {
    const found = await store.getRevision(planId, revision);
    if (found === null) return null;
    const { content } = found;
    const contracts = await Promise.all(
      Object.entries(content.tools).map(async ([name, contract]) => [name, await contractDigest(contract)] as const),
    );
    return { content, steps: new Map(content.steps.map((step) => [step.id, step])), contracts: new Map(contracts) };
  };
  return (planId, revision) => {
    const key = `${planId}:${revision}`;
    const known = loaded.get(key) ?? load(planId, revision);
    loaded.delete(key);
    loaded.set(key, known);
    known.catch(() => loaded.delete(key));
    const oldest = loaded.keys().next().value;
    if (loaded.size > KEPT && oldest !== undefined) loaded.delete(oldest);
    return known;
  };
}
