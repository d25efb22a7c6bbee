/** The dry run of a policy: what it is asked, and what it answers. Nothing of it is stored. */
import { z } from 'zod';
import { ROLES } from './actor.ts';
import { pageQuery } from './api.ts';
import type { PolicyFacts } from './policy-facts.ts';
import type { ExplainedRule } from './policy-trace.ts';
import { jsonSchema, planSchema } from './resources.ts';

const { policy: planPolicy, status, origin, effects, options } = planSchema.shape;
const { outcome, rule, reason, submitter, demands } = planPolicy.shape;

/** What a plan that is written out does not say of itself. */
const circumstances = {
  /** absent: whoever asks */
  submitter: z.strictObject({ actor: z.string().min(1).max(500), roles: z.array(z.enum(ROLES)).max(ROLES.length) }).optional(),
  /** absent: manual */
  origin: origin.optional(),
  /** absent: false */
  rewritten: z.boolean().optional(),
  /** US dollars; null: not known; absent: 0 */
  costUsd: z.number().min(0).nullable().optional(),
};

const pastPlans = z.strictObject({
  status: status.optional(),
  since: z.iso.datetime({ offset: true }).optional().describe('only plans that were created at this time or later'),
  limit: z.int().min(1).max(200).default(50),
  cursor: pageQuery.cursor,
});

const WHAT = ['plan', 'planId', 'plans'] as const;

/** Exactly one of `plan`, `planId` and `plans`. The policy and the plan are checked by what reads them, which says everything that is wrong. */
export const dryRunBody = z
  .strictObject({
    policy: jsonSchema.optional().describe('to be tried instead of the one in force; needed with `plans`'),
    plan: z.record(z.string(), z.unknown()).optional().describe('a plan as for POST /v1/plans'),
    ...circumstances,
    planId: z.string().min(1).optional().describe('a plan that is stored'),
    revision: z.int().min(1).optional().describe('of that plan; the current one where it is left out'),
    plans: pastPlans.optional().describe('those that are stored, newest first'),
  })
  .superRefine((body, context) => {
    const issue = (path: string[], message: string): void => void context.addIssue({ code: 'custom', path, message });
    const given = WHAT.filter((name) => body[name] !== undefined);
    if (given.length !== 1) issue([], `must have exactly one of ${WHAT.join(', ')}`);
    if (body.plan === undefined) {
      const stray = (Object.keys(circumstances) as (keyof typeof circumstances)[]).filter((name) => body[name] !== undefined);
      for (const name of stray) issue([name], 'goes with `plan`: what is stored has its own');
    }
    if (body.revision !== undefined && body.planId === undefined) issue(['revision'], 'goes with `planId`');
    if (body.plans !== undefined && body.policy === undefined) issue(['policy'], 'is missing; it is what past plans are tried with');
  });
export type DryRunBody = z.output<typeof dryRunBody>;
/** The same as it is written. */
export type PolicyTrial = z.input<typeof dryRunBody>;

const decisionSchema = z.strictObject({
  outcome,
  rule,
  demands: z.array(demands.element.omit({ have: true })),
  reason,
});
const policyNamed = z.strictObject({
  version: z.string().describe('the digest of the policy that was tried'),
  inForce: z.boolean().describe('whether it is the one in force in the process that answers'),
});

/** What a policy says of one plan. */
export const dryRunSchema = z.strictObject({
  policy: policyNamed,
  decision: decisionSchema,
  trace: z.array(z.strictObject({ rule: z.string(), matched: z.boolean(), because: z.string() })),
  facts: z.strictObject({
    options: options.pick({ requireApproval: true, autoApprove: true }),
    effects,
    tools: z.array(z.string()).describe('each once'),
    steps: z.int(),
    submitter,
    costUsd: z.number().nullable(),
    origin,
    rewritten: z.boolean(),
    secrets: z.array(z.string()),
  }),
});
export interface DryRun {
  policy: { version: string; inForce: boolean };
  decision: z.output<typeof decisionSchema>;
  trace: ExplainedRule[];
  facts: PolicyFacts;
}

/** What a policy says of plans that are stored, beside what was decided about each. */
export const pastDryRunSchema = z.strictObject({
  policy: policyNamed,
  items: z.array(
    z.strictObject({
      planId: z.string(),
      revision: z.int().min(1),
      objective: z.string(),
      then: decisionSchema,
      now: decisionSchema,
      differs: z.boolean().describe('whether the outcome or the demands differ'),
    }),
  ),
  counts: z.strictObject({ auto: z.int(), approve: z.int(), deny: z.int(), differs: z.int() }),
  nextCursor: z.string().nullable(),
});
export type PastDryRun = z.output<typeof pastDryRunSchema>;
