/** Plans on Redis: what people do to them. */
import {
  type ApprovalItem,
  effectsOf,
  newId,
  type PlanContent,
  type Revision,
  type RevisionContent,
  type RevisionOrigin,
} from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Accepted, AuditRecord, EventLog, Idempotency, NewPlan, Outcome, PlanStore } from './contract.ts';
import { callRecord, outcomeOf } from './outcome.ts';
import { pageOfIds } from './paging.ts';
import { planGraph } from './plan-graph.ts';
import { newPlanState, parsePlanState } from './plan-state.ts';
import { fieldsOf, readPlan, readSummary, type StoredPlan } from './plan-view.ts';
import { isoTime } from './time.ts';

function planFields(id: string, { content, digest, createdBy, decision }: NewPlan): string[] {
  const { options } = content;
  return [
    ...['id', id, 'digest', digest, 'createdBy', createdBy, 'objective', content.objective, 'description', content.description],
    ...['options', JSON.stringify(options), 'effects', JSON.stringify(effectsOf(content)), 'quorum', String(decision.quorum)],
    ...(decision.quorum === 0 ? ['autoReason', JSON.stringify(decision.reason)] : []),
  ];
}

const stateOf = ({ content: { options, steps }, task }: NewPlan): string =>
  newPlanState({ cap: options.allowParallel ? options.maxParallelSteps : 1, total: steps.length, taskId: task?.id });

const revisionOf = (fields: Record<string, string>): Revision => ({
  revision: Number(fields.revision),
  digest: fields.digest as string,
  origin: fields.origin as RevisionOrigin,
  createdAt: isoTime(fields.createdAt) as string,
  createdBy: fields.createdBy as string,
});

