/** What people decide: votes, cancelling, deleting. */
import { approve, approveStale, cancel, claim, complete, type EdgeCase, reject, submit } from './edge-case.ts';

export const APPROVAL_CASES: readonly EdgeCase[] = [
  {
    name: 'approving twice: the second vote of the same actor is refused and does not count',
    steps: [{ id: 'a' }],
    quorum: 2,
    calls: [
      [approve('ann'), 'ok'],
      [approve('ann'), 'already_voted'],
    ],
    ends: { plan: 'pending_approval', steps: { a: 'pending' }, reasons: { a: 'plan_not_started' } },
  },
  {
    name: 'approving twice: a vote after the quorum finds the plan executing',
    steps: [{ id: 'a' }],
    quorum: 2,
    calls: [
      [approve('ann'), 'ok'],
      [approve('bob'), 'ok'],
      [approve('cas'), 'wrong_state'],
    ],
    ends: {
      plan: 'executing',
      steps: { a: 'queued' },
      events: ['plan.voted', 'plan.approved', 'plan.started', 'step.ready a', 'step.queued a'],
    },
  },
  {
    name: 'approving a stale digest is refused, and the right one still counts',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [approveStale, 'stale_digest'],
      [approve('ann'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'queued' } },
  },
  {
    name: 'approving a draft is refused until it is submitted',
    steps: [{ id: 'a' }],
    quorum: 1,
    draft: true,
    calls: [
      [approve('ann'), 'wrong_state'],
      [submit(), 'ok'],
      [submit(), 'wrong_state'],
      [approve('ann'), 'ok'],
    ],
    ends: { plan: 'executing', steps: { a: 'queued' } },
  },
  {
    name: 'approving a cancelled plan is refused',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [cancel, 'ok'],
      [approve('ann'), 'wrong_state'],
    ],
    ends: {
      plan: 'cancelled',
      steps: { a: 'cancelled' },
      reasons: { a: 'plan_cancelled' },
      events: ['step.cancelled a', 'plan.cancelled'],
    },
  },
  {
    name: 'reject then approve: a rejected plan stays rejected and its steps pending',
    steps: [{ id: 'a' }],
    quorum: 1,
    calls: [
      [reject('ann'), 'ok'],
      [approve('bob'), 'wrong_state'],
      [reject('bob'), 'wrong_state'],
    ],
    ends: { plan: 'rejected', steps: { a: 'pending' }, events: ['plan.submitted', 'plan.rejected'] },
  },
  {
    name: 'cancelling twice: the second is refused and writes nothing',
    steps: [{ id: 'a' }, { id: 'b', dependsOn: ['a'] }],
    calls: [
      [cancel, 'ok'],
      [cancel, 'wrong_state'],
    ],
    ends: {
      plan: 'cancelled',
      steps: { a: 'cancelled', b: 'cancelled' },
      events: ['step.queued a', 'step.cancelled a', 'step.cancelled b', 'plan.cancelled'],
    },
  },
  {
    name: 'a plan that is under way cannot be deleted; an ended one can, and then it is not found',
    steps: [{ id: 'a' }],
    calls: [
      [{ do: 'delete' }, 'wrong_state'],
      [claim('a', 't1'), 'ok'],
      [complete('a', 't1'), 'ok'],
      [{ do: 'delete' }, 'ok'],
      [{ do: 'delete' }, 'not_found'],
      [cancel, 'not_found'],
      [complete('a', 't1'), 'not_found'],
    ],
    ends: { plan: null, steps: {} },
  },
];
