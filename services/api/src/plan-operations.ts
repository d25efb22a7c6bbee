/** Plans: written by hand, listed, read, deleted, with their record. */
import { inSpan } from '@countersign/service';
import {
  auditRecordSchema,
  decidePolicy,
  digestOf,
  ENDED_PLAN_STATUSES,
  factsOf,
  issueSchema,
  listPlansQuery,
  planDraftSchema,
  planSummarySchema,
  readPlanQuery,
} from '@countersign/shared';
import { z } from 'zod';
import { type Answer, json, problem } from './answer.ts';
import { asJson, jsonContent, pageOf, planAnswer } from './documented.ts';
import { auditExample, draftExample, planSummaryExample } from './examples.ts';
import { answerOnce } from './idempotency.ts';
import { summaryOf } from './issues.ts';
import { type Call, type Operation, operation } from './operation.ts';
import { noPlan, readPlan, readPlanAsText, TEXT_TYPES } from './plan-answers.ts';
import { checkPlan, type PlanBody } from './plan-body.ts';
import { oneOf } from './plan-decision.ts';
import { denied } from './policy-checks.ts';
import { refusalAnswer } from './refusals.ts';

const planBody = z.record(z.string(), z.unknown());
const BODY_ERRORS = ['invalid_json', 'too_large', 'unsupported_media_type', 'invalid_request'] as const;

async function createPlan(call: Call<unknown, PlanBody>): Promise<Answer> {
  const { actor, context, idempotency } = call;
  const { draft, issues, result } = await checkPlan(call.body, call.context);
  if (!result.valid) return problem('invalid_plan', summaryOf(issues, 'the plan'), { issues });
  if (issues.length > 0) return problem('invalid_request', summaryOf(issues, 'the body'), { issues });
  const { content } = result;
  const submitter = { actor: actor.id, roles: [...actor.roles] };
  const verdict = decidePolicy(context.policy.current(), factsOf(content, { submitter, origin: 'manual', rewritten: false }));
  if (verdict.outcome === 'deny' && !draft) return refusalAnswer(denied(verdict).refusal);
  const digest = await digestOf(content);
  const outcome = await inSpan('plan.create', { attributes: { 'countersign.plan.steps': content.steps.length } }, async (span) => {
    const created = await context.store.createPlan({
      content,
      digest,
      origin: 'manual',
      createdBy: actor.id,
      createdByRoles: actor.roles,
      decision: verdict,
      draft,
      trace: span.context,
      idempotency,
    });
    if (created.ok) span.set({ 'countersign.plan.id': created.value.id });
    else span.fail(created.refusal.code);
    return created;
  });
  return answerOnce(call, outcome, (id) => readPlan(call, id, 201));
}

const writing: readonly Operation[] = [
  operation({
    method: 'post',
    path: '/v1/plans',
    id: 'createPlan',
    tag: 'plans',
    summary: 'Write a plan by hand',
    description:
      'Policy decides whether it waits for people (`pending_approval`), starts, or is refused. With `draft: true` it waits to be submitted.',
    access: 'submit',
    idempotent: true,
    body: {
      schema: planBody,
      documented: planDraftSchema.extend({ draft: z.boolean().optional() }),
      example: asJson(draftExample),
    },
    answers: { 201: planAnswer('The plan.', { Location: 'where the plan can be read' }) },
    errors: [...BODY_ERRORS, 'invalid_plan', 'idempotency_conflict', 'policy_denied'],
    handle: createPlan,
  }),
  operation({
    method: 'post',
    path: '/v1/plans/validate',
    id: 'validatePlan',
    tag: 'plans',
    summary: 'Check a plan without storing it',
    access: 'read',
    body: { schema: planBody, documented: planDraftSchema.extend({ draft: z.boolean().optional() }), example: asJson(draftExample) },
    answers: {
      200: {
        description: 'Every issue at once.',
        content: jsonContent(z.strictObject({ valid: z.boolean(), issues: z.array(issueSchema) }), {
          valid: false,
          issues: [{ path: 'steps[1].tool', code: 'unknown_tool', message: 'there is no tool `fs.wrote`; there are fs.stats, fs.write' }],
        }),
      },
    },
    errors: BODY_ERRORS,
    handle: async (call) => {
      const { issues } = await checkPlan(call.body, call.context);
      return json(200, { valid: issues.length === 0, issues });
    },
  }),
  operation({
    method: 'delete',
    path: '/v1/plans/:id',
    id: 'deletePlan',
    tag: 'plans',
    summary: 'Delete an ended plan with all that belongs to it',
    description: 'The task that it answered stays, and says when (`planDeletedAt`) and what models took for both.',
    access: 'operate',
    answers: { 204: { description: 'It is gone.' } },
    errors: ['not_found', 'wrong_state'],
    possible: `a plan can be deleted once it is ${oneOf(ENDED_PLAN_STATUSES)}`,
    handle: async ({ context, params }) => {
      const outcome = await context.store.deletePlan(params.id ?? '');
      return outcome.ok ? { kind: 'empty', status: 204 } : refusalAnswer(outcome.refusal);
    },
  }),
];

const reading: readonly Operation[] = [
  operation({
    method: 'get',
    path: '/v1/plans',
    id: 'listPlans',
    tag: 'plans',
    summary: 'List plans, newest first',
    access: 'read',
    query: listPlansQuery,
    answers: { 200: pageOf(planSummarySchema, planSummaryExample, 'A page of plans, without their inputs and steps.') },
    errors: ['invalid_request'],
    handle: async ({ context, query }) => json(200, await context.store.listPlans(query)),
  }),
  operation({
    method: 'get',
    path: '/v1/plans/:id',
    id: 'readPlan',
    tag: 'plans',
    summary: 'Read a plan, as JSON, Markdown or a Mermaid flowchart',
    access: 'read',
    query: readPlanQuery,
    answers: {
      200: {
        ...planAnswer('The plan.'),
        content: {
          ...planAnswer('').content,
          [TEXT_TYPES.markdown]: { schema: z.string(), example: '# Count the files of this repository\n' },
          [TEXT_TYPES.mermaid]: { schema: z.string(), example: 'flowchart TD\n  s0["count<br/>fs.stats"]:::pending\n' },
        },
      },
    },
    errors: ['not_found', 'invalid_request'],
    handle: (call) => {
      const id = call.params.id ?? '';
      return call.query.format === 'json' ? readPlan(call, id) : readPlanAsText(call, id, call.query.format);
    },
  }),
  operation({
    method: 'get',
    path: '/v1/plans/:id/audit',
    id: 'auditPlan',
    tag: 'plans',
    summary: 'Read a plan’s whole record',
    access: 'read',
    answers: { 200: { description: 'Everything that is known of the plan.', content: jsonContent(auditRecordSchema, auditExample) } },
    errors: ['not_found'],
    handle: async ({ context, params }) => {
      const record = await context.store.audit(params.id ?? '');
      return record === null ? noPlan(params.id ?? '') : json(200, record);
    },
  }),
];

export const planOperations: readonly Operation[] = [...writing, ...reading];
