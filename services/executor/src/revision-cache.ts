/** The content of revisions, which never changes, with what running its steps needs worked out once. */
import { canonicalJson, type PlanContent, type Step, stepReferences } from '@countersign/shared';
import type { PlanStore } from '@countersign/store';

export interface LoadedStep {
  step: Step;
  /** the ids of the steps that its references name */
  references: readonly string[];
}

export interface LoadedRevision {
  content: PlanContent;
  steps: ReadonlyMap<string, LoadedStep>;
  /** the canonical text of the signed contracts, by tool */
  contracts: ReadonlyMap<string, string>;
}

const KEPT = 200;

function loadContent(content: PlanContent): LoadedRevision {
  const ids = new Set(content.steps.map(({ id }) => id));
  const loadStep = (step: Step): LoadedStep => ({
    step,
    references: [...new Set(stepReferences(step).map(({ root }) => root))].filter((root) => ids.has(root)),
  });
  return {
    content,
    steps: new Map(content.steps.map((step) => [step.id, loadStep(step)])),
    contracts: new Map(Object.entries(content.tools).map(([name, contract]) => [name, canonicalJson(contract)])),
  };
}

/** Loads a revision once; the least recently used ones are forgotten. Neither a failed load nor a missing one is remembered. */
export function revisionCache(store: Pick<PlanStore, 'getRevision'>): (planId: string, revision: number) => Promise<LoadedRevision | null> {
  const loaded = new Map<string, Promise<LoadedRevision | null>>();
  const load = async (planId: string, revision: number): Promise<LoadedRevision | null> => {
    const found = await store.getRevision(planId, revision);
    return found === null ? null : loadContent(found.content);
  };
  return (planId, revision) => {
    const key = `${planId}:${revision}`;
    const known = loaded.get(key) ?? load(planId, revision);
    loaded.delete(key);
    loaded.set(key, known);
    const forget = (): void => {
      if (loaded.get(key) === known) loaded.delete(key);
    };
    known.then((revisionOrNull) => revisionOrNull === null && forget(), forget);
    const oldest = loaded.keys().next().value;
    if (loaded.size > KEPT && oldest !== undefined) loaded.delete(oldest);
    return known;
  };
}
