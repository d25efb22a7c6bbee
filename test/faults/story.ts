/** What becomes of one plan in a run: what is written, and what people do with it. Made from the seed before anything runs. */
import { CONDITION_TOOL, type Json, type PlanDraft, type StepDraft } from '@countersign/shared';
import type { Random } from '../random.ts';
import type { Way } from './model.ts';

export const SHAPES = ['chain', 'fan', 'layers', 'random', 'branches', 'gates', 'lists', 'failures', 'cleanup'] as const;
export type Shape = (typeof SHAPES)[number];

/** What somebody does with a plan while it runs, once so many of its tools have been called. */
export interface Deed {
  afterCalls: number;
  do: 'cancel' | 'pause' | 'storm';
  /** of a pause: how long, in ms */
  forMs: number;
}

export interface Story {
  name: string;
  shape: Shape;
  /** what a model writes the first draft of, and how it goes about it; null: somebody wrote it by hand */
  way: Way | null;
  /** how often it is submitted at once, each time under the same key */
  submits: number;
  /** by revision: `drafts[0]` is the first one */
  drafts: PlanDraft[];
  /** what is done with the last revision */
  verdict: 'approve' | 'reject' | 'cancel' | 'storm';
  deeds: Deed[];
  /** what gates are answered, by the step's id */
  gates: Record<string, 'approve' | 'reject'>;
  /** what is done once it has failed or ended partly */
  afterFailure: 'leave' | 'retry' | 'retry_step' | 'skip' | 'revise';
}

/** What a step's input says of where it was written; calls are held against it. */
export const markOf = (name: string, revision: number, stepId: string): string => `${name}/${revision}/${stepId}`;

const WAYS_OF_PLANS: readonly (readonly [weight: number, way: Way | null])[] = [
  [70, null],
  [14, 'plain'],
  [3, 'busy'],
  [3, 'broken'],
  [2, 'silent'],
  [3, 'cut'],
  [3, 'inventive'],
  [1, 'refusing'],
  [1, 'down'],
];
const SUBMITS: readonly (readonly [weight: number, times: number])[] = [
  [60, 1],
  [20, 2],
  [1, 200],
];

