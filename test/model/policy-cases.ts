/** Approval by demands: numbers of people, roles, four eyes, and a policy that changes while a plan waits. */
import type { Demand, PolicyDecision, Role } from '@countersign/shared';
import { approve, cancel, type EdgeCase, redecide, reject, retry, revise, runs, submit } from './edge-case.ts';

const V1 = 'sha256:1';
const V2 = 'sha256:2';
const demand = (count: number, roles: Role[] = [], notSubmitter = false): Demand => ({ count, roles, notSubmitter });
const asks = (version: string, ...demands: Demand[]): PolicyDecision => ({
  version,
  rule: 'asks',
  outcome: 'approve',
  demands,
  reason: 'r',
});
const nobody = (version: string): PolicyDecision => ({ version, rule: null, outcome: 'auto', demands: [], reason: 'nobody has to' });
const denies = (version: string): PolicyDecision => ({ version, rule: 'never', outcome: 'deny', demands: [], reason: 'not here' });

const operator = { roles: ['approver', 'operator'] as Role[], version: V1 };
const approver = { roles: ['approver'] as Role[], version: V1 };
const started = { plan: 'executing', steps: { a: 'queued' } } as const;
const waits = { plan: 'pending_approval', steps: { a: 'pending' } } as const;

export const POLICY_CASES: readonly EdgeCase[] = [
  {
    name: 'policy: one vote serves every demand that it fits',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1), demand(1, ['operator'], true)),
    calls: [[approve('bob', operator), 'ok']],
    ends: { ...started, events: ['plan.submitted', 'plan.voted', 'plan.approved', 'plan.started', 'step.ready a', 'step.queued a'] },
  },
  {
    name: 'policy: every demand must be met',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(2), demand(1, ['operator'])),
    calls: [
      [approve('ann', approver), 'ok'],
      [approve('cas', approver), 'ok'],
    ],
    ends: waits,
  },
  {
    name: 'policy: four eyes: who submitted the plan cannot vote where only others can',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1, [], true)),
    calls: [
      [approve('ann', operator), 'forbidden'],
      [approve('bob', approver), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: four eyes: who hands a draft in is a submitter',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1, [], true)),
    draft: true,
    calls: [
      [submit(asks(V1, demand(1, [], true)), 'bob'), 'ok'],
      [approve('bob', approver), 'forbidden'],
      [approve('ann', approver), 'forbidden'],
      [approve('cas', approver), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: four eyes: who wrote the current revision is a submitter, who wrote the one before is not',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1)),
    calls: [
      [revise((plan) => ({ ...plan, description: 'two' }), { actor: 'bob', decision: asks(V1, demand(1, [], true)) }), 'ok'],
      [approve('bob', approver), 'forbidden'],
      [revise((plan) => ({ ...plan, description: 'three' }), { actor: 'cas', decision: asks(V1, demand(1, [], true)) }), 'ok'],
      [approve('cas', approver), 'forbidden'],
      [approve('ann', approver), 'forbidden'],
      [approve('bob', approver), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: a vote without one of the roles is refused',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1, ['operator', 'admin'])),
    calls: [
      [approve('ann', approver), 'forbidden'],
      [approve('ann', { roles: ['admin'], version: V1 }), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: a vote under another version is refused and does not count',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1)),
    calls: [[approve('ann', { version: V2 }), 'policy_changed']],
    ends: { ...waits, events: ['plan.created', 'plan.submitted'] },
  },
  {
    name: 'policy: deciding anew voids the votes and asks what is asked now',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(2)),
    calls: [
      [approve('ann', approver), 'ok'],
      [redecide(asks(V2, demand(1, ['operator']))), 'ok'],
      [approve('ann', { version: V2 }), 'forbidden'],
      [approve('bob', { ...operator, version: V1 }), 'policy_changed'],
      [approve('bob', { ...operator, version: V2 }), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: deciding anew under the same version changes nothing',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(2)),
    calls: [
      [approve('ann', approver), 'ok'],
      [redecide(asks(V1, demand(3))), 'ok'],
      [approve('ann', approver), 'already_voted'],
      [approve('bob', approver), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: deciding anew starts a plan that needs nobody by now',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(2)),
    calls: [[redecide(nobody(V2)), 'ok']],
    ends: { ...started, events: ['plan.submitted', 'plan.approved', 'plan.started', 'step.ready a', 'step.queued a'] },
  },
  {
    name: 'policy: a plan that is denied by now goes on waiting, cannot be approved, and can be rejected',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1)),
    calls: [
      [redecide(denies(V2)), 'ok'],
      [approve('ann', { version: V2 }), 'policy_denied never'],
      [redecide(asks(V1, demand(1))), 'ok'],
      [redecide(denies(V2)), 'ok'],
      [reject('ann'), 'ok'],
    ],
    ends: { plan: 'rejected', steps: { a: 'pending' } },
  },
  {
    name: 'policy: a denied draft stays one, and is handed in when the policy allows it',
    steps: [{ id: 'a' }],
    decision: denies(V1),
    draft: true,
    calls: [
      [submit(denies(V1)), 'policy_denied never'],
      [submit(nobody(V2)), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: a denied revision is none, and the votes stay',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(2)),
    calls: [
      [approve('ann', approver), 'ok'],
      [revise((plan) => ({ ...plan, description: 'two' }), { decision: denies(V1) }), 'policy_denied never'],
      [approve('bob', approver), 'ok'],
    ],
    ends: started,
  },
  {
    name: 'policy: a plan past its approval is not decided anew',
    steps: [{ id: 'a' }],
    decision: asks(V1, demand(1)),
    calls: [
      [approve('ann', approver), 'ok'],
      [redecide(denies(V2)), 'wrong_state executing'],
      ...runs('a'),
      [retry('a'), 'wrong_state completed'],
      [cancel, 'wrong_state'],
    ],
    ends: { plan: 'completed', steps: { a: 'completed' } },
  },
];
