/**
 * The two sides that are held together: the model and the real store. Both take the model's commands, and both show what
 * came of them in one form.
 */
import { type Actor, type Event, type Json, parseChildId, stepReferences } from '@countersign/shared';
import type { Refusal, StepOutcome, Store } from '@countersign/store';
import type { ModelEvent } from './changes.ts';
import type { Command, CommandOf, DueDone, ExecutorCommand, Referenced, Reply, StepCommand } from './commands.ts';
import { type ComparablePlan, expectedPlan, seenPlan } from './comparable.ts';
import { apply } from './model.ts';
import type { PlanState } from './plan-state.ts';

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
const given = <Key extends string>(key: Key, value: string | null): Partial<Record<Key, string>> =>
  value === null ? {} : ({ [key]: value } as Partial<Record<Key, string>>);

export async function storeSide(create: CommandOf<'create'>, store: Store): Promise<StoreSide> {
  const { content, digest, decision, draft, actor } = create;
  const created = await store.createPlan({
    content,
    digest,
    origin: 'manual',
    createdBy: actor,
    decision,
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
  if (command.do === 'create') throw new Error('a side has its plan already');
  if (command.do === 'delete') return outcomeReply(await store.deletePlan(planId));
  if (command.do === 'tick') return runDue(store, planId);
  if (command.do === 'redecide') return outcomeReply(await store.redecidePlan(planId, command));
  if ('token' in command) return runOfExecutor(store, planId, command);
  if ('stepId' in command) return outcomeReply(await runOnStep(store, planId, command));
  const actor = actorOf(command.actor);
  switch (command.do) {
    case 'submit':
      return outcomeReply(await store.submitPlan(planId, { actor, digest: command.digest, decision: command.decision }));
    case 'approve':
      return outcomeReply(
        await store.approvePlan(planId, {
          actor: { id: command.actor, roles: command.roles },
          digest: command.digest,
          policyVersion: command.version,
          ...given('comment', command.comment),
        }),
      );
    case 'reject':
      return outcomeReply(await store.rejectPlan(planId, { actor, digest: command.digest, reason: command.reason }));
    case 'cancel':
      return outcomeReply(await store.cancelPlan(planId, { actor, ...given('reason', command.reason) }));
    case 'pause':
      return outcomeReply(await store.pausePlan(planId, { actor }));
    case 'resume':
      return outcomeReply(await store.resumePlan(planId, { actor }));
    case 'retry':
      return outcomeReply(await store.retryPlan(planId, { actor, ...(command.from === null ? {} : { from: command.from }) }));
    case 'revise': {
      const { content, digest, origin, basedOn, decision } = command;
      return outcomeReply(await store.revisePlan(planId, { content, digest, origin, actor, decision, basedOn }));
    }
  }
}

async function runDue(store: Store, planId: string): Promise<Reply> {
  const due: DueDone[] = [];
  for await (const { what, planId: of, stepId } of store.runDue()) if (of === planId) due.push({ what, stepId });
  return { ok: true, due };
}

function runOnStep(store: Store, planId: string, command: StepCommand): Promise<StoreOutcome> {
  const { stepId } = command;
  const actor = actorOf(command.actor);
  switch (command.do) {
    case 'retryStep':
      return store.retryStep(planId, stepId, { actor });
    case 'skip':
      return store.skipStep(planId, stepId, { actor });
    case 'approveGate':
    case 'rejectGate': {
      const { comment, data } = command;
      const vote = { actor, ...given('comment', comment), ...(data === undefined ? {} : { data }) };
      return command.do === 'approveGate' ? store.approveGate(planId, stepId, vote) : store.rejectGate(planId, stepId, vote);
    }
  }
}

/** What the references of a step read, as an executor asks for it. */
async function referencedBy(store: Store, planId: string, stepId: string): Promise<Record<string, Referenced>> {
  const plan = await store.getPlan(planId);
  const definedAs = parseChildId(stepId)?.stepId ?? stepId;
  const step = plan?.steps.find(({ id }) => id === definedAs);
  const roots = new Set(step === undefined ? [] : stepReferences(step).map(({ root }) => root));
  const named = plan?.steps.flatMap(({ id }) => (roots.has(id) ? [id] : [])) ?? [];
  const outcomes = await store.readOutcomes(planId, named);
  return Object.fromEntries([...outcomes].map(([id, outcome]) => [id, readable(outcome)]));
}

const readable = ({ status, output, gate }: StepOutcome): Referenced => ({
  status,
  output: parsed(output),
  gate: gate === null ? null : { decision: gate.decision, data: parsed(gate.data) },
});

const parsed = (text: string | null): Json => (text === null ? null : JSON.parse(text));

async function runOfExecutor(store: Store, planId: string, command: ExecutorCommand): Promise<Reply> {
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
      return { ok: true, attempt: reply.claim.attempt, referenced: await referencedBy(store, planId, stepId) };
    }
    case 'begin':
      return store.beginStep(hold, command.resolvedInput);
    case 'decline':
      return store.declineStep(hold);
    case 'ask':
      return store.askApproval(hold, { resolvedInput: command.resolvedInput, message: command.message });
    case 'expand':
      return store.expandStep(hold, command.items);
    case 'complete':
      return store.completeStep(hold, command.output);
    case 'fail':
      return store.failStep(hold, { error: command.error, delayMs: command.delayMs });
    case 'release':
      return store.releaseStep(hold);
  }
}

type StoreOutcome = { ok: true } | { ok: false; refusal: Refusal };

function outcomeReply(outcome: StoreOutcome): Reply {
  if (outcome.ok) return { ok: true };
  const { code, detail } = outcome.refusal;
  return { ok: false, refusal: code, ...(Object.keys(detail).length === 0 ? {} : { detail }) };
}
