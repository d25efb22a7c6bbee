/** Every endpoint of the API. The router, the access check and the documentation are made from this list. */
import { decisionOperations } from './decision-operations.ts';
import { eventOperations } from './event-stream.ts';
import { keyOperations } from './key-operations.ts';
import type { Operation } from './operation.ts';
import { planOperations } from './plan-operations.ts';
import { policyOperations } from './policy-operations.ts';
import { revisionOperations } from './revision-operations.ts';
import { serviceOperations } from './service-operations.ts';
import { stepOperations } from './step-operations.ts';
import { taskOperations } from './task-operations.ts';
import { webhookOperations } from './webhook-operations.ts';

export const OPERATIONS: readonly Operation[] = [
  ...taskOperations,
  ...planOperations,
  ...revisionOperations,
  ...decisionOperations,
  ...stepOperations,
  ...eventOperations,
  ...webhookOperations,
  ...keyOperations,
  ...policyOperations,
  ...serviceOperations,
];
