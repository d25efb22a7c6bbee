/** What executors do: they go on with a step, come late, repeat themselves, or go silent. */
import { CONDITION_TOOL, type Json, type StepError } from '@countersign/shared';
import type { IntentOf, Move, Situation } from './moves.ts';
import { definitionOf, findStep, type PlanState, parentIdOf, runsOf, type StepState } from './plan-state.ts';

/** Counts through the items, again and again. */
export const choose = <Item>(items: readonly Item[], pick: number): Item | undefined => items[pick % Math.max(items.length, 1)];

const freshToken = ({ past }: Situation): string => `token-${past.length}`;

function claimOf({ id, generation, delivery }: StepState, token: string): Move {
  return { do: 'claim', stepId: id, generation, delivery, token, executor: `executor "of"|${token}` };
}

/** An executor goes on with a step: claims one, or reports on one that it holds. */
export function forwardStep(intent: IntentOf<'forward'>, situation: Situation): Move[] {
  const { last: state, now } = situation;
  const { pick } = intent;
  const runs = runsOf(state);
  const running = runs.filter(({ status }) => status === 'running');
  const claimable =
    state.status === 'executing' ? runs.filter(({ status, parked }) => status === 'queued' || (status === 'retrying' && !parked)) : [];
  // Claims come first more often than not, so that several steps run side by side.
  const preferred = pick % 4 === 0 ? running : claimable;
  const step = choose(preferred.length > 0 ? preferred : [...running, ...claimable], pick);
  if (step === undefined) return [];
  const claim = claimOf(step, freshToken(situation));
  // A stopping plan is soon over: what it refuses would hardly ever be met by chance.
  if (state.stopping !== null && pick % 8 === 1) return [claim, recordMove('begin', { step, state, pick })];
  if (state.stopping !== null && pick % 8 === 3) return [recordMove('retry', { step, state, pick })];
  if (step.status === 'running') return [recordMove(endingOf(intent, { step, state }), { step, state, pick })];
  return step.status === 'retrying' && step.notBefore > now ? [claim, { do: 'wait', ms: step.notBefore - now }, claim] : [claim];
}

type Ending = IntentOf<'forward'>['ending'] | 'decline' | 'ask' | 'expand';

/** Before it runs a step, an executor looks at its condition, asks for its gate and gets its list. */
function endingOf({ pick, ending }: IntentOf<'forward'>, { step, state }: { step: StepState; state: PlanState }): Ending {
  if (parentIdOf(step.id) !== null) return ending;
  const { when } = definitionOf(state, step.id);
  if (when !== null && pick % 5 === 0) return 'decline';
  if (isToAsk(state, step) && pick % 7 !== 0) return 'ask';
  return isToExpand(state, step.id) && ending !== 'fail' && pick % 11 !== 0 ? 'expand' : ending;
}

const isToAsk = (state: PlanState, step: StepState): boolean =>
  parentIdOf(step.id) === null && definitionOf(state, step.id).approval !== null && step.gate?.decision !== 'approved';

const isToExpand = (state: PlanState, stepId: string): boolean =>
  parentIdOf(stepId) === null && definitionOf(state, stepId).forEach !== null;

/** The elements of the list that the step names: they are the same whenever it is expanded. */
function itemsOf(state: PlanState, stepId: string): string[] {
  const { forEach } = definitionOf(state, stepId);
  const list = Array.isArray(forEach) ? forEach : state.content.input.list;
  return (list as Json[]).map((item) => JSON.stringify(item));
}

const failure = (retryable: boolean): StepError => ({
  code: 'tool_error',
  message: retryable ? 'try "again"|later' : 'no use: 100 %\n',
  retryable,
});

function recordMove(ending: Ending, { step, state, pick }: { step: StepState; state: PlanState; pick: number }): Move {
  const hold = { stepId: step.id, token: step.token ?? 'nobody' };
  switch (ending) {
    case 'begin':
      return { do: 'begin', ...hold, resolvedInput: JSON.stringify({ seen: [step.attempt] }) };
    case 'ask':
      return { do: 'ask', ...hold, resolvedInput: pick % 2 === 0 ? null : '{"seen":[1.50]}', message: `go "on" with ${step.id}?|` };
    case 'expand':
      return { do: 'expand', ...hold, items: itemsOf(state, step.id) };
    case 'complete':
      return { do: 'complete', ...hold, output: outputOf(state, step, pick) };
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

function outputOf(state: PlanState, { id, token }: StepState, pick: number): string {
  if (isToExpand(state, id)) return '[]';
  if (definitionOf(state, id).tool === CONDITION_TOOL) return String(pick % 2 === 0);
  return JSON.stringify({ value: token, none: [], nothing: {}, quote: '|"\\' });
}

/** A call that may be late, repeated, or about something that is not there. */
export function strayMove(intent: IntentOf<'stray'>, { state, last, past }: Situation): Move {
  const running = state === null ? [] : runsOf(state).flatMap(({ id, status }) => (status === 'running' ? [id] : []));
  const all = last.steps.flatMap(({ id, children }) => [id, ...children.map((child) => child.id)]);
  const stepId = choose([...running, ...running, ...all, 'nobody'], intent.step) ?? 'nobody';
  const step = findStep(last, stepId);
  const older = past.flatMap((move) => (move.do === 'claim' && move.stepId === stepId ? [move.token] : []));
  const token = { held: step?.token, older: choose(older, intent.step), wrong: 'token-of-nobody' }[intent.token] ?? 'token-of-nobody';
  const delivery = Math.max(0, (step?.delivery ?? 1) + intent.off);
  const generation = (step?.generation ?? 1) + (intent.again ? 0 : 1);
  switch (intent.verb) {
    case 'claim':
      return { do: 'claim', stepId, generation, delivery, token, executor: 'executor-of-a-stray' };
    case 'ask':
      // An executor asks only for gates, and only once: nothing is said of anything else.
      if (step === undefined || !isToAsk(last, step)) return strayLook(stepId, token);
      return { do: 'ask', stepId, token, resolvedInput: null, message: 'a stray' };
    case 'expand':
      if (step !== undefined && !isToExpand(last, stepId)) return { do: 'begin', stepId, token, resolvedInput: null };
      return { do: 'expand', stepId, token, items: step === undefined ? ['0'] : itemsOf(last, stepId) };
    case 'begin':
      return { do: 'begin', stepId, token, resolvedInput: null };
    case 'decline':
      return strayLook(stepId, token);
    case 'complete': {
      const isCondition = step !== undefined && definitionOf(last, stepId).tool === CONDITION_TOOL;
      return { do: 'complete', stepId, token, output: isCondition ? 'true' : '"stray"' };
    }
    case 'fail':
      return { do: 'fail', stepId, token, error: failure(intent.again), delayMs: intent.off === 0 ? 0 : 1_000 };
    default:
      return { do: intent.verb, stepId, token };
  }
}

/** What the condition says is looked at for a step alone, never for its children. */
const strayLook = (stepId: string, token: string): Move =>
  parentIdOf(stepId) === null ? { do: 'decline', stepId, token } : { do: 'begin', stepId, token, resolvedInput: null };

/** The executors of a running step go silent, one after the other. */
export function crash({ pick, times }: IntentOf<'crash'>, situation: Situation): Move[] {
  const runs = situation.state === null ? [] : runsOf(situation.state);
  const step = choose(
    runs.filter(({ status }) => status === 'running'),
    pick,
  );
  if (step === undefined) return [];
  return Array.from({ length: times }, (_, at) => claimOf(step, `${freshToken(situation)}-${at}`));
}
