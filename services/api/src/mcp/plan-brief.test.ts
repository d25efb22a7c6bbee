import { expect, it } from 'vitest';
import { planExample } from '../examples.ts';
import { planLine, waitsFor } from './plan-brief.ts';

const { digest, policy } = planExample;

it('an agent is told who must still approve', () => {
  expect(waitsFor(planExample)).toMatchObject([
    { kind: 'approval', text: `people approve exactly ${digest}: 0 of 1; missing: 1 approval by an approver, not alice` },
  ]);
});

it('the approvals are the sum of all demands', () => {
  const demands = [
    { count: 2, roles: [], notSubmitter: false, have: 1 },
    { count: 1, roles: ['operator' as const], notSubmitter: true, have: 1 },
  ];
  expect(planLine({ ...planExample, policy: { ...policy, demands } }, 'http://x').approvals).toEqual({ need: 3, have: 2 });
});

it('of a plan that policy denies an agent is told why', () => {
  const denied = { ...planExample, policy: { ...policy, outcome: 'deny' as const, demands: [], reason: 'not today' } };
  expect(waitsFor(denied)).toMatchObject([{ kind: 'approval', text: expect.stringContaining('the policy denies it as it is: not today') }]);
});
