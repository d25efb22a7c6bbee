/** What changed from one revision of a plan to another: nothing exactly when their digests are equal. */
import type { FieldChange, PlanDiff, RevisionContent } from './api.ts';
import { pathText } from './issue.ts';
import { canonicalJson, isObject, type Json } from './json.ts';
import type { PlanContent, Step } from './plan.ts';
import { type Difference, planDiffText, type StepDifference } from './plan-diff-text.ts';

const sameJson = (a: Json | undefined, b: Json | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b);

/** The differences below a path. Objects are compared member by member; everything else, lists too, is one value. */
function differencesIn(before: Json | undefined, after: Json | undefined, path: readonly string[]): Difference[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differencesIn(ownMember(before, key), ownMember(after, key), [...path, key]));
  }
  return sameJson(before, after) ? [] : [{ path: pathText(path), from: before, to: after }];
}

const ownMember = (value: Record<string, unknown>, key: string): Json | undefined =>
  Object.hasOwn(value, key) ? (value[key] as Json | undefined) : undefined;

const asJson = (value: unknown): Json => value as Json;

/**
 * The ids of the steps that have to be moved so that the common steps are in their new order, as few as possible: all
 * but those of a longest sequence that keeps its order.
 */
function movedSteps(before: readonly string[], after: readonly string[]): Set<string> {
  const placeBefore = new Map(before.map((id, place) => [id, place]));
  const common = after.filter((id) => placeBefore.has(id));
  const places = common.map((id) => placeBefore.get(id) as number);
  // ends[n] is where, in `places`, the sequence of length n + 1 ends whose last place is lowest.
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  places.forEach((place, at) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[ends[middle] as number] as number) < place) low = middle + 1;
      else high = middle;
    }
    previous[at] = ends[low - 1];
    ends[low] = at;
  });
  const moved = new Set(common);
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) moved.delete(common[at] as string);
  return moved;
}

const numbered = (steps: readonly Step[]): Map<string, { step: Step; position: number }> =>
  new Map(steps.map((step, place) => [step.id, { step, position: place + 1 }]));

/** Every field of a step that is new or gone; a field that is null has nothing to tell. */
const wholeStep = ({ id: _id, ...fields }: Step, side: 'from' | 'to'): Difference[] =>
  Object.entries(fields).flatMap(([path, value]) =>
    value === null || value === undefined ? [] : [{ path, from: undefined, to: undefined, [side]: asJson(value) }],
  );

function stepDifferences(before: PlanContent, after: PlanContent): StepDifference[] {
  const old = numbered(before.steps);
  const fresh = numbered(after.steps);
  const moved = movedSteps([...old.keys()], [...fresh.keys()]);
  const there = [...fresh.values()].flatMap(({ step, position }): StepDifference[] => {
    const former = old.get(step.id);
    if (former === undefined) return [{ kind: 'added', step, differences: wholeStep(step, 'to') }];
    const fields = differencesIn(asJson(former.step), asJson(step), []);
    const place = moved.has(step.id) ? [{ path: 'position', from: former.position, to: position }] : [];
    const differences = [...fields, ...place];
    return differences.length === 0 ? [] : [{ kind: fields.length === 0 ? 'moved' : 'changed', step, differences }];
  });
  const gone = before.steps.filter(({ id }) => !fresh.has(id));
  return [...there, ...gone.map((step): StepDifference => ({ kind: 'removed', step, differences: wholeStep(step, 'from') }))];
}

/** What differs between two contents: beside the steps, then the steps in their new order, then those that are gone. */
function contentDifferences(before: PlanContent, after: PlanContent): StepDifference[] {
  const { steps: _before, ...besideBefore } = before;
  const { steps: _after, ...besideAfter } = after;
  const beside = differencesIn(asJson(besideBefore), asJson(besideAfter), []);
  const plan: StepDifference[] = beside.length === 0 ? [] : [{ kind: 'plan', step: null, differences: beside }];
  return [...plan, ...stepDifferences(before, after)];
}

const written = ({ path, from, to }: Difference): FieldChange => ({ path, from: from ?? null, to: to ?? null });

/**
 * What changed from `before` to `after`. `position` is the place of a step in the array, counted from 1. The values in
 * `changes` are whole; in `text` long ones are cut.
 */
export function diffRevisions(before: RevisionContent, after: RevisionContent): PlanDiff {
  const differences = contentDifferences(before.content, after.content);
  return {
    from: before.revision,
    to: after.revision,
    changes: differences.map(({ kind, step, differences: fields }) => ({ kind, stepId: step?.id ?? null, fields: fields.map(written) })),
    text: planDiffText({ before, after, differences }),
  };
}
