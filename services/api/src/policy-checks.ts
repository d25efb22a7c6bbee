/** What policy says of plans that are stored, by the version that this process has. */
import { decidePolicy, factsOfPlan, type Plan, type PolicyVerdict } from '@countersign/shared';
import type { Accepted, Outcome, Refusal } from '@countersign/store';
import type { Call } from './operation.ts';

type PlanCall = Pick<Call, 'context' | 'params'>;

/** Between reading a plan and recording what was decided about it, it can be revised; that often it is read again. */
const READ_AGAIN = 5;

interface Judged {
  plan: Plan;
  verdict: PolicyVerdict;
}

const refuse = (code: Refusal['code'], message: string, detail: Record<string, string> = {}): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code, message, detail },
});

export const denied = ({ rule, reason }: Pick<PolicyVerdict, 'rule' | 'reason'>) => refuse('policy_denied', reason, { rule: rule ?? '' });

async function judge({ context, params }: PlanCall): Promise<Judged | null> {
  const plan = await context.store.getPlan(params.id ?? '');
  return plan === null ? null : { plan, verdict: decidePolicy(context.policy.current(), factsOfPlan(plan)) };
}

/** Has the plan judged, and what comes of it recorded, for exactly one content. */
async function judgeAndRecord<Value>(
  call: PlanCall,
  record: (judged: Judged) => Promise<Outcome<Value>>,
): Promise<{ judged: Judged; outcome: Outcome<Value> } | null> {
  for (let turn = 1; ; turn++) {
    const judged = await judge(call);
    if (judged === null) return null;
    const outcome = await record(judged);
    if (outcome.ok || outcome.refusal.code !== 'stale_digest' || turn === READ_AGAIN) return { judged, outcome };
  }
}

const noPlan = ({ params }: PlanCall) => refuse('not_found', `there is no plan ${params.id}`);

/** Hands a draft in, as policy decides about it now. */
export async function submitJudged(call: Pick<Call, 'actor' | 'context' | 'idempotency' | 'params'>): Promise<Outcome<Accepted>> {
  const { actor, context, idempotency } = call;
  const done = await judgeAndRecord(call, ({ plan, verdict }) =>
    context.store.submitPlan(plan.id, { actor, idempotency, digest: plan.digest, decision: verdict }),
  );
  return done?.outcome ?? noPlan(call);
}

interface Vote {
  digest: string;
  comment?: string | undefined;
}

/** A vote under the policy that this process has. A plan that was decided under another one is decided anew instead. */
export async function approveJudged(
  call: Pick<Call<unknown, Vote>, 'actor' | 'body' | 'context' | 'idempotency' | 'params'>,
): Promise<Outcome<Accepted>> {
  const { actor, body, context, idempotency, params } = call;
  const policyVersion = context.policy.current().version;
  const outcome = await context.store.approvePlan(params.id ?? '', { actor, ...body, policyVersion, idempotency });
  if (outcome.ok || outcome.refusal.code !== 'policy_changed') return outcome;
  const done = await judgeAndRecord(call, ({ plan, verdict }) =>
    context.store.redecidePlan(plan.id, { digest: plan.digest, decision: verdict }),
  );
  if (done === null) return noPlan(call);
  if (!done.outcome.ok) return done.outcome;
  const { verdict } = done.judged;
  if (verdict.outcome === 'deny') return denied(verdict);
  const message =
    'the plan had been decided under another version of the policy; it was decided anew, and the votes are void: read it again';
  return refuse('policy_changed', message, { policyVersion: verdict.version });
}

/** Why steps of a plan cannot run again: policy denies it by now. Null where it doesn't, or there is no such plan. */
export async function refuseDenied(call: PlanCall): Promise<{ ok: false; refusal: Refusal } | null> {
  const judged = await judge(call);
  return judged?.verdict.outcome === 'deny' ? denied(judged.verdict) : null;
}
