/** A plan's revisions: written by hand, asked of the planner, listed, read, compared. */
import {
  decidePolicy,
  diffQuery,
  diffRevisions,
  digestOf,
  factsOf,
  type Issue,
  PLAN_TRANSITIONS,
  type PlanContent,
  planDiffSchema,
  planDraftSchema,
  reviseBody,
  revisionContentSchema,
  revisionSchema,
  validatePlan,
  writtenOptions,
} from '@countersign/shared';
import { z } from 'zod';
import { type Answer, json, problem } from './answer.ts';
import { asJson, itemsOf, jsonContent, planAnswer } from './documented.ts';
import { diffExample, draftExample, revisionContentExample, revisionExample } from './examples.ts';
import { PRECONDITION_FAILED, refuseStale } from './if-match.ts';
import { summaryOf } from './issues.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { noPlan, readPlan } from './plan-answers.ts';
import { planDecision, possibleFor } from './plan-decision.ts';
import { denied } from './policy-checks.ts';
import { refusalAnswer } from './refusals.ts';

type RevisionBody = Record<string, unknown>;
const CHANGEABLE = ['steps', 'options', 'description', 'input'] as const;
const REVISED_FROM = PLAN_TRANSITIONS.find(({ verb }) => verb === 'revise')?.from ?? [];

/** What does not depend on the new content: the plan is there, the change was made from its current revision, and it can be revised. */
async function refuseChange({ context, params, request }: Pick<Call, 'context' | 'params' | 'request'>): Promise<Answer | null> {
  const { id = '' } = params;
  const plan = await context.store.getPlan(id);
  if (plan === null) return noPlan(id);
  const stale = refuseStale(request.headers, plan.digest);
  if (stale !== null) return stale;
  if (REVISED_FROM.includes(plan.status)) return null;
  return problem('wrong_state', `the plan is ${plan.status}, so you cannot revise it`, { currentStatus: plan.status });
}

/** The draft of the new revision: what was sent, and the rest as it is. */
function draftFrom(body: RevisionBody, { objective, description, input, options }: PlanContent): Record<string, unknown> {
  return { description, input, options: writtenOptions(options), ...pick(body, CHANGEABLE), objective };
}

const pick = (value: RevisionBody, names: readonly string[]): RevisionBody =>
  Object.fromEntries(names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]));

function unknownFields(body: RevisionBody): Issue[] {
  return Object.keys(body)
    .filter((name) => !(CHANGEABLE as readonly string[]).includes(name))
    .map((name) => ({
      path: name,
      code: 'unknown_field',
      message:
        name === 'objective'
          ? 'the objective of a plan stays; a plan for another one is another plan'
          : `there is no field \`${name.slice(0, 100)}\`; there are ${CHANGEABLE.map((field) => `\`${field}\``).join(', ')}`,
    }));
}

async function changePlan(call: Call<unknown, RevisionBody>): Promise<Answer> {
  const { actor, body, context, params, request } = call;
  const { id = '' } = params;
  const plan = await context.store.getPlan(id);
  const current = plan === null ? null : await context.store.getRevision(id, plan.revision);
  if (current === null) return noPlan(id);
  // It may have been revised since it was looked at first.
  const stale = refuseStale(request.headers, current.digest);
  if (stale !== null) return stale;

  const fieldIssues = unknownFields(body);
  const result = validatePlan(draftFrom(body, current.content), await context.tools.validation());
  const issues = [...fieldIssues, ...result.issues];
  if (!result.valid) return problem('invalid_plan', summaryOf(issues, 'the plan'), { issues });
  if (issues.length > 0) return problem('invalid_request', summaryOf(issues, 'the body'), { issues });

  const { content } = result;
  const digest = await digestOf(content);
  if (digest === current.digest) return readPlan(call, id);
  const submitter = { actor: actor.id, roles: [...actor.roles] };
  const verdict = decidePolicy(
    context.policy.current(),
    factsOf(content, { submitter, origin: 'manual', rewritten: false, usage: plan?.usage }),
  );
  if (verdict.outcome === 'deny') return refusalAnswer(denied(verdict).refusal);
  const outcome = await context.store.revisePlan(id, {
    content,
    digest,
    origin: 'manual',
    actor,
    decision: verdict,
    basedOn: current.digest,
  });
  if (outcome.ok) return readPlan(call, id);
  const refusal = refusalAnswer(outcome.refusal);
  return refusal.code === 'stale_digest' ? { ...refusal, status: PRECONDITION_FAILED } : refusal;
}

async function readRevision({ context, params }: Call): Promise<Answer> {
  const { id = '', n = '' } = params;
  const revision = await context.store.getRevision(id, Number(n));
  return revision === null ? problem('not_found', `there is no revision ${n} of a plan \`${id}\``) : json(200, { revision });
}

