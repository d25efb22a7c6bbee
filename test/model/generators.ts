/**
 * Random plans, and what is tried on them. A sequence is generated as intents, small hints such as "go on with the third
 * thing that can be done": what they mean is settled against the model's state as the sequence runs. So a sequence makes
 * progress whatever the plan is, and still means something when parts of it are left out to shrink it.
 */
import type { PlanDraft } from '@countersign/shared';
import fc from 'fast-check';

export interface PlanSpec {
  plan: PlanDraft;
  quorum: number;
  draft: boolean;
}

/** The third one's name would break a record whose parts are joined without care. */
export const ACTORS = ['ann', 'bob', 'cás|the "third"\\,'] as const;
export const TOOL = 'test.echo';

const ENDINGS = ['begin', 'complete', 'complete', 'complete', 'complete', 'complete', 'fail', 'retry', 'retryLater', 'release'] as const;
const STEP_VERBS = ['claim', 'begin', 'complete', 'fail', 'release'] as const;

/** `pick` numbers count through what there is to choose from, again and again. */
export type Intent =
  | { kind: 'forward'; pick: number; ending: (typeof ENDINGS)[number]; actor: (typeof ACTORS)[number] }
  | { kind: 'person'; verb: 'submit' | 'approve' | 'reject' | 'cancel' | 'delete'; actor: (typeof ACTORS)[number]; stale: boolean }
  | { kind: 'stray'; verb: (typeof STEP_VERBS)[number]; step: number; token: 'held' | 'older' | 'wrong'; off: number; again: boolean }
  | { kind: 'crash'; pick: number; times: number }
  | { kind: 'repeat'; back: number }
  | { kind: 'wait'; ms: number };

const pick = fc.nat({ max: 1_000 });
const actor = fc.constantFrom(...ACTORS);

const intent: fc.Arbitrary<Intent> = fc.oneof(
  { weight: 32, arbitrary: fc.record({ kind: fc.constant('forward'), pick, ending: fc.constantFrom(...ENDINGS), actor }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('person'),
      verb: fc.constantFrom('submit', 'approve', 'approve', 'approve', 'reject', 'cancel', 'delete'),
      actor,
      stale: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('stray'),
      verb: fc.constantFrom(...STEP_VERBS),
      step: pick,
      token: fc.constantFrom('held', 'older', 'wrong'),
      off: fc.constantFrom(0, 0, -1, 1),
      again: fc.constantFrom(true, true, true, false),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash'), pick, times: fc.constantFrom(1, 1, 1, 2, 10) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('repeat'), back: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(1, 999, 60_000) }) },
);

export const intents: fc.Arbitrary<Intent[]> = fc.array(intent, { minLength: 4, maxLength: 80, size: 'max' });

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
  referring: boolean;
}

const stepHints: fc.Arbitrary<StepHints> = fc.record({
  onError: fc.constantFrom('continue', 'continue', 'stop'),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  referring: fc.boolean(),
});

export const planSpec: fc.Arbitrary<PlanSpec> = fc.integer({ min: 1, max: 8 }).chain((count) =>
  fc
    .record({
      edges: edgesOf(count),
      hints: fc.array(stepHints, { minLength: count, maxLength: count }),
      // The order of the array is not that of the graph.
      order: fc.shuffledSubarray(
        Array.from({ length: count }, (_, at) => at),
        { minLength: count, maxLength: count },
      ),
      maxParallelSteps: fc.integer({ min: 1, max: 4 }),
      allowParallel: fc.constantFrom(true, true, true, false),
      quorum: fc.constantFrom(0, 0, 1, 1, 2),
      draft: fc.constantFrom(false, false, false, true),
    })
    .map(({ edges, hints, order, maxParallelSteps, allowParallel, quorum, draft }) => ({
      quorum,
      draft,
      plan: {
        objective: 'hold the store against the model',
        options: { maxParallelSteps, allowParallel },
        steps: order.map((at) => stepDraft(at, edges[at] ?? [], hints[at] as StepHints)),
      },
    })),
);

function stepDraft(at: number, edges: readonly number[], { onError, maxAttempts, referring }: StepHints): PlanDraft['steps'][number] {
  const dependsOn = edges.map((from) => `s${from}`);
  const seen = referring ? dependsOn.map((id) => `{{${id}.output.value}}`) : [];
  return { id: `s${at}`, tool: TOOL, input: { seen }, dependsOn, onError, retry: { maxAttempts } };
}
