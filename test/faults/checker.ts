/** Holds what a run saw against the invariants of docs/reliability.md. An empty list: every one of them held. */
import { CONDITION_TOOL, canonicalJson, isEndedPlan, isEndedStep, parseChildId } from '@countersign/shared';
import { acknowledged } from './acknowledged.ts';
import { type Call, callsOf, countsUntil, GRACE_MS, grouped, isExplained, isLate } from './calls.ts';
import type { Observed, SeenPlan, Violation } from './observed.ts';
import { recoveriesIn } from './recovery.ts';
import { replayPlan } from './replay.ts';
import { markOf } from './story.ts';
import { onePlanEach, plannedOnce, toldOfEnds } from './submits.ts';

type Check = (observed: Observed, calls: readonly Call[]) => Violation[];

const ofPlan = (plan: SeenPlan, found: readonly Omit<Violation, 'planId'>[]): Violation[] =>
  found.map((each) => ({ ...each, planId: plan.id }));

/** Everything with a state: each step, and each child of one. */
const runsOf = ({ audit: { plan } }: SeenPlan) => plan.steps.flatMap((step) => [step, ...(step.children ?? [])]);

/** I2 to I6, as far as the events tell. */
const replays: Check = ({ plans }) => plans.flatMap((plan) => ofPlan(plan, replayPlan(plan.audit)));

/** I1: each step has one outcome, what was read of one stays so, and a completed step's tool did end. */
const outcomes: Check = ({ plans, faults }, calls) => {
  const ended = new Set(calls.filter(({ outcome }) => outcome === 'end').map(({ key }) => key));
  return plans.flatMap((seen) => {
    const { plan } = seen.audit;
    const found: Omit<Violation, 'planId'>[] = [];
    const report = (stepId: string, what: string) => found.push({ invariant: 'I1', stepId, what });
    const runs = runsOf(seen);
    const isOver = isEndedPlan(plan.status) && plan.status !== 'rejected' && plan.status !== 'expired';
    const tools = new Map(plan.steps.map(({ id, tool }) => [id, tool]));
    const lists = new Set(plan.steps.filter(({ forEach }) => forEach !== null).map(({ id }) => id));
    for (const { id, status, generation } of runs) {
      if (isOver && !isEndedStep(status)) report(id, `is ${status} in a plan that is ${plan.status}`);
      const isCalled = tools.get(parseChildId(id)?.stepId ?? id) !== CONDITION_TOOL && !lists.has(id);
      if (status === 'completed' && isCalled && !ended.has(`${plan.id}.${id}.${generation}`))
        report(id, 'is completed, and no call of its tool came to its end');
    }
    const now = new Map(runs.map((run) => [run.id, run]));
    for (const sample of seen.samples) {
      if (sample.revision !== plan.revision) continue;
      const mayBeLost = faults.some(({ lostSince, until }) => lostSince !== null && lostSince <= sample.at && sample.at <= until);
      if (mayBeLost) continue;
      for (const before of sample.steps) {
        const after = now.get(before.id);
        if (after === undefined || after.generation !== before.generation) continue;
        // Somebody may give up a step that had failed.
        if (before.status === 'failed' && after.status === 'skipped') continue;
        if (after.status !== before.status || canonicalJson(after.output) !== before.output)
          report(before.id, `was ${before.status} with ${before.output}, and is ${after.status} with ${canonicalJson(after.output)}`);
      }
    }
    return ofPlan(seen, found);
  });
};