interface Sketch {
  /** for each step the earlier ones that it waits for */
  edges: number[][];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

const SKETCHES: Record<Shape, (random: Random) => Sketch> = {
  chain: (random) => ({ edges: range(random.between(2, 8)).map((at) => (at === 0 ? [] : [at - 1])) }),
  fan(random) {
    const width = random.between(3, 12);
    return { edges: [[], ...range(width).map(() => [0]), range(width).map((at) => at + 1)] };
  },
  layers(random) {
    const [depth, width] = [random.between(2, 4), random.between(2, 4)];
    const layerOf = (at: number) => Math.floor(at / width);
    return {
      edges: range(depth * width).map((at) => (layerOf(at) === 0 ? [] : range(width).map((other) => (layerOf(at) - 1) * width + other))),
    };
  },
  random: (random) => tangle(random),
  branches: (random) => tangle(random),
  gates: (random) => tangle(random),
  lists: (random) => tangle(random),
  failures: (random) => tangle(random),
  cleanup: (random) => tangle(random),
};

function tangle(random: Random): Sketch {
  const count = random.between(3, 10);
  return {
    edges: range(count).map((at) =>
      random
        .shuffled(range(at))
        .slice(0, random.between(0, Math.min(3, at)))
        .sort((a, b) => a - b),
    ),
  };
}

const idOf = (at: number): string => `s${at}`;

/** `scale` makes tools work longer or shorter; the same seed and scale give the same story. */
export function writeStory(at: number, random: Random, { scale = 1 }: { scale?: number } = {}): Story {
  const shape = random.pick(SHAPES);
  const name = `${shape}-${at}`;
  const sketch = SKETCHES[shape](random);
  const isRevised = random.chance(0.15);
  const failing = shape === 'failures' || shape === 'cleanup';
  const afterFailure = random.weighted([
    [4, 'leave'],
    [3, 'retry'],
    [2, 'retry_step'],
    [2, 'skip'],
    [2, 'revise'],
  ] as const);
  const hints = sketch.edges.map(() => hintsOf(shape, random, scale));
  const draftOf = (revision: number, heals: boolean): PlanDraft => ({
    objective: objectiveOf(name),
    input: { list: range(hints[0]?.items ?? 2), go: hints[0]?.goes ?? true },
    options: {
      maxParallelSteps: hints[0]?.cap ?? 3,
      stopOnError: hints[0]?.stops ?? true,
      retry: { maxAttempts: 3, backoff: 'fixed', delayMs: 20 },
      stepTimeoutMs: 30_000,
    },
    steps: stepsOf({ name, revision, sketch, hints: heals ? hints.map((each) => ({ ...each, fails: 'never' as const })) : hints, shape }),
  });
  const drafts = [draftOf(1, false)];
  if (isRevised) drafts.push(draftOf(2, false));
  // The revision that is made after a failure.
  if (failing && afterFailure === 'revise') drafts.push(draftOf(drafts.length + 1, true));
  const gated = drafts[0]?.steps.filter(({ approval }) => approval != null).map(({ id }) => id) ?? [];
  return {
    name,
    shape,
    way: random.weighted(WAYS_OF_PLANS),
    submits: random.weighted(SUBMITS),
    drafts,
    verdict: random.weighted([
      [20, 'approve'],
      [1, 'reject'],
      [1, 'cancel'],
      [2, 'storm'],
    ] as const),
    deeds: deedsOf(sketch.edges.length, random),
    gates: Object.fromEntries(gated.map((id) => [id, random.chance(0.85) ? ('approve' as const) : ('reject' as const)])),
    afterFailure: failing && afterFailure === 'revise' ? 'revise' : afterFailure === 'revise' ? 'leave' : afterFailure,
  };
}

function deedsOf(steps: number, random: Random): Deed[] {
  const afterCalls = () => random.between(1, Math.max(1, steps - 1));
  return random.weighted<() => Deed[]>([
    [14, () => []],
    [3, () => [{ afterCalls: afterCalls(), do: 'cancel', forMs: 0 }]],
    [3, () => [{ afterCalls: afterCalls(), do: 'pause', forMs: random.between(50, 1_500) }]],
    [1, () => [{ afterCalls: afterCalls(), do: 'storm', forMs: 0 }]],
  ])();
}

/** ms that a tool may hold up its executor */
export const LONGEST_BLOCK_MS = 13_000;
let blocking = 0;

/** A plan of one step whose tool holds up its executor past its lock, the first time that it is called. */
export function blockingStory(random: Random): Story {
  const name = `blocking-${blocking++}`;
  const step = {
    id: 's0',
    tool: 'fault.block',
    input: { mark: markOf(name, 1, 's0'), ms: random.between(11_000, LONGEST_BLOCK_MS - 1_000) },
  };
  const draft: PlanDraft = { objective: objectiveOf(name), options: { stepTimeoutMs: 30_000 }, steps: [step] };
  return { name, shape: 'chain', way: null, submits: 1, drafts: [draft], verdict: 'approve', deeds: [], gates: {}, afterFailure: 'leave' };
}

const objectiveOf = (name: string): string => `${name} of a run with faults`;

interface Hints {
  tool: 'fault.work' | 'fault.narrow' | 'fault.changing' | 'fault.destroy';
  ms: number;
  deaf: boolean;
  fails: 'never' | 'then_not' | 'for_good';
  onError: 'stop' | 'continue';
  gate: boolean;
  isList: boolean;
  isCondition: boolean;
  when: string | null;
  items: number;
  goes: boolean;
  cap: number;
  stops: boolean;
}

function hintsOf(shape: Shape, random: Random, scale: number): Hints {
  const failing = shape === 'failures' || shape === 'cleanup';
  return {
    tool: random.weighted([
      [10, 'fault.work'],
      [2, 'fault.narrow'],
      [0.5, 'fault.changing'],
      [0.3, 'fault.destroy'],
    ] as const),
    ms: Math.round(
      scale *
        random.weighted([
          [4, 0],
          [4, random.between(5, 60)],
          [2, random.between(100, 600)],
        ]),
    ),
    deaf: random.chance(0.1),
    fails: failing
      ? random.weighted([
          [6, 'never'],
          [3, 'then_not'],
          [3, 'for_good'],
        ] as const)
      : random.weighted([
          [12, 'never'],
          [1, 'then_not'],
        ] as const),
    onError: random.chance(0.5) ? 'continue' : 'stop',
    gate: shape === 'gates' && random.chance(0.35),
    isList: shape === 'lists' && random.chance(0.4),
    isCondition: shape === 'branches' && random.chance(0.35),
    when: random.chance(0.08) ? '{{input.go}} == true' : null,
    items: random.between(0, 6),
    goes: random.chance(0.5),
    cap: random.between(1, 6),
    stops: random.chance(0.6),
  };
}

interface Writing {
  name: string;
  revision: number;
  sketch: Sketch;
  hints: readonly Hints[];
  shape: Shape;
}

function stepsOf({ name, revision, sketch, hints, shape }: Writing): StepDraft[] {
  const isCondition = (at: number): boolean => hints[at]?.isCondition === true && at < sketch.edges.length - 1;
  const conditions = range(sketch.edges.length).filter(isCondition);
  /** The last condition before a step, on whose one side or other it hangs. */
  const above = (at: number): number | undefined => (isCondition(at) ? undefined : conditions.filter((each) => each < at).at(-1));
  return sketch.edges.map((edges, at): StepDraft => {
    const hint = hints[at] as Hints;
    const id = idOf(at);
    const dependsOn = edges.map(idOf);
    if (isCondition(at)) {
      const hanging = range(sketch.edges.length).filter((other) => above(other) === at);
      return {
        id,
        tool: CONDITION_TOOL,
        input: { expression: '{{input.go}} == true' },
        dependsOn,
        ifTrue: hanging.filter((other) => other % 2 === 0).map(idOf),
        ifFalse: hanging.filter((other) => other % 2 === 1).map(idOf),
      };
    }
    const isLast = at === sketch.edges.length - 1;
    const isCleanup = shape === 'cleanup' && isLast && dependsOn.length > 0;
    // What a step before it gave is only there where that one must have completed.
    const read = edges.find((other) => !isCondition(other) && hints[other]?.isList !== true);
    const readable = !isCleanup && read !== undefined && shape !== 'branches';
    const seen: Json = readable ? `{{${idOf(read)}.output.mark}}` : null;
    return {
      id,
      tool: hint.tool,
      dependsOn,
      input: {
        mark: hint.isList ? `${markOf(name, revision, id)}[{{index}}]` : markOf(name, revision, id),
        ...(seen === null ? {} : { seen }),
        ...(hint.ms > 0 && { ms: hint.ms }),
        ...(hint.deaf && { deaf: true }),
        ...(hint.fails === 'then_not' && { failAttempts: 1 }),
        ...(hint.fails === 'for_good' && { failAttempts: 1_000, fatal: true }),
      },
      onError: hint.onError,
      ...(isCleanup && { runIf: 'all_done' as const }),
      ...(readable && { runIf: 'all_success' as const }),
      ...(hint.gate && { approval: { message: `May ${id} go on?` } }),
      ...(hint.isList && { forEach: '{{input.list}}' }),
      ...(hint.when !== null && { when: hint.when }),
    };
  });
}
