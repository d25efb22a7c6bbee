/** A step for tests: it sends a letter, with nothing out of the ordinary unless it is said. */
import { retryPolicySchema, type Step } from '@countersign/shared';

export const mailStep = (id: string, fields: Partial<Step> = {}): Step => ({
  id,
  tool: 'mail.send',
  description: '',
  input: {},
  dependsOn: [],
  when: null,
  runIf: 'none_failed_min_one_success',
  retry: retryPolicySchema.parse({}),
  timeoutMs: 1_000,
  onError: 'stop',
  approval: null,
  forEach: null,
  maxItems: null,
  ifTrue: [],
  ifFalse: [],
  ...fields,
});
