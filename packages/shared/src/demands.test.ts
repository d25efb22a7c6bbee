import { describe, expect, test } from 'vitest';
import type { Role } from './actor.ts';
import { countVotes, demandsText, isPlain, missingText, sumOf } from './demands.ts';
import type { Demand } from './policy.ts';

const demand = (count: number, roles: Role[] = [], notSubmitter = false): Demand => ({ count, roles, notSubmitter });
const vote = (actor: string, ...roles: Role[]) => ({ actor, roles });
const have = (demands: Demand[], votes: ReturnType<typeof vote>[]) => countVotes(demands, votes, ['ada']).map((each) => each.have);

describe('a vote counts', () => {
  test.each<[string, Demand[], ReturnType<typeof vote>[], number[]]>([
    ['for anybody where no role is named', [demand(2)], [vote('ada'), vote('bob', 'approver')], [2]],
    ['once for each actor', [demand(2)], [vote('bob'), vote('bob')], [1]],
    ['for no more than is asked', [demand(1)], [vote('bob'), vote('cas')], [1]],
    ['only with one of the roles', [demand(2, ['operator', 'admin'])], [vote('bob', 'approver'), vote('cas', 'admin', 'viewer')], [1]],
    ['not for the submitter where others must approve', [demand(2, [], true)], [vote('ada', 'admin'), vote('bob')], [1]],
    ['towards several demands', [demand(1), demand(1, ['operator'], true)], [vote('bob', 'operator')], [1, 1]],
    ['towards those that it fits', [demand(2), demand(1, ['operator'], true)], [vote('ada', 'operator'), vote('bob')], [2, 0]],
  ])('%s', (_what, demands, votes, expected) => {
    expect(have(demands, votes)).toEqual(expected);
  });
});

test('the sum is over all demands', () => {
  expect(sumOf(countVotes([demand(2), demand(1, ['operator'])], [vote('bob')], []))).toEqual({ count: 3, have: 1 });
  expect(sumOf([])).toEqual({ count: 0, have: 0 });
});

test('what is asked, and what is missing, in words', () => {
  const demands = [demand(2), demand(1, ['operator', 'viewer'], true)];
  expect(demandsText(demands, ['ada', 'eve'])).toBe(
    '2 approvals by different approvers, and 1 approval by an operator or a viewer, not ada or eve',
  );
  expect(missingText(countVotes(demands, [vote('ada', 'operator')], ['ada']), ['ada'])).toBe(
    '1 approval by an approver, and 1 approval by an operator or a viewer, not ada',
  );
  expect(missingText(countVotes(demands, [vote('bob', 'operator'), vote('ada')], ['ada']), ['ada'])).toBe('');
});

test('a number says all of one demand that anybody can meet', () => {
  expect([[demand(3)], []].map(isPlain)).toEqual([true, true]);
  expect([[demand(1), demand(1)], [demand(1, ['admin'])], [demand(1, [], true)]].map(isPlain)).toEqual([false, false, false]);
});
