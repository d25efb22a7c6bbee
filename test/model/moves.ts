/** What an intent means, given where the plan stands: the commands to run, or time to let pass. */
import type { Json, PlanStatus } from '@countersign/shared';
import type { Command } from './commands.ts';
import { decisionFor, ROLES_OF } from './decisions.ts';
import { choose, crash, forwardStep, strayMove } from './executor-moves.ts';
import { ACTORS, type EditKind, type Intent } from './generators.ts';
import { hasEnded, type PlanState, type StepState } from './plan-state.ts';
import { edited } from './revising.ts';
import { reviseCommand } from './submission.ts';
import { countsFor } from './votes.ts';

export type Move = Exclude<Command, { do: 'create' }> | { do: 'wait'; ms: number };

export interface Situation {
  /** null once the plan is deleted */
  state: PlanState | null;
  /** the plan as it was last, also after it was deleted */
  last: PlanState;
  now: number;
  /** oldest first */
  past: readonly Move[];
}

export const STALE_DIGEST = `sha256:${'0'.repeat(64)}`;

/** Gives the moves in order. An intent without a meaning in this situation gives none. */
export async function movesOf(intent: Intent, situation: Situation): Promise<Move[]> {
  switch (intent.kind) {
    case 'forward':
      return forward(intent, situation);
    case 'person':
      return [personMove(intent, situation.last)];
    case 'hand':
      return [handMove(intent, situation.last)];
    case 'revise':
      return isRevisable(situation.state) || intent.pick % 3 === 0 ? [await revision(intent, situation.last)] : [];
    case 'stray':
      return [strayMove(intent, situation)];
    case 'crash':
      return crash(intent, situation);
    case 'repeat':
      return situation.past.slice(-intent.back).slice(0, 1);
    case 'wait':
      return [{ do: 'wait', ms: intent.ms }];
    case 'deadline':
      return upToDeadline(intent, situation);
  }
}

export type IntentOf<Kind extends Intent['kind']> = Extract<Intent, { kind: Kind }>;

const REVISABLE: readonly (PlanStatus | undefined)[] = ['draft', 'pending_approval', 'failed', 'partial'];
const isRevisable = (state: PlanState | null): boolean => REVISABLE.includes(state?.status);

async function forward(intent: IntentOf<'forward'>, situation: Situation): Promise<Move[]> {
  const { state, now } = situation;
  const { pick, actor } = intent;
  switch (state?.status) {
    case 'draft':
      return [{ do: 'submit', actor, digest: state.digest, decision: decisionFor(pick) }];
    case 'pending_approval':
      // Nobody can vote for what is denied, and some try.
      if (pick % 5 === 3)
        return [{ do: 'approve', ...voteOf(actor), digest: state.digest, version: state.decision.version, comment: null }];
      if (state.decision.outcome === 'deny' || pick % 12 === 5) return [redecideMove(state, pick)];
      return [pick % 8 === 7 ? { do: 'reject', actor, digest: state.digest, reason: 'not like this' } : voteOn(state, intent)];
    case 'approved':
      return [{ do: 'wait', ms: Math.max(0, Date.parse(state.content.options.startAt ?? '') - now) }, { do: 'tick' }];
    case 'executing':
      return goOn(intent, situation);
    case 'paused': {
      const moves = pick % 3 === 0 ? [] : goOn(intent, situation);
      return moves.length > 0 ? moves : [{ do: 'resume', actor }];
    }
    case 'failed':
    case 'partial':
      return afterFailure(intent, state);
    default:
      return [];
  }
}

/** A vote for the plan by somebody who has not voted, while there is anybody. */
function voteOn(state: PlanState, { pick, actor }: { pick: number; actor: string }): Move {
  const free = ACTORS.filter((name) => !state.votes.some((vote) => vote.actor === name));
  const voter = free.find((name) => state.decision.demands.some((demand) => countsFor(state, demand, voteOf(name)))) ?? free[0] ?? actor;
  const comment = pick % 2 === 0 ? null : `as ${voter} sees it`;
  return { do: 'approve', ...voteOf(voter), digest: state.digest, version: state.decision.version, comment };
}

const voteOf = (actor: string) => ({ actor, roles: ROLES_OF[actor] ?? [] });

/** Under another version than the one that the plan was decided under. */
function redecideMove({ digest, decision }: PlanState, pick: number): Move {
  const [one, other] = [decisionFor(pick), decisionFor(pick + 1)];
  return { do: 'redecide', digest, decision: one.version === decision.version ? other : one };
}

function goOn(intent: IntentOf<'forward'>, situation: Situation): Move[] {
  const gates = situation.last.steps.filter(({ status }) => status === 'awaiting_approval');
  const gate = choose(gates, intent.pick);
  const moves = gate !== undefined && intent.pick % 5 === 2 ? [] : forwardStep(intent, situation);
  return moves.length > 0 || gate === undefined ? moves : [voteOnGate(gate, intent)];
}

function voteOnGate({ id: stepId, gate }: StepState, { pick, actor }: { pick: number; actor: string }): Move {
  const voter = ACTORS.find((name) => !gate?.votes.some((vote) => vote.actor === name)) ?? actor;
  return { do: pick % 8 === 7 ? 'rejectGate' : 'approveGate', actor: voter, stepId, ...gateVote(pick) };
}

