/** What the plan's hash keeps of its current revision, and what a revision's hash keeps, as flat lists of names and values. */
import { effectsOf, type PlanContent, type PolicyDecision, quorumOf, type Submitter } from '@countersign/shared';
import type { NewPlan } from './contract.ts';

type Written = Pick<NewPlan, 'content' | 'digest' | 'decision'> & { submitter: Submitter };

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

/** The decision as the scripts keep it, with the quorum that it comes to. How it came about is nobody's business later. */
export function decisionTexts({ version, rule, outcome, demands, reason }: PolicyDecision): [decision: string, quorum: string] {
  return [JSON.stringify({ version, rule, outcome, demands, reason }), String(quorumOf({ demands }))];
}

function decisionFields(decision: PolicyDecision): string[] {
  const [policy, quorum] = decisionTexts(decision);
  return ['policy', policy, 'quorum', quorum];
}

export const planFields = ({ content, digest, decision, submitter }: Written): string[] => [
  ...['digest', digest, 'description', content.description, 'options', JSON.stringify(content.options)],
  ...['effects', JSON.stringify(effectsOf(content)), 'submitter', JSON.stringify(submitter)],
  ...decisionFields(decision),
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