async function readDiff({ context, params, query }: Call<z.output<typeof diffQuery>>): Promise<Answer> {
  const { id = '' } = params;
  const plan = await context.store.getPlan(id);
  if (plan === null) return noPlan(id);
  const to = query.to ?? plan.revision;
  const from = query.from ?? Math.max(1, to - 1);
  const [before, after] = await Promise.all([context.store.getRevision(id, from), context.store.getRevision(id, to)]);
  if (before !== null && after !== null) return json(200, diffRevisions(before, after));
  const there = plan.revision === 1 ? 'only 1' : `1 to ${plan.revision}`;
  return problem('not_found', `there is no revision ${before === null ? from : to} of the plan \`${id}\`; there is ${there}`);
}

const { steps, options, description, input } = draftExample;

const writing: readonly Operation[] = [
  operation({
    method: 'put',
    path: '/v1/plans/:id',
    id: 'changePlan',
    tag: 'plans',
    summary: 'Write a new revision by hand',
    description:
      'What is left out stays as it is in the current revision, and so does the objective. Steps that had completed, and that are the same in ' +
      'the new revision with all that stands before them, stay completed. The votes are gone: policy decides anew. The same content makes no ' +
      'new revision.',
    access: 'submit',
    headers: { 'If-Match': 'the digest of the revision that the change was made from, in quotes or not; required' },
    body: {
      schema: z.record(z.string(), z.unknown()),
      documented: planDraftSchema.pick({ steps: true, options: true, description: true, input: true }),
      example: asJson({ steps, options, description, input }),
    },
    answers: { 200: planAnswer('The plan, with its new revision.') },
    errors: [
      ...(['not_found', 'if_match_required', 'stale_digest', 'wrong_state', 'invalid_json', 'too_large'] as const),
      ...(['unsupported_media_type', 'invalid_request', 'invalid_plan', 'policy_denied'] as const),
    ],
    errorStatuses: { stale_digest: PRECONDITION_FAILED },
    possible: possibleFor('revise', 'revised'),
    precondition: refuseChange,
    handle: changePlan,
  }),
  planDecision({
    path: '/v1/plans/:id/revise',
    id: 'revisePlan',
    tag: 'plans',
    summary: 'Ask the planner for a new revision',
    description: 'The planner gets the current revision and what you say of it. `planning` of the plan shows how far it is.',
    access: 'submit',
    body: { schema: reviseBody, example: { feedback: 'Leave out the tests, and ask me before anything is written.' } },
    answer: 'The plan, with its request to the planner.',
    status: 202,
    possible: `${possibleFor('revise', 'revised')}, and no new revision of it is being written`,
    decide: ({ actor, body, context, idempotency, params }) =>
      context.store.requestRevision(params.id ?? '', { actor, ...body, idempotency }),
  }),
];

const reading: readonly Operation[] = [
  operation({
    method: 'get',
    path: '/v1/plans/:id/revisions',
    id: 'listRevisions',
    tag: 'plans',
    summary: 'List a plan’s revisions',
    access: 'read',
    answers: { 200: itemsOf(revisionSchema, [revisionExample], 'The revisions.') },
    errors: ['not_found'],
    handle: async ({ context, params }) => {
      const items = await context.store.listRevisions(params.id ?? '');
      return items === null ? noPlan(params.id ?? '') : json(200, { items });
    },
  }),
  operation({
    method: 'get',
    path: '/v1/plans/:id/revisions/:n',
    id: 'readRevision',
    tag: 'plans',
    summary: 'Read what a revision says',
    access: 'read',
    answers: {
      200: {
        description: 'The revision with its content, of which `digest` is the digest.',
        content: jsonContent(z.strictObject({ revision: revisionContentSchema }), { revision: revisionContentExample }),
      },
    },
    errors: ['not_found'],
    handle: readRevision,
  }),
  operation({
    method: 'get',
    path: '/v1/plans/:id/diff',
    id: 'diffRevisions',
    tag: 'plans',
    summary: 'Read what changed from one revision to another',
    description: 'Without `to` the current revision, without `from` the one before `to`.',
    access: 'read',
    query: diffQuery,
    answers: { 200: { description: 'The changes, and the same as text for people.', content: jsonContent(planDiffSchema, diffExample) } },
    errors: ['not_found', 'invalid_request'],
    handle: readDiff,
  }),
];

export const revisionOperations: readonly Operation[] = [...writing, ...reading];
