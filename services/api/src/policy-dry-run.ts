/** The dry run: what the policy in force, or one that comes along, says of a plan, or of plans that are stored. */
import {
  byteLength,
  type DryRun,
  type DryRunBody,
  decidePolicy,
  explainTrace,
  factsOf,
  factsOfPlan,
  type Issue,
  type PastDryRun,
  type Plan,
  type PolicyDecision,
  type PolicyFacts,
  type PolicyInForce,
  readPolicy,
} from '@countersign/shared';
import { type Answer, json, type ProblemAnswer, problem } from './answer.ts';
import { summaryOf } from './issues.ts';
import type { Call } from './operation.ts';
import { noPlan } from './plan-answers.ts';
import { checkPlan } from './plan-body.ts';

/** Past plans are read whole, one after the other: a page ends with the plan that brings it to so many steps. */
const STEPS_OF_PAGE = 20_000;
/** Bytes of a policy that comes along, as JSON. */
const POLICY_BYTES = 256 * 1_024;
/** Characters of a policy times characters of the names that its patterns are held against: some tenths of a second. */
const MOST_WORK = 100_000_000;

type DryRunCall = Call<unknown, DryRunBody>;
type Found<Value> = { ok: true; value: Value } | { ok: false; answer: ProblemAnswer };

const wrong = (code: 'invalid_plan' | 'invalid_request', issues: Issue[]): { ok: false; answer: ProblemAnswer } => ({
  ok: false,
  answer: problem(code, summaryOf(issues, code === 'invalid_plan' ? 'the plan' : 'the body'), { issues }),
});

const under = (name: string, path: string): string => (path === '' ? name : path.startsWith('[') ? `${name}${path}` : `${name}.${path}`);

async function findPolicy({ body: { policy }, context }: DryRunCall): Promise<Found<PolicyInForce>> {
  if (policy === undefined) return { ok: true, value: context.policy.current() };
  if (byteLength(JSON.stringify(policy)) > POLICY_BYTES)
    return wrong('invalid_request', [
      { path: 'policy', code: 'limit_exceeded', message: `must have at most ${POLICY_BYTES} bytes of JSON, to be tried` },
    ]);
  const reading = await readPolicy(policy);
  if (reading.ok) return { ok: true, value: reading.policy };
  return wrong(
    'invalid_request',
    reading.problems.map(({ path, atKey, message }) => ({
      path: under('policy', path),
      code: atKey ? 'unknown_field' : 'bad_input',
      message,
    })),
  );
}

async function factsOfDraft(call: DryRunCall, written: Record<string, unknown>): Promise<Found<PolicyFacts>> {
  const { actor, body, context } = call;
  const { issues, result } = await checkPlan(written, context);
  const placed = issues.map((issue) => ({ ...issue, path: under('plan', issue.path) }));
  if (!result.valid) return wrong('invalid_plan', placed);
  if (issues.length > 0) return wrong('invalid_request', placed);
  const { submitter = { actor: actor.id, roles: [...actor.roles] }, origin = 'manual', rewritten = false, costUsd = 0 } = body;
  return { ok: true, value: { ...factsOf(result.content, { submitter, origin, rewritten }), costUsd } };
}

async function factsOfStored({ body: { revision }, context: { store } }: DryRunCall, planId: string): Promise<Found<PolicyFacts>> {
  const plan = await store.getPlan(planId);
  if (plan === null) return { ok: false, answer: noPlan(planId) };
  if (revision === undefined || revision === plan.revision) return { ok: true, value: factsOfPlan(plan) };
  const former = await store.getRevision(planId, revision);
  if (former === null) return { ok: false, answer: problem('not_found', `there is no revision ${revision} of the plan \`${planId}\``) };
  const { content, origin, createdBy } = former;
  // Which roles its writer had is kept for the current revision only.
  const roles = createdBy === plan.policy.submitter.actor ? plan.policy.submitter.roles : [];
  const rewritten = revision > 1 && origin !== 'manual';
  return { ok: true, value: factsOf(content, { submitter: { actor: createdBy, roles }, origin, rewritten, usage: plan.usage }) };
}