const DATA: readonly Json[] = [{ answer: 42, none: [], nothing: {} }, 'a "text" | of \\ sorts', [], false];

function gateVote(pick: number): { comment: string | null; data?: Json } {
  const data = choose(DATA, pick);
  return { comment: pick % 3 === 0 ? 'as "I" see it|' : null, ...(pick % 2 === 0 || data === undefined ? {} : { data }) };
}

async function afterFailure({ pick, actor }: IntentOf<'forward'>, state: PlanState): Promise<Move[]> {
  const again = choose(
    state.steps.filter(({ status }) => status !== 'completed'),
    pick,
  );
  switch (pick % 6) {
    case 0:
      return [{ do: 'retry', actor, from: null }];
    case 1:
      return again === undefined ? [] : [{ do: 'retryStep', actor, stepId: again.id }];
    case 2:
      return [await revision({ edit: 'input', pick, actor, stale: false, decision: pick }, state)];
    default:
      return [];
  }
}

interface Revising {
  edit: EditKind;
  pick: number;
  actor: string;
  stale: boolean;
  /** which of the decisions */
  decision: number;
}

function revision({ edit, pick, actor, stale, decision }: Revising, { content, digest, revision }: PlanState): Promise<Move> {
  const plan = edited(content, { edit, pick, revision: revision + 1 });
  return reviseCommand({ plan, decision: decisionFor(decision), actor, basedOn: stale ? STALE_DIGEST : digest });
}

function personMove({ verb, actor, stale, pick }: IntentOf<'person'>, last: PlanState): Move {
  const digest = stale ? STALE_DIGEST : last.digest;
  switch (verb) {
    case 'approve':
      return {
        do: 'approve',
        ...voteOf(actor),
        digest,
        version: pick % 4 === 0 ? decisionFor(pick).version : last.decision.version,
        comment: null,
      };
    case 'submit':
      return { do: 'submit', actor, digest, decision: decisionFor(pick) };
    case 'redecide':
      return { do: 'redecide', digest, decision: decisionFor(pick) };
    case 'reject':
      return { do: 'reject', actor, digest, reason: 'not "like" this | at all' };
    case 'cancel':
      return { do: 'cancel', actor, reason: stale ? null : 'no longer wanted' };
    case 'delete':
      return { do: 'delete' };
    case 'retry':
      return { do: 'retry', actor, from: null };
    default:
      return { do: verb, actor };
  }
}

const APT: Record<'retryFrom' | 'retryStep' | 'skip' | 'gate', (step: StepState) => boolean> = {
  retryFrom: hasEnded,
  retryStep: (step) => hasEnded(step) && step.status !== 'completed',
  skip: ({ status }) => status === 'pending' || status === 'awaiting_approval' || status === 'failed',
  gate: ({ status }) => status === 'awaiting_approval',
};

/** A person's call on one step; an apt one is about a step that it can do something to, where there is one. */
function handMove({ verb, actor, pick, apt }: IntentOf<'hand'>, { steps }: PlanState): Move {
  const isApt = APT[verb === 'approveGate' || verb === 'rejectGate' ? 'gate' : verb];
  const ids = steps.flatMap(({ id, children }) => [id, ...children.map((child) => child.id)]);
  const fitting = apt ? steps.filter(isApt).map(({ id }) => id) : [];
  const stepId = choose(fitting.length > 0 ? fitting : [...ids, 'nobody'], pick) ?? 'nobody';
  switch (verb) {
    case 'approveGate':
    case 'rejectGate':
      return { do: verb, actor, stepId, ...gateVote(pick) };
    case 'retryFrom':
      return { do: 'retry', actor, from: pick % 3 === 0 ? [stepId, choose(ids, pick + 1) ?? stepId] : [stepId] };
    default:
      return { do: verb, actor, stepId };
  }
}

interface Deadline {
  at: number;
  vote: Move | null;
}

function upToDeadline({ early, by, actor }: IntentOf<'deadline'>, { state, now }: Situation): Move[] {
  if (state === null) return [{ do: 'tick' }];
  const next = deadlinesOf(state, actor).sort((one, other) => one.at - other.at)[0];
  if (next === undefined) return [{ do: 'tick' }];
  const ms = Math.max(0, next.at - now - (early ? 1 : 0));
  return [{ do: 'wait', ms }, by === 'vote' && next.vote !== null ? next.vote : { do: 'tick' }];
}

function deadlinesOf(state: PlanState, actor: string): Deadline[] {
  const { status, approvalDeadline, timeoutAt, content } = state;
  const { startAt } = content.options;
  const vote = { pick: 0, actor };
  return [
    ...(status === 'approved' && startAt !== null ? [{ at: Date.parse(startAt), vote: null }] : []),
    ...(status === 'pending_approval' && approvalDeadline !== null ? [{ at: approvalDeadline, vote: voteOn(state, vote) }] : []),
    ...(status === 'executing' && timeoutAt !== null ? [{ at: timeoutAt, vote: null }] : []),
    ...state.steps.flatMap((step) => {
      const at = step.status === 'awaiting_approval' ? (step.gate?.deadline ?? null) : null;
      return at === null ? [] : [{ at, vote: voteOnGate(step, vote) }];
    }),
  ];
}
