/** The policy in force. */
import { dryRunBody, dryRunSchema, pastDryRunSchema, policySchema } from '@countersign/shared';
import { z } from 'zod';
import { json } from './answer.ts';
import { asJson, jsonContent } from './documented.ts';
import { draftExample, dryRunExample, policyExample } from './examples.ts';
import { type Operation, operation } from './operation.ts';
import { dryRun } from './policy-dry-run.ts';

export const policyOperations: readonly Operation[] = [
  operation({
    method: 'get',
    path: '/v1/policy',
    id: 'readPolicy',
    tag: 'approvals',
    summary: 'Read the policy in force',
    description:
      'Who must approve what: the first rule whose every condition holds decides, and where none does the default. `problems` says what is ' +
      'wrong with the policy file where it has changed and cannot be used as it is.',
    access: 'read',
    answers: {
      200: { description: 'The policy.', content: jsonContent(z.strictObject({ policy: policySchema }), { policy: policyExample }) },
    },
    errors: [],
    handle: async ({ context: { policy } }) =>
      json(200, { policy: { ...policy.current(), loadedAt: policy.loadedAt(), problems: [...policy.problems()] } }),
  }),
  operation({
    method: 'post',
    path: '/v1/policy/test',
    id: 'testPolicy',
    tag: 'approvals',
    summary: 'Try a policy on a plan, or on those that are stored',
    description:
      'Nothing is stored and nothing starts. With `plan` or `planId` the answer says what is decided, why each rule held or did not, and what ' +
      'the policy knows of the plan. With `plans` it has, for each plan, what was decided then and what the given policy says now; a page ends ' +
      'early where its plans have many steps. Without `policy` the one in force is tried.',
    access: 'read',
    body: { schema: dryRunBody, example: asJson({ plan: draftExample, submitter: { actor: 'alice', roles: ['submitter'] } }) },
    answers: {
      200: {
        description: 'What the policy says.',
        content: jsonContent(z.union([dryRunSchema, pastDryRunSchema]), dryRunExample),
      },
    },
    errors: ['invalid_json', 'not_found', 'too_large', 'unsupported_media_type', 'invalid_request', 'invalid_plan'],
    handle: dryRun,
  }),
];
