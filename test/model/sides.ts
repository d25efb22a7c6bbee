/**
 * The two sides that are held together: the model and the real store. Both take the model's commands, and both show what
 * came of them in one form.
 */
import { type Actor, type Event, referencesIn } from '@countersign/shared';
import type { Refusal, Store } from '@countersign/store';
import { type ComparablePlan, expectedPlan, seenPlan } from './comparable.ts';
import { apply } from './model.ts';
import type { Command, CommandOf, ModelEvent, PlanState, Reply } from './plan-state.ts';

/** Time as the store is told it, in milliseconds. */
export interface Clock {
  now: number;
}

/** One plan on one side. */
export interface Side {
  run(command: Command): Promise<Reply>;
  /** null when there is no such plan, or no longer */
  plan(): Promise<ComparablePlan | null>;
  /** all since the plan was created, also after it was deleted */
  events(): Promise<readonly ModelEvent[]>;
}

export interface ModelSide extends Side {
  state(): PlanState | null;
}

export function modelSide(create: CommandOf<'create'>, clock: Clock): ModelSide {
  let { state, events } = apply(null, create, clock.now);
  return {
    async run(command) {
      const applied = apply(state, command, clock.now);
      state = applied.state;
      events = [...events, ...applied.events];
      return applied.reply;
    },
    plan: async () => (state === null ? null : expectedPlan(state)),
    events: async () => events,
    state: () => state,
  };
}

export interface StoreSide extends Side {
  planId: string;
}

const actorOf = (id: string): Actor => ({ id, roles: ['admin'] });

export async function storeSide(create: CommandOf<'create'>, store: Store): Promise<StoreSide> {
  const { content, digest, quorum, autoReason, draft, actor } = create;
  const created = await store.createPlan({
    content,
    digest,
    origin: 'manual',
    createdBy: actor,
    decision: { quorum, reason: autoReason },
    draft,
  });
  if (!created.ok) throw new Error(`the store did not take the plan: ${created.refusal.message}`);
  const planId = created.value.id;
  const events: Event[] = [];
  return {
    planId,
    run: (command) => runOnStore(store, planId, command),
    async plan() {
      const plan = await store.getPlan(planId);
      return plan === null ? null : seenPlan(plan);
    },
    async events() {
      events.push(...(await store.readEvents(planId, { after: events.at(-1)?.id ?? '0', limit: 1_000 })));
      return events;
    },
  };
}

async function runOnStore(store: Store, planId: string, command: Command): Promise<Reply> {
  switch (command.do) {
    case 'create':
      throw new Error('a side has its plan already');
    case 'submit':
      return outcomeReply(await store.submitPlan(planId, { actor: actorOf(command.actor) }));
    case 'approve':
      return outcomeReply(
        await store.approvePlan(planId, {
          actor: actorOf(command.actor),
          digest: command.digest,
          ...(command.comment === null ? {} : { comment: command.comment }),
        }),
      );
    case 'reject':
      return outcomeReply(
        await store.rejectPlan(planId, { actor: actorOf(command.actor), digest: command.digest, reason: command.reason }),
      );
    case 'cancel':
      return outcomeReply(
        await store.cancelPlan(planId, {
          actor: actorOf(command.actor),
          ...(command.reason === null ? {} : { reason: command.reason }),
        }),
      );
    case 'delete':
      return outcomeReply(await store.deletePlan(planId));
    default:
      return runStepOnStore(store, planId, command);
  }
}

/** The steps whose outcome an executor asks for. */
async function referencesOf(store: Store, planId: string, stepId: string): Promise<string[]> {
  const revision = await store.getRevision(planId, 1);
  const step = revision?.content.steps.find(({ id }) => id === stepId);
  return [...new Set(referencesIn(step?.input).map(({ root }) => root))];
}

async function runStepOnStore(store: Store, planId: string, command: Extract<Command, { stepId: string }>): Promise<Reply> {
  const { stepId, token } = command;
  const hold = { planId, stepId, token };
  switch (command.do) {
    case 'claim': {
      const { generation, delivery, executor } = command;
      const reply = await store.claimStep({ planId, stepId, generation, delivery }, { token, executor });
      if (!reply.ok) {
        const { refusal, notBefore } = reply;
        return { ok: false, refusal, ...(notBefore === undefined ? {} : { notBefore }) };
      }
      const outcomes = await store.readOutcomes(planId, await referencesOf(store, planId, stepId));
      const referenced = Object.fromEntries([...outcomes].map(([id, { output }]) => [id, output]));
      return { ok: true, attempt: reply.claim.attempt, referenced };
    }
    case 'begin':
      return store.beginStep(hold, command.resolvedInput);
    case 'complete':
      return store.completeStep(hold, command.output);
    case 'fail':
      return store.failStep(hold, { error: command.error, delayMs: command.delayMs });
    case 'release':
      return store.releaseStep(hold);
  }
}

function outcomeReply(outcome: { ok: true } | { ok: false; refusal: Refusal }): Reply {
  if (outcome.ok) return { ok: true };
  const { code, detail } = outcome.refusal;
  return { ok: false, refusal: code, ...(Object.keys(detail).length === 0 ? {} : { detail }) };
}