/** I3: never more calls at once than the plan's cap, or the tool's. */
const caps: Check = ({ plans, faults, caps: ofTools }, calls) => {
  const byKey = grouped(calls, ({ key }) => key);
  const intervals = calls.map((call) => {
    const same = byKey.get(call.key) ?? [];
    return { call, from: call.startedAt, until: countsUntil(call, same[same.indexOf(call) + 1], faults) };
  });
  const most = (of: typeof intervals): number => {
    const moments = of.flatMap(({ from, until }) => [[from, 1] as const, [until, -1] as const]);
    let [running, highest] = [0, 0];
    for (const [, change] of moments.sort(([one, up], [other, down]) => one - other || up - down)) {
      running += change;
      highest = Math.max(highest, running);
    }
    return highest;
  };
  const violations: Violation[] = [];
  const byPlan = grouped(intervals, ({ call }) => call.planId);
  for (const { id, audit } of plans) {
    const { maxParallelSteps, allowParallel } = audit.plan.options;
    const cap = allowParallel ? maxParallelSteps : 1;
    // Revisions may differ in their cap; the highest one bounds them all.
    const highest = Math.max(
      cap,
      ...audit.revisions.map(({ content }) => (content.options.allowParallel ? content.options.maxParallelSteps : 1)),
    );
    const atOnce = most(byPlan.get(id) ?? []);
    if (atOnce > highest)
      violations.push({ invariant: 'I3', planId: id, stepId: null, what: `${atOnce} calls at once, the cap is ${highest}` });
  }
  const tools = new Map(plans.flatMap(({ id, audit }) => audit.plan.steps.map((step) => [`${id}.${step.id}`, step.tool])));
  for (const [tool, cap] of Object.entries(ofTools)) {
    const atOnce = most(
      intervals.filter(({ call }) => tools.get(`${call.planId}.${parseChildId(call.stepId)?.stepId ?? call.stepId}`) === tool),
    );
    if (atOnce > cap)
      violations.push({ invariant: 'I3', planId: null, stepId: null, what: `${atOnce} calls of ${tool} at once, its cap is ${cap}` });
  }
  return violations;
};

/** I4: a cancel that was acknowledged stands, and no tool is called after it. */
const cancels: Check = ({ plans, faults }, calls) => {
  const byPlan = grouped(calls, ({ planId }) => planId);
  return plans.flatMap((seen) => {
    const ack = seen.acks.find((each) => each.do === 'cancel' && each.status === 200);
    if (ack === undefined) return [];
    const isLost = faults.some(({ lostSince, until }) => lostSince !== null && lostSince <= ack.answeredAt && ack.answeredAt <= until);
    const found: Omit<Violation, 'planId'>[] = [];
    const { status } = seen.audit.plan;
    if (status !== 'cancelled' && !isLost) found.push({ invariant: 'I4', stepId: null, what: `was cancelled, and is ${status}` });
    for (const call of byPlan.get(seen.id) ?? []) {
      const late = call.startedAt - ack.answeredAt;
      if (late > GRACE_MS && !isLate(call, faults, ack.answeredAt) && !isLost)
        found.push({ invariant: 'I4', stepId: call.stepId, what: `was called ${late} ms after the cancel was acknowledged` });
    }
    return ofPlan(seen, found);
  });
};

/** I5: what is called was written in a revision that somebody signed, word for word. */
const approvals: Check = ({ plans }, calls) => {
  const byPlan = grouped(calls, ({ planId }) => planId);
  return plans.flatMap((seen) => {
    const { audit, story } = seen;
    const found: Omit<Violation, 'planId'>[] = [];
    const signed = new Set(seen.acks.filter((ack) => ack.do === 'approve').map(({ digest }) => digest));
    const approved = audit.revisions.filter(({ digest }) => signed.has(digest));
    const runsAt = new Map<string, number[]>();
    for (const { type, stepId, revision } of audit.events)
      if (type === 'step.started' && stepId !== undefined) runsAt.set(stepId, [...(runsAt.get(stepId) ?? []), revision]);
    for (const call of byPlan.get(seen.id) ?? []) {
      const report = (what: string) => found.push({ invariant: 'I5', stepId: call.stepId, what });
      const child = parseChildId(call.stepId);
      const markIn = (revision: number): string =>
        child === null ? markOf(story.name, revision, call.stepId) : `${markOf(story.name, revision, child.stepId)}[${child.index}]`;
      const revision = approved.find((each) => markIn(each.revision) === call.mark)?.revision;
      const content = approved.find((each) => each.revision === revision)?.content;
      const tool = content?.steps.find(({ id }) => id === (child?.stepId ?? call.stepId))?.tool ?? '';
      const signedContract = /This is contract (\d+)\./.exec(content?.tools[tool]?.description ?? '')?.[1];
      if (signedContract !== undefined && Number(signedContract) !== call.contract)
        report(`was called with contract ${call.contract} of ${tool}, and ${signedContract} was approved`);
      if (revision === undefined) report(`was called with ${call.mark}, which stands in no revision that was approved`);
      else if (!runsAt.get(call.stepId)?.includes(revision))
        report(`was called with ${call.mark}, and revision ${revision} did not start it`);
    }
    return ofPlan(seen, found);
  });
};