export function planStore(connection: StoreConnection, events: EventLog): PlanStore {
  const { keys, redis } = connection;

  const load = async (planId: string, whole: boolean): Promise<StoredPlan | null> => {
    const reply = (await connection.run('read-plan', {
      keys: [keys.plan(planId)],
      id: planId,
      args: [whole ? '1' : '0'],
    })) as unknown as string[][];
    const [plan, revision, steps, votes, parked] = reply;
    if (plan === undefined) return null;
    return {
      plan: fieldsOf(plan),
      revision: fieldsOf(revision ?? []),
      steps: fieldsOf(steps ?? []),
      votes: votes ?? [],
      parked: new Set(parked),
    };
  };

  const getPlan: PlanStore['getPlan'] = async (planId) => {
    const stored = await load(planId, true);
    return stored === null ? null : readPlan(stored);
  };

  const getSummaries = async (ids: readonly string[]) => {
    const found = await Promise.all(ids.map((id) => load(id, false)));
    return found.filter((stored) => stored !== null).map(readSummary);
  };

  const decide = async (
    script: string,
    planId: string,
    { verb, idempotency, args }: { verb: string; idempotency: Idempotency | undefined; args: string[] },
  ): Promise<Outcome<Accepted>> => {
    const call = callRecord(idempotency);
    const reply = await connection.run(script, {
      keys: [keys.plan(planId), keys.idempotency(call.hash)],
      id: planId,
      args: [call.fingerprint, call.seconds, ...args],
    });
    return outcomeOf(reply, { id: planId, what: 'plan', verb, named: idempotency !== undefined });
  };

  const getRevision = async (planId: string, revision: number): Promise<RevisionContent | null> => {
    const fields = await connection.attempt(() => redis.hgetall(`${keys.plan(planId)}:rev:${revision}`));
    return fields.content === undefined ? null : { ...revisionOf(fields), content: JSON.parse(fields.content) as PlanContent };
  };

  const listRevisions = async (planId: string): Promise<Revision[] | null> => {
    const state = await connection.attempt(() => redis.hget(keys.planSteps(planId), '@'));
    if (state === null) return null;
    const revisions = await Promise.all(
      Array.from({ length: parsePlanState(state).revision }, (_, index) => getRevision(planId, index + 1)),
    );
    return revisions.filter((revision) => revision !== null).map(({ content: _content, ...revision }) => revision);
  };

  return {
    async createPlan(input) {
      const id = newId('pln');
      const call = callRecord(input.idempotency);
      const graph = planGraph(input.content);
      const revision = [
        'revision',
        '1',
        'digest',
        input.digest,
        'origin',
        input.origin,
        'createdBy',
        input.createdBy,
        'content',
        JSON.stringify(input.content),
      ];
      const reply = await connection.run('create-plan', {
        keys: [keys.plan(id), input.task === undefined ? keys.plan(id) : keys.task(input.task.id), keys.idempotency(call.hash)],
        id,
        args: [
          call.fingerprint,
          call.seconds,
          input.task?.token ?? '',
          JSON.stringify(planFields(id, input)),
          JSON.stringify(revision),
          JSON.stringify(graph.fields),
          JSON.stringify(graph.waits),
          input.draft ? '1' : '0',
          JSON.stringify(input.decision.reason),
          stateOf(input),
        ],
      });
      if (input.task !== undefined && reply[0] !== 'ok' && reply[0] !== 'replay' && reply[0] !== 'idempotency_conflict') {
        return outcomeOf(reply, { id: input.task.id, what: 'task', verb: 'plan', named: false });
      }
      return outcomeOf(reply, { id, what: 'plan', verb: 'create', named: input.idempotency !== undefined });
    },
    getPlan,
    async listPlans({ status, limit, cursor }) {
      const { ids, nextCursor } = await pageOfIds(connection, keys.plans(status), { limit, cursor });
      return { items: await getSummaries(ids), nextCursor };
    },
    submitPlan: (planId, { actor, idempotency }) => decide('submit-plan', planId, { verb: 'submit', idempotency, args: [actor.id] }),
    approvePlan: (planId, { actor, digest, comment, idempotency }) =>
      decide('approve-plan', planId, { verb: 'approve', idempotency, args: [actor.id, digest, JSON.stringify(comment ?? null)] }),
    rejectPlan: (planId, { actor, digest, reason, idempotency }) =>
      decide('reject-plan', planId, { verb: 'reject', idempotency, args: [actor.id, digest, JSON.stringify(reason)] }),
    cancelPlan: (planId, { actor, reason, idempotency }) =>
      decide('cancel-plan', planId, { verb: 'cancel', idempotency, args: [actor.id, JSON.stringify(reason ?? null)] }),
    async deletePlan(planId) {
      const reply = await connection.run('delete-plan', { keys: [keys.plan(planId)], id: planId });
      const outcome = outcomeOf(reply, { id: planId, what: 'plan', verb: 'delete', named: false });
      return outcome.ok ? { ok: true, value: null } : outcome;
    },
    listRevisions,
    getRevision,
    async listApprovals() {
      const flat = await connection.attempt(() => redis.zrange(keys.approvals, '0', '999', 'WITHSCORES'));
      const since = new Map<string, number>();
      for (let i = 0; i < flat.length; i += 2) since.set(flat[i] as string, Number(flat[i + 1]));
      const plans = await getSummaries([...since.keys()]);
      return plans.map(
        (plan): ApprovalItem => ({
          kind: 'plan',
          planId: plan.id,
          digest: plan.digest,
          title: plan.objective,
          since: isoTime(since.get(plan.id)) as string,
          effects: plan.effects,
          approvals: { count: plan.quorum, have: plan.approvals.length },
        }),
      );
    },
    async audit(planId): Promise<AuditRecord | null> {
      const plan = await getPlan(planId);
      if (plan === null) return null;
      const revisions = await Promise.all(Array.from({ length: plan.revision }, (_, index) => getRevision(planId, index + 1)));
      const results = Object.fromEntries(
        plan.steps.map(({ id, status, attempt, output, error }) => [id, { status, attempt, output, error }]),
      );
      return {
        version: 1,
        plan,
        revisions: revisions.filter((revision) => revision !== null),
        votes: plan.approvals,
        events: await events.readEvents(planId),
        results,
      };
    },
  };
}
