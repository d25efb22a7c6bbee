/** Revisions on Redis: written once, never changed. */
import { type Plan, type PlanContent, pinnedSteps, type Revision, type RevisionContent, type RevisionOrigin } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { NewRevision, PlanStore } from './contract.ts';
import { decider } from './decide.ts';
import { callRecord, outcomeOf, refused } from './outcome.ts';
import { decisionTexts, planFields, revisionFields } from './plan-fields.ts';
import { planGraph } from './plan-graph.ts';
import { capOf, parsePlanState, weightOf } from './plan-state.ts';
import { isoTime } from './time.ts';

type Revisions = Pick<PlanStore, 'revisePlan' | 'requestRevision' | 'listRevisions' | 'getRevision'>;

/** A retry between reading a plan and writing its revision changes what has completed; that often it is read again. */
const READ_AGAIN = 5;

const revisionOf = (fields: Record<string, string>): Revision => ({
  revision: Number(fields.revision),
  digest: fields.digest as string,
  origin: fields.origin as RevisionOrigin,
  promptVersion: fields.promptVersion ?? null,
  createdAt: isoTime(fields.createdAt) as string,
  createdBy: fields.createdBy as string,
});

const completedIn = (plan: Plan): ReadonlySet<string> =>
  new Set(plan.steps.flatMap(({ id, status }) => (status === 'completed' ? [id] : [])));

export function planRevisions(connection: StoreConnection, getPlan: PlanStore['getPlan']): Revisions {
  const { keys, redis } = connection;
  const decide = decider(connection);

  const getRevision: PlanStore['getRevision'] = async (planId, revision) => {
    const fields = await connection.attempt(() => redis.hgetall(`${keys.plan(planId)}:rev:${revision}`));
    return fields.content === undefined ? null : { ...revisionOf(fields), content: JSON.parse(fields.content) as PlanContent };
  };

  const revise = (planId: string, { content, pinned, ...input }: NewRevision & { pinned: readonly string[] }) => {
    const { actor, basedOn, digest, decision, idempotency, request } = input;
    const call = callRecord(idempotency);
    const submitter = input.submitter ?? { actor: actor.id, roles: [...actor.roles] };
    const written = { content, digest, decision, submitter, origin: input.origin, promptVersion: input.promptVersion, createdBy: actor.id };
    const { options, steps } = content;
    return connection.run('revise-plan', {
      keys: [keys.plan(planId), keys.idempotency(call.hash)],
      id: planId,
      args: [
        ...[...call.args, actor.id, basedOn, digest],
        ...[planFields(written), revisionFields(written), planGraph(content).fields, pinned].map((list) => JSON.stringify(list)),
        ...[decisionTexts(decision)[0], capOf(options), steps.length, weightOf(options.priority)],
        ...[request === undefined ? '' : String(request.number), request?.token ?? ''],
      ],
    });
  };

  return {
    async revisePlan(planId, input) {
      for (let turn = 0; turn < READ_AGAIN; turn++) {
        const plan = await getPlan(planId);
        const before: RevisionContent | null = plan === null ? null : await getRevision(planId, plan.revision);
        const pinned = plan === null || before === null ? [] : pinnedSteps(before.content, input.content, completedIn(plan));
        const reply = await revise(planId, { ...input, pinned });
        if (reply[0] === 'unchanged') return { ok: true, value: { id: planId, replay: null } };
        if (reply[0] !== 'moved') return outcomeOf(reply, { id: planId, what: 'plan', verb: 'revise', decision: input.decision });
      }
      return refused('wrong_state', 'the plan is being retried again and again; revise it when it has ended', { status: 'executing' });
    },
    requestRevision: (planId, { actor, feedback, idempotency }) =>
      decide('request-revision', planId, {
        verb: 'revise',
        idempotency,
        args: [actor.id, JSON.stringify(feedback), JSON.stringify(actor.roles)],
      }),
    getRevision,
    async listRevisions(planId) {
      const state = await connection.attempt(() => redis.hget(keys.planSteps(planId), '@'));
      if (state === null) return null;
      const numbers = Array.from({ length: parsePlanState(state).revision }, (_, index) => index + 1);
      const revisions = await Promise.all(numbers.map((revision) => getRevision(planId, revision)));
      return revisions.filter((revision) => revision !== null).map(({ content: _content, ...revision }) => revision);
    },
  };
}
