/** The policy in force. */
import { policySchema } from '@countersign/shared';
import { z } from 'zod';
import { json } from './answer.ts';
import { jsonContent } from './documented.ts';
import { policyExample } from './examples.ts';
import { type Operation, operation } from './operation.ts';

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
];