/** I6: who follows the events live, through every break, sees all of them once and in order. */
const followers: Check = ({ plans }) =>
  plans.flatMap((seen) => {
    if (seen.followed === null) return [];
    const [live, kept] = [seen.followed.map(({ id }) => id), seen.audit.events.map(({ id }) => id)];
    const at = kept.findIndex((id, place) => live[place] !== id);
    if (at === -1 && live.length === kept.length) return [];
    const what = `a follower saw ${live.length} events, ${kept.length} were written; they differ from number ${at === -1 ? kept.length : at} on`;
    return [{ invariant: 'I6', planId: seen.id, stepId: null, what }];
  });

/** I7: everything has ended. */
const ends: Check = ({ plans }) =>
  plans.flatMap((seen) => {
    const { status } = seen.audit.plan;
    return isEndedPlan(status) ? [] : [{ invariant: 'I7', planId: seen.id, stepId: null, what: `is still ${status}` } as const];
  });

/** I8: called again only where a retry was asked for or a fault hit the attempt, always under one key. */
const repeats: Check = ({ plans, faults }, calls) => {
  const known = new Map(plans.map((seen) => [seen.id, seen]));
  const violations: Violation[] = [];
  for (const call of calls) {
    if (!known.has(call.planId))
      violations.push({ invariant: 'I8', planId: call.planId, stepId: call.stepId, what: 'is of a plan that nobody made' });
    const ofKey = call.key.startsWith(`${call.planId}.${call.stepId}.`);
    if (!ofKey) violations.push({ invariant: 'I8', planId: call.planId, stepId: call.stepId, what: `has the key ${call.key}` });
  }
  for (const same of grouped(calls, ({ key }) => key).values()) {
    same.forEach((call, at) => {
      const next = same[at + 1];
      if (next === undefined) return;
      const report = (what: string) => violations.push({ invariant: 'I8', planId: call.planId, stepId: call.stepId, what });
      // The input of a step is the same in every call of it.
      if (next.hash !== call.hash) report(`was called with another input the second time, under ${call.key}`);
      if (isExplained(call, next, faults)) return;
      if (next.attempt > call.attempt && call.outcome !== 'end') return;
      report(`attempt ${call.attempt} (${call.outcome ?? 'no end'}) was followed by attempt ${next.attempt}, and no fault hit it`);
    });
  }
  return violations;
};

/** I9: what a fault hit goes on in time. */
const recoveries: Check = (observed) =>
  recoveriesIn(observed).flatMap(({ fault: { kind, pids, from }, ms, isDisturbed }) => {
    const limit = pids.length > 0 ? observed.recovery.crashMs : observed.recovery.redisMs;
    if (isDisturbed || ms <= limit) return [];
    const what = `${kind} at ${new Date(from).toISOString()}: work went on after ${ms} ms, it may take ${limit}`;
    return [{ invariant: 'I9', planId: null, stepId: null, what } as const];
  });

const CHECKS: readonly Check[] = [
  replays,
  outcomes,
  caps,
  cancels,
  approvals,
  followers,
  ends,
  repeats,
  recoveries,
  acknowledged,
  onePlanEach,
  plannedOnce,
  toldOfEnds,
];

export function violationsIn(observed: Observed): Violation[] {
  const calls = callsOf(observed.ledger);
  return CHECKS.flatMap((check) => check(observed, calls));
}
