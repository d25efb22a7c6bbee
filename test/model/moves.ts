/** What an intent means, given where the plan stands: the commands to run, or time to let pass. */
import type { StepError } from '@countersign/shared';
import { ACTORS, type Intent } from './generators.ts';
import { type Command, type PlanState, type StepState, stepOf } from './plan-state.ts';

export type Move = Exclude<Command, { do: 'create' }> | { do: 'wait'; ms: number };

export interface Situation {
  /** null once the plan is deleted */
  state: PlanState | null;
  /** of the plan, also after it was deleted */
  digest: string;
  stepIds: readonly string[];
  now: number;
  /** oldest first */
  past: readonly Move[];
}

export const STALE_DIGEST = `sha256:${'0'.repeat(64)}`;

/** Gives the moves in order. An intent without a meaning in this situation gives none. */
export function movesOf(intent: Intent, situation: Situation): Move[] {
  switch (intent.kind) {
    case 'forward':
      return forward(intent, situation);
    case 'person':
      return [personMove(intent, situation.digest)];
    case 'stray':
      return [strayMove(intent, situation)];
    case 'crash':
      return crash(intent, situation);
    case 'repeat':
      return situation.past.slice(-intent.back).slice(0, 1);
    case 'wait':
      return [{ do: 'wait', ms: intent.ms }];
  }
}

type IntentOf<Kind extends Intent['kind']> = Extract<Intent, { kind: Kind }>;

const choose = <Item>(items: readonly Item[], pick: number): Item | undefined => items[pick % Math.max(items.length, 1)];
const freshToken = ({ past }: Situation): string => `token-${past.length}`;

function claimOf({ id, generation, delivery }: StepState, token: string): Move {
  return { do: 'claim', stepId: id, generation, delivery, token, executor: `executor "of"|${token}` };
}

function forward(intent: IntentOf<'forward'>, situation: Situation): Move[] {
  const { state, now } = situation;
  if (state === null) return [];
  if (state.status === 'draft') return [{ do: 'submit', actor: intent.actor }];
  if (state.status === 'pending_approval') {
    const actor = ACTORS.find((name) => !state.votes.includes(name)) ?? intent.actor;
    if (intent.pick % 8 === 7) return [{ do: 'reject', actor, digest: state.digest, reason: 'not like this' }];
    return [{ do: 'approve', actor, digest: state.digest, comment: intent.pick % 2 === 0 ? null : `as ${actor} sees it` }];
  }
  const running = state.steps.filter(({ status }) => status === 'running');
  const claimable = state.steps.filter(({ status, parked }) => status === 'queued' || (status === 'retrying' && !parked));
  // Claims come first more often than not, so that several steps run side by side.
  const preferred = intent.pick % 4 === 0 ? running : claimable;
  const step = choose(preferred.length > 0 ? preferred : [...running, ...claimable], intent.pick);
  if (step === undefined) return [];
  const claim = claimOf(step, freshToken(situation));
  // A stopping plan is soon over: what it refuses would hardly ever be met by chance.
  if (state.stopping !== null && intent.pick % 4 === 1) return [claim, recordMove('begin', step)];
  if (state.stopping !== null && intent.pick % 4 === 3) return [recordMove('retry', step)];
  if (step.status === 'running') return [recordMove(intent.ending, step)];
  return step.status === 'retrying' && step.notBefore > now ? [claim, { do: 'wait', ms: step.notBefore - now }, claim] : [claim];
}

const failure = (retryable: boolean): StepError => ({
  code: 'tool_error',
  message: retryable ? 'try "again"|later' : 'no use: 100 %\n',
  retryable,
});

function recordMove(ending: IntentOf<'forward'>['ending'], step: StepState): Move {
  const hold = { stepId: step.id, token: step.token ?? 'nobody' };
  switch (ending) {
    case 'begin':
      return { do: 'begin', ...hold, resolvedInput: JSON.stringify({ seen: [step.attempt] }) };
    case 'complete':
      return { do: 'complete', ...hold, output: JSON.stringify({ value: hold.token, none: [], nothing: {}, quote: '|"\\' }) };
    case 'fail':
      return { do: 'fail', ...hold, error: failure(false), delayMs: 1_000 };
    case 'retry':
      return { do: 'fail', ...hold, error: failure(true), delayMs: 0 };
    case 'retryLater':
      return { do: 'fail', ...hold, error: failure(true), delayMs: 1_000 };
    default:
      return { do: ending, ...hold };
  }
}

function personMove({ verb, actor, stale }: IntentOf<'person'>, current: string): Move {
  const digest = stale ? STALE_DIGEST : current;
  switch (verb) {
    case 'approve':
      return { do: 'approve', actor, digest, comment: null };
    case 'reject':
      return { do: 'reject', actor, digest, reason: 'not "like" this | at all' };
    case 'cancel':
      return { do: 'cancel', actor, reason: stale ? null : 'no longer wanted' };
    case 'delete':
      return { do: 'delete' };
    case 'submit':
      return { do: 'submit', actor };
  }
}

/** A call that may be late, repeated, or about something that is not there. */
function strayMove(intent: IntentOf<'stray'>, situation: Situation): Move {
  const { state, stepIds, past } = situation;
  const running = state?.steps.flatMap(({ id, status }) => (status === 'running' ? [id] : [])) ?? [];
  const stepId = choose([...running, ...running, ...stepIds, 'nobody'], intent.step) ?? 'nobody';
  const step = state?.steps.some(({ id }) => id === stepId) ? stepOf(state, stepId) : undefined;
  const older = past.flatMap((move) => (move.do === 'claim' && move.stepId === stepId ? [move.token] : []));
  const token = { held: step?.token, older: choose(older, intent.step), wrong: 'token-of-nobody' }[intent.token] ?? 'token-of-nobody';
  const delivery = Math.max(0, (step?.delivery ?? 1) + intent.off);
  const generation = intent.again ? (step?.generation ?? 1) : 2;
  switch (intent.verb) {
    case 'claim':
      return { do: 'claim', stepId, generation, delivery, token, executor: 'executor-of-a-stray' };
    case 'begin':
      return { do: 'begin', stepId, token, resolvedInput: null };
    case 'complete':
      return { do: 'complete', stepId, token, output: '"stray"' };
    case 'fail':
      return { do: 'fail', stepId, token, error: failure(intent.again), delayMs: intent.off === 0 ? 0 : 1_000 };
    default:
      return { do: intent.verb, stepId, token };
  }
}

/** The executors of a running step go silent, one after the other. */
function crash({ pick, times }: IntentOf<'crash'>, situation: Situation): Move[] {
  const step = choose(situation.state?.steps.filter(({ status }) => status === 'running') ?? [], pick);
  if (step === undefined) return [];
  return Array.from({ length: times }, (_, at) => claimOf(step, `${freshToken(situation)}-${at}`));
}
