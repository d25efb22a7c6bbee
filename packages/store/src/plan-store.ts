/** Plans on Redis: what people do to them. */
import { newId, type PlanStatus, type PlanSummary } from '@countersign/shared';
import { type Load, readWaiting, type Waiting } from './approvals.ts';
import type { StoreConnection } from './connection.ts';
import type { AuditRecord, EventLog, NewPlan, PageRequest, PlanStore } from './contract.ts';
import { decider } from './decide.ts';
import { type Creation, callRecord, creationOf, outcomeOf } from './outcome.ts';
import { idsOfPage } from './paging.ts';
import { decisionTexts, planFields, revisionFields } from './plan-fields.ts';
import { planGraph } from './plan-graph.ts';
import { planHands } from './plan-hands.ts';
import { planRevisions } from './plan-revisions.ts';
import { newPlanState } from './plan-state.ts';
import { fieldsOf, readPlan, readSummary } from './plan-view.ts';
import { traceFields } from './traces.ts';
import { explained, isByPolicy } from './vote-refusals.ts';

const newPlanFields = (id: string, plan: NewPlan): string[] => [
  ...['id', id, 'createdBy', plan.createdBy, 'objective', plan.content.objective],
  ...traceFields(plan.trace),
  ...planFields({ ...plan, submitter: { actor: plan.createdBy, roles: [...(plan.createdByRoles ?? [])] } }),
];

/** Replies to create-plan that say nothing of its task. */
const CREATED: ReadonlySet<string> = new Set(['ok', 'repeat', 'replay', 'idempotency_conflict', 'elsewhere', 'policy_denied']);

/** The plans of one shard. */
export interface PlansOfShard extends Omit<PlanStore, 'createPlan' | 'listPlans' | 'listApprovals'> {
  createPlan(plan: NewPlan): Promise<Creation>;
  /** newest first, one more than fits */
  planIds(request: PageRequest<PlanStatus>): Promise<string[]>;
  getSummary(planId: string): Promise<PlanSummary | null>;
  /** what waits for people, oldest first */
  waiting(): Promise<Waiting[]>;
  /** as it is stored: `whole` with its steps */
  loadPlan: Load;
}

export function planStore(connection: StoreConnection, events: EventLog): PlansOfShard {
  const { keys, shard } = connection;

  const load: Load = async (planId, whole) => {
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

  const getSummary = async (planId: string) => {
    const stored = await load(planId, false);
    return stored === null ? null : readSummary(stored);
  };

  const decide = decider(connection);
  const revisions = planRevisions(connection, getPlan);

  return {
    async createPlan(input) {
      const id = newId('pln', { shard });
      const call = callRecord(input.idempotency);
      const graph = planGraph(input.content);
      const revision = ['revision', '1', ...revisionFields(input)];
      const reply = await connection.run('create-plan', {
        keys: [keys.plan(id), input.task === undefined ? keys.plan(id) : keys.task(input.task.id), keys.idempotency(call.hash)],
        id,
        args: [
          ...call.args,
          input.task?.token ?? '',
          JSON.stringify(newPlanFields(id, input)),
          JSON.stringify(revision),
          JSON.stringify(graph.fields),
          JSON.stringify(graph.waits),
          input.draft ? '1' : '0',
          decisionTexts(input.decision)[0],
          newPlanState(input.content, input.task?.id),
        ],
      });
      if (input.task !== undefined && !CREATED.has(String(reply[0]))) {
        return { outcome: outcomeOf(reply, { id: input.task.id, what: 'task', verb: 'plan' }) };
      }
      return creationOf(reply, { id, what: 'plan', verb: 'create', decision: input.decision });
    },
    getPlan,
    planIds: ({ status, limit, cursor }) => idsOfPage(connection, keys.plans(status), { limit, cursor }),
    getSummary,
    submitPlan: (planId, { actor, digest, decision, idempotency }) =>
      decide('submit-plan', planId, { verb: 'submit', idempotency, decision, args: [actor.id, digest, ...decisionTexts(decision)] }),
    async approvePlan(planId, { actor, digest, policyVersion, comment, idempotency }) {
      const args = [actor.id, digest, JSON.stringify(comment ?? null), JSON.stringify(actor.roles), policyVersion];
      const outcome = await decide('approve-plan', planId, { verb: 'approve', idempotency, args });
      return outcome.ok || !isByPolicy(outcome.refusal) ? outcome : explained(outcome.refusal, await getSummary(planId), actor);
    },
    async redecidePlan(planId, { digest, decision }) {
      const reply = await connection.run('redecide-plan', {
        keys: [keys.plan(planId)],
        id: planId,
        args: [digest, ...decisionTexts(decision)],
      });
      if (reply[0] === 'unchanged') return { ok: true, value: null };
      const outcome = outcomeOf(reply, { id: planId, what: 'plan', verb: 'decide' });
      return outcome.ok ? { ok: true, value: null } : outcome;
    },
    rejectPlan: (planId, { actor, digest, reason, idempotency }) =>
      decide('reject-plan', planId, { verb: 'reject', idempotency, args: [actor.id, digest, JSON.stringify(reason)] }),
    cancelPlan: (planId, { actor, reason, idempotency }) =>
      decide('cancel-plan', planId, { verb: 'cancel', idempotency, args: [actor.id, JSON.stringify(reason ?? null)] }),
    async deletePlan(planId) {
      const reply = await connection.run('delete-plan', { keys: [keys.plan(planId)], id: planId, args: ['', ''] });
      const outcome = outcomeOf(reply, { id: planId, what: 'plan', verb: 'delete' });
      return outcome.ok ? { ok: true, value: null } : outcome;
    },
    ...revisions,
    ...planHands(decide),
    waiting: () => readWaiting(connection),
    loadPlan: load,
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
