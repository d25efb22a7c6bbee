/** Plans that must not run: each has its own reason why somebody might think that it may. */
import type { Plan, PlanDraft, StepDraft } from '@countersign/shared';
import { gated } from '../deciding.ts';
import { recordStep } from '../record-step.ts';
import { type Ground, MALLORY, type Target } from './ground.ts';

/** Asks for nobody wherever a plan can; has a gate that can ask at once, and a list. */
export function greedy(more: { tool?: string; fails?: boolean; options?: PlanDraft['options'] } = {}): PlanDraft {
  const { tool = 'test.record', fails = false, options = {} } = more;
  const steps: StepDraft[] = [
    recordStep('a', fails ? { failAttempts: 9, fatal: true } : {}, { tool }),
    gated('b'),
    recordStep('c', {}, { dependsOn: ['a'] }),
    recordStep('d', { value: '{{item}}' }, { forEach: [1, 2], maxItems: 2 }),
  ];
  return { objective: 'run without two people', steps, options: { autoApprove: true, requireApproval: false, ...options } };
}

const steps = (draft: PlanDraft): Pick<PlanDraft, 'steps' | 'options'> => ({
  steps: draft.steps,
  ...(draft.options && { options: draft.options }),
});

/** A revision by hand, as mallory. */
export async function changed(ground: Ground, plan: Plan, draft: PlanDraft): Promise<Plan> {
  const { body } = await ground.call('PUT', `/v1/plans/${plan.id}`, steps(draft), { 'if-match': plan.digest });
  return body.plan;
}

async function rejected(ground: Ground): Promise<Plan> {
  const plan = await ground.create(greedy());
  await ground.post(plan, 'reject', { digest: plan.digest, reason: 'no' }, { 'x-actor': 'bob' });
  return plan;
}

async function ofAnotherDigest(ground: Ground): Promise<Plan> {
  const former = await ground.approved({ ...greedy({ fails: true }), objective: 'approved before' }, 'failed');
  return changed(ground, former, greedy());
}

async function votedAlone(ground: Ground): Promise<Plan> {
  const plan = await ground.create(greedy());
  await ground.vote(plan, MALLORY);
  return plan;
}

/** Made under the current policy, each anew for each way. */
const UNAPPROVED = {
  'that nobody has approved': (ground: Ground) => ground.create(greedy()),
  'that one of two has approved, its submitter': votedAlone,
  'whose former digest two have approved': ofAnotherDigest,
  'that is a draft': (ground: Ground) => ground.create({ ...greedy(), draft: true }),
  'that is a draft which policy denies': (ground: Ground) => ground.create({ ...greedy({ tool: 'test.queued' }), draft: true }),
  'that somebody has rejected': rejected,
} as const satisfies Record<string, (ground: Ground) => Promise<Plan>>;

/** One of each, and one that two people have approved under a policy that is no more. */
export async function unapproved(ground: Ground, ofFormerPolicy: Plan): Promise<[why: string, target: Target][]> {
  const made = await Promise.all(Object.entries(UNAPPROVED).map(async ([why, make]) => [why, await make(ground)] as const));
  const all = [...made, ['that two have approved under another policy', ofFormerPolicy] as const];
  return Promise.all(all.map(async ([why, plan]) => [why, await ground.target(plan)] as [string, Target]));
}

/** While the former policy is in force. */
export async function approvedByTwoOfThree(ground: Ground): Promise<Plan> {
  const plan = await ground.create(greedy());
  for (const name of ['bob', 'cas']) await ground.post(plan, 'approve', { digest: plan.digest }, { 'x-actor': name });
  return plan;
}