/** What it may take to hold the names in a plan against the patterns of a policy. */
const workOf = ({ rules }: PolicyInForce, { tools, secrets, submitter }: PolicyFacts): number =>
  JSON.stringify(rules).length * [...tools, ...secrets, submitter.actor].join('').length;

const tooMuchWork = (planId: string) =>
  wrong('invalid_request', [
    {
      path: 'policy',
      code: 'limit_exceeded',
      message: `is too large to be tried on ${planId === '' ? 'this plan' : `the plan ${planId}`}, with so many names of tools and secrets`,
    },
  ]).answer;

/** The policy looks for names, and does not count them. */
const withNamesOnce = (facts: PolicyFacts): PolicyFacts => ({ ...facts, tools: [...new Set(facts.tools)] });

const decisionOf = ({ outcome, rule, demands, reason }: PolicyDecision): DryRun['decision'] => ({
  outcome,
  rule,
  demands: demands.map(({ count, roles, notSubmitter }) => ({ count, roles: [...roles], notSubmitter })),
  reason,
});

const named = ({ version }: PolicyInForce, { context }: DryRunCall): DryRun['policy'] => ({
  version,
  inForce: version === context.policy.current().version,
});

async function tryOne(call: DryRunCall, policy: PolicyInForce): Promise<Answer> {
  const { plan, planId = '' } = call.body;
  const found = await (plan === undefined ? factsOfStored(call, planId) : factsOfDraft(call, plan));
  if (!found.ok) return found.answer;
  const { options, ...rest } = withNamesOnce(found.value);
  const { requireApproval, autoApprove } = options;
  const facts = { ...rest, options: { requireApproval, autoApprove } };
  if (workOf(policy, facts) > MOST_WORK) return tooMuchWork(planId);
  const { trace, ...verdict } = decidePolicy(policy, facts);
  const answer: DryRun = {
    policy: named(policy, call),
    decision: decisionOf(verdict),
    trace: explainTrace(trace, policy.rules, facts),
    facts,
  };
  return json(200, answer);
}

function compare(plan: Plan, policy: PolicyInForce, facts: PolicyFacts): PastDryRun['items'][number] {
  const before = decisionOf(plan.policy);
  const now = decisionOf(decidePolicy(policy, facts));
  const differs = JSON.stringify([before.outcome, before.demands]) !== JSON.stringify([now.outcome, now.demands]);
  return { planId: plan.id, revision: plan.revision, objective: plan.objective, then: before, now, differs };
}

async function tryPast(call: DryRunCall, policy: PolicyInForce, asked: NonNullable<DryRunBody['plans']>): Promise<Answer> {
  const { store } = call.context;
  const { since, ...page } = asked;
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const { items: summaries, nextCursor } = await store.listPlans(page);
  const items: PastDryRun['items'] = [];
  let next = nextCursor;
  let [steps, work] = [0, 0];
  for (const { id, createdAt } of summaries) {
    if (Date.parse(createdAt) < from) {
      next = null;
      break;
    }
    const plan = await store.getPlan(id);
    // Deleted since it was listed.
    if (plan === null) continue;
    const facts = withNamesOnce(factsOfPlan(plan));
    const more = workOf(policy, facts);
    if (more > MOST_WORK) return tooMuchWork(id);
    items.push(compare(plan, policy, facts));
    steps += plan.steps.length;
    work += more;
    if (steps < STEPS_OF_PAGE && work < MOST_WORK) continue;
    if (id !== summaries.at(-1)?.id) next = id;
    break;
  }
  const count = (outcome: PolicyDecision['outcome']): number => items.filter(({ now }) => now.outcome === outcome).length;
  const counts = {
    auto: count('auto'),
    approve: count('approve'),
    deny: count('deny'),
    differs: items.filter(({ differs }) => differs).length,
  };
  return json(200, { policy: named(policy, call), items, counts, nextCursor: next } satisfies PastDryRun);
}

/** Answers a dry run. */
export async function dryRun(call: DryRunCall): Promise<Answer> {
  const policy = await findPolicy(call);
  if (!policy.ok) return policy.answer;
  const { plans } = call.body;
  return plans === undefined ? tryOne(call, policy.value) : tryPast(call, policy.value, plans);
}
