/** Random plans: their graphs, their branches and gates, and their options. */
import { CONDITION_TOOL, type PlanDraft, type PolicyDecision, type StepDraft } from '@countersign/shared';
import fc from 'fast-check';
import { decisionFor } from './decisions.ts';
import { START } from './generators.ts';
import { type Submission, TOOL } from './submission.ts';

const SHAPES = {
  chain: (from: number, to: number) => to === from + 1,
  fanOut: (from: number) => from === 0,
  fanIn: (_from: number, to: number, count: number) => to === count - 1,
  diamond: (from: number, to: number, count: number) => from === 0 || to === count - 1,
} satisfies Record<string, (from: number, to: number, count: number) => boolean>;

/** For each step the earlier ones that it waits for. */
function edgesOf(count: number): fc.Arbitrary<number[][]> {
  const earlier = Array.from({ length: count }, (_, to) => Array.from({ length: to }, (_, from) => from));
  const shaped = fc
    .constantFrom(...Object.values(SHAPES))
    .map((isEdge) => earlier.map((froms, to) => froms.filter((from) => isEdge(from, to, count))));
  const random = fc.tuple(...earlier.map((froms) => fc.subarray(froms, { maxLength: Math.min(froms.length, 3) })));
  // Steps that wait for some of the same few are decided at the same moment, in the order of the array.
  const layered = fc.tuple(
    ...earlier.map((froms, to) => (to < 3 ? fc.constant<number[]>([]) : fc.subarray(froms.slice(0, 3), { minLength: 1 }))),
  );
  return fc.oneof(random, shaped, layered);
}

interface StepHints {
  onError: 'stop' | 'continue';
  maxAttempts: number;
  /** its input names what the steps before it gave */
  referring: boolean;
  readsInput: boolean;
  when: string | null;
  runIf: NonNullable<StepDraft['runIf']>;
  approval: { message: string; quorum: number } | null;
  forEach: StepDraft['forEach'];
  /** its input names its element */
  readsItem: boolean;
  isCondition: boolean;
  /** the sides of earlier conditions that it hangs on; the number chooses among the conditions */
  hangsOn: { pick: number; side: 'ifTrue' | 'ifFalse' }[];
}

const stepHints: fc.Arbitrary<StepHints> = fc.record({
  onError: fc.constantFrom('continue', 'continue', 'stop'),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  referring: fc.boolean(),
  readsInput: fc.constantFrom(false, false, false, true),
  when: fc.constantFrom(null, null, null, null, 'true', '{{input.go}} == 1'),
  runIf: fc.constantFrom(
    'none_failed_min_one_success',
    'none_failed_min_one_success',
    'all_success',
    'none_failed',
    'all_done',
    'all_done',
  ),
  approval: fc.constantFrom(null, null, null, null, { message: 'Go on?', quorum: 1 }, { message: '', quorum: 2 }),
  forEach: fc.constantFrom(null, null, null, null, '{{input.list}}', ['x'], [{ y: [] }, null, 1.5], ['x', [], {}, 'a "|" \\']),
  readsItem: fc.boolean(),
  isCondition: fc.constantFrom(false, false, true),
  hangsOn: fc.array(fc.record({ pick: fc.nat({ max: 7 }), side: fc.constantFrom('ifTrue', 'ifFalse') }), { maxLength: 2 }),
});

/** Half of the plans have none of the times that may run out, so that they get far. */
const options: fc.Arbitrary<NonNullable<PlanDraft['options']>> = fc.record({
  maxParallelSteps: fc.integer({ min: 1, max: 4 }),
  allowParallel: fc.constantFrom(true, true, true, false),
  planTimeoutMs: fc.constantFrom(null, null, null, 3_000, 61_000),
  approvalTimeoutMs: fc.constantFrom(null, null, 1_500, 60_500),
  startAt: fc.constantFrom(null, null, null, null, new Date(START + 1_000).toISOString(), new Date(START - 1).toISOString()),
});

export const submission: fc.Arbitrary<Submission> = fc.integer({ min: 1, max: 8 }).chain((count) =>
  fc
    .record({
      edges: edgesOf(count),
      hints: fc.array(stepHints, { minLength: count, maxLength: count }),
      // The order of the array is not that of the graph.
      order: fc.shuffledSubarray(
        Array.from({ length: count }, (_, at) => at),
        { minLength: count, maxLength: count },
      ),
      options,
      decision: fc.nat({ max: 100 }),
      draft: fc.constantFrom(false, false, false, true),
    })
    .map(({ edges, hints, order, options, decision, draft }) => ({
      decision: createdWith(decision, draft),
      draft,
      plan: {
        objective: 'hold the store against the model',
        input: { go: 0, list: ['one', { two: [] }] },
        options,
        steps: order.map((at) => stepDraft(at, edges[at] ?? [], hints)),
      },
    })),
);

/** What policy denies can be a draft only. */
function createdWith(pick: number, draft: boolean): PolicyDecision {
  const decision = decisionFor(pick);
  return decision.outcome === 'deny' && !draft ? decisionFor(pick + 1) : decision;
}

function stepDraft(at: number, edges: readonly number[], hints: readonly StepHints[]): StepDraft {
  const { isCondition, referring, readsInput, hangsOn: _hangsOn, ...rest } = hints[at] as StepHints;
  const { maxAttempts, forEach = null, readsItem, ...fields } = rest;
  const dependsOn = edges.map(idOf);
  const step = { id: idOf(at), dependsOn, retry: { maxAttempts }, ...fields };
  const read = [
    ...(referring ? dependsOn.map((id) => `{{${id}.output${pathInto(hints[Number(id.slice(1))])}}}`) : []),
    ...(readsInput ? ['{{input.go}}'] : []),
  ];
  const ofChild = forEach !== null && readsItem ? ['{{item}}', '{{index}}'] : [];
  if (!isCondition) return { ...step, tool: TOOL, forEach, input: { seen: [...read, ...ofChild] } };
  const expression = read.length === 0 ? 'true' : read.map((reference) => `${reference} == 'a'`).join(' or ');
  return { ...step, tool: CONDITION_TOOL, input: { expression }, ...branchesOf(at, hints) };
}

/** Into the output of a step: a condition's is a boolean, that of a step with forEach is a list. */
function pathInto(hints: StepHints | undefined): string {
  if (hints?.isCondition) return '';
  return hints?.forEach == null ? '.value' : '[0].value';
}

const idOf = (at: number): string => `s${at}`;

/** The steps behind a condition that hang on it. */
function branchesOf(condition: number, hints: readonly StepHints[]): Pick<StepDraft, 'ifTrue' | 'ifFalse'> {
  const on = (side: 'ifTrue' | 'ifFalse') => hints.flatMap((_, at) => (sideOf(condition, at, hints) === side ? [idOf(at)] : []));
  return { ifTrue: on('ifTrue'), ifFalse: on('ifFalse') };
}

function sideOf(condition: number, at: number, hints: readonly StepHints[]): 'ifTrue' | 'ifFalse' | undefined {
  const conditions = hints.flatMap(({ isCondition }, other) => (isCondition && other < at ? [other] : []));
  return hints[at]?.hangsOn.find(({ pick }) => conditions[pick % conditions.length] === condition)?.side;
}
