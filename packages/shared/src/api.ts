/** The bodies and queries of the HTTP API v1, and the shape of its errors. */
import { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import type { Issue } from './issue.ts';
import type { Json, JsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import type { PlanContent, RevisionOrigin } from './plan.ts';
import { TEXT } from './plan.ts';
import { PLAN_STATUSES, TASK_STATUSES } from './transitions.ts';

const jsonObject = z.record(z.string(), z.json()) as z.ZodType<JsonObject>;
const json = z.json() as z.ZodType<Json>;
const objective = z.string().trim().min(1, 'must say what is wanted').max(LIMITS.objectiveLength);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be `sha256:` and 64 hex digits');

const taskFields = {
  input: jsonObject.optional(),
  /** checked by the plan validator, so that every issue has the same form */
  options: z.record(z.string(), json).optional(),
  tools: z.array(z.string().min(1)).max(1_000).optional(),
};
export const createTaskBody = z.strictObject({ objective, ...taskFields });
export type CreateTaskBody = z.infer<typeof createTaskBody>;

/** A task whose plan is made from a template: the objective is the template's where none is given. */
export const createTaskFromTemplateBody = z.strictObject({
  template: z.string().min(1, 'must name a template'),
  objective: objective.optional(),
  ...taskFields,
});

/** The plan itself is checked by `validatePlan`, which reports every issue at once. */
export const createPlanBody = z.looseObject({ draft: z.boolean().optional() });
export const approveBody = z.strictObject({ digest, comment: TEXT.optional() });
export const rejectBody = z.strictObject({ digest, reason: TEXT.min(1, 'must say why') });
export const cancelBody = z.strictObject({ reason: TEXT.optional() });
export const reviseBody = z.strictObject({ feedback: TEXT.trim().min(1, 'must say what to change') });
export const retryBody = z.strictObject({
  from: z.array(z.string().min(1)).min(1, 'must name a step, or be left out').max(LIMITS.steps).optional(),
});
export const gateBody = z.strictObject({ data: json.optional(), comment: TEXT.optional() });
export const emptyBody = z.strictObject({});

/** What every list is asked with. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,64}$/, 'must be a nextCursor of an earlier answer')
    .optional(),
};
export const listTasksQuery = z.strictObject({ status: z.enum(TASK_STATUSES).optional(), ...pageQuery });
export const listPlansQuery = z.strictObject({ status: z.enum(PLAN_STATUSES).optional(), ...pageQuery });
export const readPlanQuery = z.strictObject({ format: z.enum(['json', 'markdown', 'mermaid']).default('json') });

/** Absent: the current revision, and the one before it. */
export const diffQuery = z.strictObject({ from: z.coerce.number().int().min(1).optional(), to: z.coerce.number().int().min(1).optional() });

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** An error as the API answers it: RFC 9457 with a `code` word. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  issues?: Issue[];
  [extension: string]: unknown;
}

/** Something that waits for a person. */
export interface ApprovalItem {
  kind: 'plan' | 'gate';
  planId: string;
  stepId?: string;
  digest: string;
  title: string;
  since: string;
  deadline?: string;
  effects: { read: number; write: number; destructive: number };
  /** of a gate: what its step will do, in words, where its tool says it */
  review?: string;
  approvals: { count: number; have: number };
}

/** What is different at one place: null where there is nothing. */
export interface FieldChange {
  /** like `input.url` or `retry.maxAttempts` */
  path: string;
  from: Json;
  to: Json;
}

/**
 * What became of a step from one revision to another; `moved` where only its place in the array changed. `plan`, with no
 * step: what stands beside the steps (description, input, options, the tools' contracts).
 */
export interface PlanChange {
  kind: 'added' | 'removed' | 'changed' | 'moved' | 'plan';
  stepId: string | null;
  fields: FieldChange[];
}

export interface PlanDiff {
  from: number;
  to: number;
  changes: PlanChange[];
  /** the same for people */
  text: string;
}

/** A revision with its content. */
export interface RevisionContent {
  revision: number;
  digest: string;
  origin: RevisionOrigin;
  promptVersion: string | null;
  createdAt: string;
  createdBy: string;
  content: PlanContent;
}
