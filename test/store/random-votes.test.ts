/**
 * Random demands and random votes: what the store makes of them, held against counting people by hand. VOTES_SEED sets the
 * seed, which is printed.
 */
import { type Demand, type PolicyDecision, ROLES, type Role } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCommand, reviseCommand, TOOL } from '../model/submission.ts';
import { useTestRedis } from '../redis/test-redis.ts';
import { planOf } from './plan-by-hand.ts';

const seed = Number(process.env.VOTES_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = 250;
const VERSION = `sha256:${'1'.repeat(64)}`;
const OTHER = `sha256:${'2'.repeat(64)}`;
const PEOPLE = ['ada', 'bob', 'cas', 'dan', 'eve'] as const;
/** It is ada's; bob has written the revision that is voted on, where there is a second one. */
const CREATOR = 'ada';
const WRITER = 'bob';

const server = useTestRedis();
let store: Store;
beforeAll(() => {
  store = openStore({ redis: { url: server.url } });
});
afterAll(() => store.close());

const roles = fc.uniqueArray(fc.constantFrom(...ROLES), { maxLength: 2 });
const demands = fc.array(fc.record({ count: fc.integer({ min: 1, max: 3 }), roles, notSubmitter: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
});
const votes = fc.array(
  fc.record({
    actor: fc.constantFrom(...PEOPLE),
    more: roles,
    on: fc.oneof({ weight: 8, arbitrary: fc.constant('this') }, { weight: 1, arbitrary: fc.constantFrom('digest', 'version') }),
  }),
  { minLength: 1, maxLength: 9 },
);

interface Vote {
  actor: string;
  roles: readonly Role[];
}

const fits = ({ roles: wanted, notSubmitter }: Demand, vote: Vote, submitters: readonly string[]): boolean =>
  (wanted.length === 0 || wanted.some((role) => vote.roles.includes(role))) && !(notSubmitter && submitters.includes(vote.actor));

/** N of M, counted by hand: for each demand there are as many different people who fit it. */
const isMet = (asked: readonly Demand[], given: readonly Vote[], submitters: readonly string[]): boolean =>
  asked.every((demand) => new Set(given.filter((vote) => fits(demand, vote, submitters)).map(({ actor }) => actor)).size >= demand.count);

test(`${RUNS} random plans are approved exactly when all demands are met by people who may meet them`, async () => {
  console.log(`VOTES_SEED=${seed} repeats these votes`);
  let [approved, waiting] = [0, 0];
  const property = fc.asyncProperty(demands, votes, fc.boolean(), async (asked, list, isRevised) => {
    const decision: PolicyDecision = { version: VERSION, rule: 'r', outcome: 'approve', demands: asked, reason: 'r' };
    const plan = { objective: 'x', steps: [{ id: 'a', tool: TOOL }] };
    const first = await createCommand({ plan, decision, draft: false });
    const created = await store.createPlan({ ...first, origin: 'manual', createdBy: CREATOR, decision });
    if (!created.ok) throw new Error(created.refusal.message);
    const { id } = created.value;
    if (isRevised) {
      const second = await reviseCommand({ plan: { ...plan, description: 'two' }, decision, actor: WRITER, basedOn: first.digest });
      const revised = await store.revisePlan(id, { ...second, actor: { id: WRITER, roles: [] } });
      expect(revised.ok).toBe(true);
    }
    const { digest } = await planOf(store, id);
    const submitters = isRevised ? [CREATOR, WRITER] : [CREATOR];
    const given: Vote[] = [];
    for (const { actor, more, on } of list) {
      const vote: Vote = { actor, roles: ['approver', ...more.filter((role) => role !== 'approver')] };
      const outcome = await store.approvePlan(id, {
        actor: { id: actor, roles: vote.roles },
        digest: on === 'digest' ? OTHER : digest,
        policyVersion: on === 'version' ? OTHER : VERSION,
      });
      const isOver = isMet(asked, given, submitters);
      const counts = asked.some((demand) => fits(demand, vote, submitters));
      const expected = isOver
        ? 'wrong_state'
        : on === 'digest'
          ? 'stale_digest'
          : on === 'version'
            ? 'policy_changed'
            : given.some((each) => each.actor === actor)
              ? 'already_voted'
              : counts
                ? 'ok'
                : 'forbidden';
      expect(outcome.ok ? 'ok' : outcome.refusal.code).toBe(expected);
      if (outcome.ok) given.push(vote);
      const { status } = await planOf(store, id);
      expect(status).toBe(isMet(asked, given, submitters) ? 'executing' : 'pending_approval');
    }
    const now = await planOf(store, id);
    expect(now.approvals.map(({ actor }) => actor)).toEqual(given.map(({ actor }) => actor));
    if (now.status === 'executing') approved++;
    else waiting++;
  });
  await fc.assert(property, { seed, numRuns: RUNS });
  // Else it would have shown little.
  expect(Math.min(approved, waiting)).toBeGreaterThan(RUNS / 20);
});
