/**
 * Random sequences of what is tried on a plan. A sequence is generated as intents, small hints such as "go on with the
 * third thing that can be done": what they mean is settled against the model's state as the sequence runs. So a sequence
 * makes progress whatever the plan is, and still means something when parts of it are left out to shrink it.
 */
import fc from 'fast-check';

/** Where the clock stands when a plan is created. */
export const START = Date.UTC(2026, 0, 1);

/** The third one's name would break a record whose parts are joined without care. */
export const ACTORS = ['ann', 'bob', 'cás|the "third"\\,'] as const;

const ENDINGS = ['begin', 'complete', 'complete', 'complete', 'complete', 'complete', 'fail', 'retry', 'retryLater', 'release'] as const;
const EXECUTOR_VERBS = ['claim', 'begin', 'decline', 'ask', 'expand', 'complete', 'fail', 'release'] as const;
const PLAN_VERBS = [
  'submit',
  'approve',
  'approve',
  'redecide',
  'redecide',
  'reject',
  'cancel',
  'delete',
  'pause',
  'pause',
  'resume',
  'retry',
  'retry',
] as const;
const STEP_VERBS = ['retryFrom', 'retryStep', 'retryStep', 'skip', 'skip', 'approveGate', 'rejectGate'] as const;
const EDITS = ['describe', 'input', 'planInput', 'drop', 'drop', 'add', 'cap', 'nothing'] as const;

/** `pick` numbers count through what there is to choose from, again and again. */
export type Intent =
  | { kind: 'forward'; pick: number; ending: (typeof ENDINGS)[number]; actor: Actor }
  | { kind: 'person'; verb: (typeof PLAN_VERBS)[number]; actor: Actor; stale: boolean; pick: number }
  | { kind: 'hand'; verb: (typeof STEP_VERBS)[number]; actor: Actor; pick: number; apt: boolean }
  | { kind: 'revise'; edit: (typeof EDITS)[number]; actor: Actor; pick: number; stale: boolean; decision: number }
  | { kind: 'stray'; verb: (typeof EXECUTOR_VERBS)[number]; step: number; token: 'held' | 'older' | 'wrong'; off: number; again: boolean }
  | { kind: 'crash'; pick: number; times: number }
  | { kind: 'repeat'; back: number }
  | { kind: 'wait'; ms: number }
  /** time passes up to the next deadline, or a bit less */
  | { kind: 'deadline'; early: boolean; by: 'tick' | 'vote'; actor: Actor };

export type EditKind = (typeof EDITS)[number];
type Actor = (typeof ACTORS)[number];

const pick = fc.nat({ max: 1_000 });
const actor = fc.constantFrom(...ACTORS);
/** True in one of `times` cases. */
const seldom = (times: number): fc.Arbitrary<boolean> => fc.nat({ max: times - 1 }).map((at) => at === times - 1);

const intent: fc.Arbitrary<Intent> = fc.oneof(
  { weight: 36, arbitrary: fc.record({ kind: fc.constant('forward'), pick, ending: fc.constantFrom(...ENDINGS), actor }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('person'), verb: fc.constantFrom(...PLAN_VERBS), actor, stale: seldom(3), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hand'), verb: fc.constantFrom(...STEP_VERBS), actor, pick, apt: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('revise'),
      edit: fc.constantFrom(...EDITS),
      actor,
      pick,
      stale: seldom(6),
      decision: pick,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('stray'),
      verb: fc.constantFrom(...EXECUTOR_VERBS),
      step: pick,
      token: fc.constantFrom('held', 'older', 'wrong'),
      off: fc.constantFrom(0, 0, -1, 1),
      again: fc.constantFrom(true, true, true, false),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash'), pick, times: fc.constantFrom(1, 1, 1, 2, 10) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('repeat'), back: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(1, 999, 60_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('deadline'), early: seldom(4), by: fc.constantFrom('tick', 'tick', 'vote'), actor }),
  },
);

export const intents: fc.Arbitrary<Intent[]> = fc.array(intent, { minLength: 4, maxLength: 80, size: 'max' });
