/** The content of revisions, which never changes, with what running its steps needs worked out once. */
import { keptContext } from '@countersign/service';
import {
  CONDITION_TOOL,
  callsCode,
  canonicalJson,
  inputReferences,
  isTemplate,
  type PlanContent,
  type Reference,
  referencesIn,
  type SignedInput,
  type Step,
  secretsByStep,
  signedInput,
  stepReferences,
} from '@countersign/shared';
import type { PlanStore, TraceStore } from '@countersign/store';

export interface LoadedStep {
  step: Step;
  /** the ids of the steps whose outcomes it needs; none for most steps, which are quicker for it */
  reads: readonly string[];
  /** the same for each child of a forEach step: not the list itself, which each of its elements would have to load */
  childReads: readonly string[];
  /** whether resolving its input changes it */
  inputIsTemplate: boolean;
  /** what cannot be known before its gate was approved */
  readsOwnApproval: { input: boolean; forEach: boolean };
}

export interface LoadedRevision {
  content: PlanContent;
  steps: ReadonlyMap<string, LoadedStep>;
  /** the canonical text of the signed contracts, by tool */
  contracts: ReadonlyMap<string, string>;
  /** the names of all secrets that its steps ask for */
  secrets: readonly string[];
  /** its input, to find the places of secrets in a step's */
  signed: SignedInput;
  /** where its plan stands in a trace; null: nowhere, or nothing is traced */
  trace: string | null;
}

const KEPT = 200;

function loadStep(step: Step, ids: ReadonlySet<string>): LoadedStep {
  const isCondition = step.tool === CONDITION_TOOL;
  const input = inputReferences(step);
  const expressions = isCondition ? [String(step.input.expression)] : [];
  const readsOf = (references: readonly Reference[], conditions: readonly string[]): string[] => {
    const named = references.map(({ root }) => root);
    // Code may look at any step that this one waits for, and the gate's own outcome says whether it was approved.
    const further = [...(conditions.some(callsCode) ? step.dependsOn : []), ...(step.approval === null ? [] : [step.id])];
    return [...new Set([...named, ...further])].filter((id) => ids.has(id));
  };
  return {
    step,
    reads: readsOf(stepReferences(step), step.when === null ? expressions : [step.when, ...expressions]),
    childReads: readsOf(input, expressions),
    inputIsTemplate: !isCondition && isTemplate(step.input),
    readsOwnApproval: {
      input: input.some(({ root }) => root === step.id),
      forEach: referencesIn(step.forEach).some(({ root }) => root === step.id),
    },
  };
}

/** Works out once what running the steps of a content needs. */
export function loadContent(content: PlanContent, trace: string | null = null): LoadedRevision {
  const ids = new Set(content.steps.map(({ id }) => id));
  return {
    content,
    steps: new Map(content.steps.map((step) => [step.id, loadStep(step, ids)])),
    contracts: new Map(Object.entries(content.tools).map(([name, contract]) => [name, canonicalJson(contract)])),
    secrets: [...new Set([...secretsByStep(content).values()].flat())],
    signed: signedInput(content.input),
    trace,
  };
}

/** Loads a revision once; the least recently used ones are forgotten. Neither a failed load nor a missing one is remembered. */
export function revisionCache(
  store: Pick<PlanStore & TraceStore, 'getRevision' | 'readTrace'>,
): (planId: string, revision: number) => Promise<LoadedRevision | null> {
  const loaded = new Map<string, Promise<LoadedRevision | null>>();
  const load = async (planId: string, revision: number): Promise<LoadedRevision | null> => {
    const [found, trace] = await Promise.all([store.getRevision(planId, revision), keptContext(() => store.readTrace(planId))]);
    return found === null ? null : loadContent(found.content, trace);
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
