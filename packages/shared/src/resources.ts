/**
 * What the HTTP API answers, as schemas: what a client may rely on, and what the OpenAPI document is made from. Each
 * describes exactly the type of the same name, which a test holds. Times are ISO 8601 UTC, durations milliseconds.
 */
import { z } from 'zod';
import { ROLES } from './actor.ts';
import type { Problem } from './api.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import { PLAN_EVENT_TYPES, STEP_EVENT_TYPES, TASK_EVENT_TYPES } from './events.ts';
import { ISSUE_CODES } from './issue.ts';
import type { Json, JsonObject } from './json.ts';
import { ON_ERROR, type PlanOptionsInput, planOptionsSchema, RUN_IF, STEP_ERROR_CODES, type StepDraft } from './plan.ts';
import { retryPolicySchema } from './retry.ts';
import { MODEL_FORMATS, PLANNERS } from './task.ts';
import { RISKS, toolContractSchema } from './tool-contract.ts';
import { PLAN_STATUSES, STEP_STATUSES, TASK_STATUSES } from './transitions.ts';

/** Any JSON value. */
export const jsonSchema = z.json() as z.ZodType<Json>;
const jsonObject = z.record(z.string(), jsonSchema) as z.ZodType<JsonObject>;
const time = z.iso.datetime();
const duration = z.number().min(0);
const amount = z.int().min(0);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const roles = z.array(z.enum(ROLES));
const origin = z.enum(['manual', ...PLANNERS]);
const usage = { inputTokens: amount, outputTokens: amount, costUsd: z.number().min(0).nullable() };
const totalUsageSchema = z.strictObject({ calls: amount, ...usage });

export const issueSchema = z.strictObject({ path: z.string(), code: z.enum(ISSUE_CODES), message: z.string() });

export const planningRoundSchema = z.strictObject({
  round: z.int().min(1),
  planner: z.enum(PLANNERS),
  model: z.string().nullable(),
  format: z.enum(MODEL_FORMATS).nullable(),
  promptVersion: z.string().nullable(),
  promptHash: digest.nullable(),
  startedAt: time,
  durationMs: duration,
  reply: z.string().nullable(),
  issues: z.array(issueSchema),
  error: z.string().nullable(),
  usage: z.strictObject({ ...usage, estimated: z.boolean() }).nullable(),
});

const taskErrorSchema = z.strictObject({ code: z.string(), message: z.string(), detail: jsonObject });

export const taskSchema = z.strictObject({
  id: z.string(),
  status: z.enum(TASK_STATUSES),
  objective: z.string(),
  input: jsonObject,
  options: jsonObject.describe(
    'the options as they were written; what was left out has its default',
  ) as unknown as z.ZodType<PlanOptionsInput>,
  tools: z.array(z.string()).nullable(),
  template: z.strictObject({ name: z.string(), digest }).nullable(),
  planId: z.string().nullable(),
  planDeletedAt: time.nullable().describe('when somebody deleted its plan; the task stays'),
  createdBy: z.string(),
  createdByRoles: roles,
  createdAt: time,
  updatedAt: time,
  finishedAt: time.nullable(),
  rounds: z.array(planningRoundSchema),
  usage: totalUsageSchema,
  error: taskErrorSchema.nullable(),
});

const stepShape = {
  id: z.string(),
  tool: z.string(),
  description: z.string(),
  input: jsonObject,
  dependsOn: z.array(z.string()),
  when: z.string().nullable(),
  runIf: z.enum(RUN_IF),
  retry: retryPolicySchema,
  timeoutMs: duration,
  onError: z.enum(ON_ERROR),
  approval: z.strictObject({ message: z.string(), quorum: z.int().min(1) }).nullable(),
  forEach: z.union([z.string(), z.array(jsonSchema)]).nullable(),
  maxItems: z.int().min(1).nullable(),
  ifTrue: z.array(z.string()),
  ifFalse: z.array(z.string()),
};

const reasonKind = z.enum([
  'dependencies',
  'cap',
  'queued',
  'backoff',
  'paused',
  'approval',
  'plan_not_started',
  'dependency_failed',
  'dependency_skipped',
  'plan_stopped',
  'plan_cancelled',
  'plan_timeout',
  'condition_false',
  'branch_not_taken',
  'skipped_by_hand',
  'pinned',
]);

const reasonSchema = z.strictObject({ kind: reasonKind, text: z.string(), detail: jsonObject });
const progressSchema = z.strictObject({ fraction: z.number().nullable(), message: z.string().nullable() });

const stepErrorSchema = z.strictObject({ code: z.enum(STEP_ERROR_CODES), message: z.string(), retryable: z.boolean() });

/** Where a run of a step, or of its child for one element, stands. */
const runShape = {
  resolvedInput: jsonSchema,
  status: z.enum(STEP_STATUSES),
  reason: reasonSchema.nullable(),
  attempt: amount,
  generation: amount,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  durationMs: duration.nullable(),
  output: jsonSchema,
  error: stepErrorSchema.nullable(),
  progress: progressSchema.nullable(),
};

