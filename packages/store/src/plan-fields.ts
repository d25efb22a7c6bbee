/** What the plan's hash keeps of its current revision, and what a revision's hash keeps, as flat lists of names and values. */
import { effectsOf, type PlanContent } from '@countersign/shared';
import type { NewPlan } from './contract.ts';

type Written = Pick<NewPlan, 'content' | 'digest' | 'decision'>;

/** Options that the scripts go by; absent where they are not set. */
function ruleFields({ options }: PlanContent): string[] {
  const { startAt, planTimeoutMs, approvalTimeoutMs, replan, summarize } = options;
  return [
    ...(startAt === null ? [] : ['startAt', String(Date.parse(startAt))]),
    ...(planTimeoutMs === null ? [] : ['planTimeoutMs', String(planTimeoutMs)]),
    ...(approvalTimeoutMs === null ? [] : ['approvalTimeoutMs', String(approvalTimeoutMs)]),
    ...(replan.maxRevisions === 0 ? [] : ['maxReplans', String(replan.maxRevisions)]),
    ...(summarize ? ['summarize', '1'] : []),
  ];
}

export const planFields = ({ content, digest, decision }: Written): string[] => [
  ...['digest', digest, 'description', content.description, 'options', JSON.stringify(content.options)],
  ...['effects', JSON.stringify(effectsOf(content)), 'quorum', String(decision.quorum)],
  ...(decision.quorum === 0 ? ['autoReason', JSON.stringify(decision.reason)] : []),
  ...ruleFields(content),
];

export const revisionFields = ({
  content,
  digest,
  origin,
  promptVersion,
  createdBy,
}: Pick<NewPlan, 'content' | 'digest' | 'origin' | 'promptVersion' | 'createdBy'>): string[] => [
  ...['digest', digest, 'origin', origin, 'createdBy', createdBy, 'content', JSON.stringify(content)],
  ...(promptVersion === undefined ? [] : ['promptVersion', promptVersion]),
];
