/** Plans on Redis: what people do to them. */
import { newId } from '@countersign/shared';
import { listApprovals } from './approvals.ts';
import type { StoreConnection } from './connection.ts';
import type { AuditRecord, EventLog, NewPlan, PlanStore } from './contract.ts';
import { decider } from './decide.ts';
import { callRecord, outcomeOf } from './outcome.ts';
import { pageOfIds } from './paging.ts';
import { planFields, revisionFields } from './plan-fields.ts';
import { planGraph } from './plan-graph.ts';
import { planHands } from './plan-hands.ts';
import { planRevisions } from './plan-revisions.ts';
import { newPlanState } from './plan-state.ts';
import { fieldsOf, readPlan, readSummary, type StoredPlan } from './plan-view.ts';

const newPlanFields = (id: string, plan: NewPlan): string[] => [
  ...['id', id, 'createdBy', plan.createdBy, 'objective', plan.content.objective],
  ...planFields(plan),
];

export function planStore(connection: StoreConnection, events: EventLog): PlanStore {
  const { keys } = connection;

  const load = async (planId: string, whole: boolean): Promise<StoredPlan | null> => {
    const reply = (await connection.run('read-plan', {
      keys: [keys.plan(planId)],
      id: planId,
      args: [whole ? '1' : '0'],
    })) as unknown as string[][];
    const [plan, revision, steps, votes, parked, rounds, review] = reply;
    if (plan === undefined) return null;
    return {
      plan: fieldsOf(plan),
      revision: fieldsOf(revision ?? []),
      steps: fieldsOf(steps ?? []),
      votes: votes ?? [],
      parked: new Set(parked),
      rounds: rounds ?? [],
      review: fieldsOf(review ?? []),
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

  const decide = decider(connection);
  const revisions = planRevisions(connection, getPlan);

  return {
    async createPlan(input) {
      const id = newId('pln');
      const call = callRecord(input.idempotency);
      const graph = planGraph(input.content);
      const revision = ['revision', '1', ...revisionFields(input)];
      const reply = await connection.run('create-plan', {
        keys: [keys.plan(id), input.task === undefined ? keys.plan(id) : keys.task(input.task.id), keys.idempotency(call.hash)],
        id,
        args: [
          call.fingerprint,
          call.seconds,
          input.task?.token ?? '',
          JSON.stringify(newPlanFields(id, input)),
          JSON.stringify(revision),
          JSON.stringify(graph.fields),
          JSON.stringify(graph.waits),
          input.draft ? '1' : '0',
          JSON.stringify(input.decision.reason),
          newPlanState(input.content, input.task?.id),
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
    ...revisions,
    ...planHands(decide),
    listApprovals: () => listApprovals(connection, load),
    async audit(planId): Promise<AuditRecord | null> {
      const plan = await getPlan(planId);
      if (plan === null) return null;
      const written = await Promise.all(Array.from({ length: plan.revision }, (_, index) => revisions.getRevision(planId, index + 1)));
      const results = Object.fromEntries(
        plan.steps.map(({ id, status, attempt, output, error }) => [id, { status, attempt, output, error }]),
      );
      return {
        version: 1,
        plan,
        revisions: written.filter((revision) => revision !== null),
        votes: plan.approvals,
        events: await events.readEvents(planId),
        results,
      };
    },
  };
}