const gateViewSchema = z.strictObject({
  message: z.string(),
  since: time,
  deadline: time.nullable(),
  need: z.int().min(1),
  have: amount,
  decision: z.enum(['approved', 'rejected', 'expired']).nullable(),
  votes: z.array(
    z.strictObject({
      actor: z.string(),
      at: time,
      decision: z.enum(['approved', 'rejected']),
      comment: z.string().nullable(),
      data: jsonSchema,
    }),
  ),
  data: jsonSchema,
});

const childViewSchema = z.strictObject({ id: z.string(), index: amount, item: jsonSchema, ...runShape });

export const stepViewSchema = z.strictObject({
  ...stepShape,
  risk: z.enum(RISKS),
  secrets: z.array(z.string()),
  effects: z.string().nullable(),
  dryRun: jsonSchema,
  ...runShape,
  gate: gateViewSchema.nullable(),
  children: z.array(childViewSchema).nullable(),
});

export const approvalSchema = z.strictObject({
  actor: z.string(),
  roles,
  policy: digest,
  at: time,
  digest,
  comment: z.string().nullable(),
});

const demandShape = { count: z.int().min(1), roles, notSubmitter: z.boolean() };

const planPolicySchema = z.strictObject({
  version: digest,
  rule: z.string().nullable(),
  outcome: z.enum(['auto', 'approve', 'deny']),
  demands: z.array(z.strictObject({ ...demandShape, have: amount })),
  reason: z.string(),
  submitter: z.strictObject({ actor: z.string(), roles }),
  submitters: z.array(z.string()),
});

const effectsSchema = z.strictObject({ read: amount, write: amount, destructive: amount });

export const planSchema = z.strictObject({
  id: z.string(),
  taskId: z.string().nullable(),
  revision: z.int().min(1),
  digest,
  status: z.enum(PLAN_STATUSES),
  objective: z.string(),
  description: z.string(),
  input: jsonObject,
  options: planOptionsSchema,
  createdBy: z.string(),
  createdAt: time,
  updatedAt: time,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  durationMs: duration.nullable(),
  policy: planPolicySchema,
  quorum: amount,
  approvals: z.array(approvalSchema),
  autoApproved: z.string().nullable(),
  rejection: z.strictObject({ actor: z.string(), at: time, digest, reason: z.string() }).nullable(),
  cancellation: z.strictObject({ actor: z.string(), at: time, reason: z.string().nullable() }).nullable(),
  progress: z.strictObject({
    total: amount,
    completed: amount,
    failed: amount,
    skipped: amount,
    cancelled: amount,
    running: amount,
    waiting: amount,
    percent: z.int().min(0).max(100),
  }),
  effects: effectsSchema,
  origin,
  promptVersion: z.string().nullable(),
  reviewedAt: time.nullable(),
  usage: totalUsageSchema,
  steps: z.array(stepViewSchema),
  response: z.string().nullable(),
  error: z.strictObject({ code: z.string(), message: z.string(), stepId: z.string().nullable() }).nullable(),
  planning: z
    .strictObject({
      number: z.int().min(1),
      kind: z.enum(['revise', 'replan', 'summarise']),
      status: z.enum(['queued', 'planning', 'done', 'failed', 'dropped']),
      requestedBy: z.string().nullable(),
      requestedByRoles: roles,
      requestedAt: time,
      feedback: z.string().nullable(),
      rounds: z.array(planningRoundSchema),
      error: taskErrorSchema.nullable(),
    })
    .nullable(),
});

/** A plan as lists show it. */
export const planSummarySchema = planSchema.omit({
  origin: true,
  promptVersion: true,
  reviewedAt: true,
  usage: true,
  input: true,
  steps: true,
  response: true,
  error: true,
  planning: true,
});

const range = z.strictObject({ min: z.number().optional(), max: z.number().optional() });
const names = z.array(z.string());

/** A policy in force, as it was read: what may be written short stands in full. */
export const policySchema = z.strictObject({
  version: digest,
  label: z.string().nullable().describe('the name that the policy gives itself as `version`'),
  rules: z.array(
    z.strictObject({
      name: z.string(),
      when: z.strictObject({
        risk: z.array(z.enum(RISKS)).optional(),
        effects: z.strictObject({ read: range.optional(), write: range.optional(), destructive: range.optional() }).optional(),
        tools: names.optional(),
        onlyTools: names.optional(),
        submitter: z.strictObject({ actors: names.optional(), roles: roles.optional() }).optional(),
        steps: range.optional(),
        costUsd: range.optional(),
        origin: z.array(origin).optional(),
        rewritten: z.boolean().optional(),
        secrets: names.optional(),
      }),
      then: z.union([
        z.strictObject({ auto: z.enum(['may', 'always']) }),
        z.strictObject({ approve: z.array(z.strictObject(demandShape)) }),
        z.strictObject({ deny: z.string() }),
      ]),
    }),
  ),
  loadedAt: time,
  problems: z.array(z.string()),
});

