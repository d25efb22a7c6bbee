/** What a command comes to: what it changed, or a refusal that changed nothing. */
import type { PolicyDecision } from '@countersign/shared';
import type { Change, ModelEvent } from './changes.ts';
import type { DueDone, Reply } from './commands.ts';
import type { PlanState, StepState } from './plan-state.ts';

export interface Applied {
  /** null: there is no such plan, or no longer */
  readonly state: PlanState | null;
  readonly events: readonly ModelEvent[];
  readonly reply: Reply;
}

export const unchanged = (state: PlanState, now: number): Change => ({ state, events: [], now });

export const done = ({ state, events }: Change, reply: Reply = { ok: true }): Applied => ({ state, events, reply });

export const ticked = ({ state, events }: Change, due: readonly DueDone[]): Applied => ({ state, events, reply: { ok: true, due } });

export const refused = (state: PlanState | null, refusal: string, detail?: Readonly<Record<string, string>>): Applied => ({
  state,
  events: [],
  reply: { ok: false, refusal, ...(detail === undefined ? {} : { detail }) },
});

/** Refused because of what policy decided. */
export const refusedByPolicy = (state: PlanState | null, { rule }: PolicyDecision): Applied =>
  refused(state, 'policy_denied', { rule: rule ?? '' });

/** Refused for the status of the plan, or of the step that the command is about. */
export const wrongState = (state: PlanState, { status }: PlanState | StepState): Applied => refused(state, 'wrong_state', { status });

/** A deadline had passed: what it does has happened, and then the command is refused. */
export const tooLate = ({ state, events }: Change, { status }: PlanState | StepState): Applied => ({
  ...wrongState(state, { status } as StepState),
  events,
});