export const revisionSchema = z.strictObject({
  revision: z.int().min(1),
  digest,
  origin,
  promptVersion: z.string().nullable(),
  createdAt: time,
  createdBy: z.string(),
});

export const planContentSchema = z.strictObject({
  objective: z.string(),
  description: z.string(),
  input: jsonObject,
  steps: z.array(z.strictObject(stepShape)),
  options: planOptionsSchema,
  tools: z.record(z.string(), toolContractSchema.omit({ examples: true })),
});

export const revisionContentSchema = revisionSchema.extend({ content: planContentSchema });

export const eventSchema = z.strictObject({
  id: z.string(),
  type: z.enum([...TASK_EVENT_TYPES, ...PLAN_EVENT_TYPES, ...STEP_EVENT_TYPES]),
  planId: z.string().nullable(),
  taskId: z.string().nullable(),
  stepId: z.string().optional(),
  revision: amount,
  at: time,
  actor: z.string().optional(),
  attempt: amount.optional(),
  data: jsonObject,
});

export const approvalItemSchema = z.strictObject({
  kind: z.enum(['plan', 'gate']),
  planId: z.string(),
  stepId: z.string().optional(),
  digest,
  title: z.string(),
  since: time,
  deadline: time.optional(),
  effects: effectsSchema,
  review: z.string().optional(),
  approvals: z.strictObject({ count: amount, have: amount }),
});

const fieldChangeSchema = z.strictObject({ path: z.string(), from: jsonSchema, to: jsonSchema });

export const planDiffSchema = z.strictObject({
  from: z.int().min(1),
  to: z.int().min(1),
  changes: z.array(
    z.strictObject({
      kind: z.enum(['added', 'removed', 'changed', 'moved', 'plan']),
      stepId: z.string().nullable(),
      fields: z.array(fieldChangeSchema),
    }),
  ),
  text: z.string(),
});

export const auditRecordSchema = z.strictObject({
  version: z.literal(1),
  plan: planSchema,
  revisions: z.array(revisionContentSchema),
  votes: z.array(approvalSchema),
  events: z.array(eventSchema),
  results: z.record(
    z.string(),
    z.strictObject({ status: z.string(), attempt: amount, output: jsonSchema, error: stepErrorSchema.nullable() }),
  ),
});

export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.enum(Object.keys(ERRORS) as ErrorCode[]),
  issues: z.array(issueSchema).optional(),
}) satisfies z.ZodType<Problem>;

/**
 * A plan as its author writes it. `validatePlan` decides what is right and reports every issue; this schema tells people
 * and generators what there is to write.
 */
export const planDraftSchema = z.strictObject({
  objective: z.string().min(1).describe('what the plan is for'),
  description: z.string().optional().describe('why these steps'),
  input: jsonObject.optional().describe('what steps can read as {{input.name}}'),
  steps: z.array(
    z.strictObject({
      id: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/),
      tool: z.string(),
      description: z.string().optional().describe('why the step is there, for people'),
      input: jsonObject
        .optional()
        .describe(
          'what the tool is called with. {{input.name}} and {{stepId.output.name}} in a text stand for values; alone they keep their type',
        ),
      dependsOn: z.array(z.string()).optional().describe('ids of steps that must have ended before; references add theirs'),
      when: z.string().nullable().optional().describe('a condition, like {{list.output.total}} > 0; where it is false the step is skipped'),
      runIf: z.enum(RUN_IF).optional().describe('how the steps before it must have ended'),
      retry: retryPolicySchema.partial().optional(),
      timeoutMs: z.int().min(1).optional().describe('milliseconds of one attempt'),
      onError: z.enum(ON_ERROR).optional().describe('what the plan does when the step has failed for good'),
      approval: z
        .strictObject({ message: z.string().optional(), quorum: z.int().min(1).optional() })
        .nullable()
        .optional()
        .describe('the step asks people before it runs'),
      forEach: z
        .union([z.string(), z.array(jsonSchema)])
        .nullable()
        .optional()
        .describe('a list, or a reference to one: the step runs once for each element, as {{item}}'),
      maxItems: z.int().min(1).nullable().optional().describe('how many elements forEach may have'),
      ifTrue: z.array(z.string()).optional().describe('only with the tool `condition`: ids of steps that run where it is true'),
      ifFalse: z.array(z.string()).optional().describe('the same where it is false'),
    }),
  ),
  options: planOptionsSchema.optional(),
});

export const templateSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  parameters: jsonObject.describe('a JSON Schema of an object: what a task that uses the template gives as its `input`'),
  objective: z.string().describe('the objective of a task that gives none, with references to its input'),
  steps: planDraftSchema.shape.steps as unknown as z.ZodType<StepDraft[]>,
  options: jsonObject.describe(
    'the options as they are written; those that a task gives go before them',
  ) as unknown as z.ZodType<PlanOptionsInput>,
  tools: z.array(z.string()).nullable(),
  digest,
});
