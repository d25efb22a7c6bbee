/** The examples of the documentation; a test holds that each fits its schema. */
import {
  type ApiKey,
  type ApprovalItem,
  type DryRun,
  diffRevisions,
  type Event,
  type Plan,
  type PlanDiff,
  type PlanDraft,
  type PlanSummary,
  planOptionsSchema,
  type policySchema,
  type Revision,
  type RevisionContent,
  retryPolicySchema,
  type Step,
  type StepView,
  type Task,
  type Template,
  type ToolContract,
} from '@countersign/shared';
import type { AuditRecord } from '@countersign/store';
import type { z } from 'zod';

const TASK_ID = 'tsk_01k5r9v2m7xqt4w8n3fzbc';
const PLAN_ID = 'pln_01k5r9v4c2hd6s9p0gjyea';
export const DIGEST = 'sha256:4f9c1d7a2b8e6035c1f2a9d4e7b6805f3c2d1e0a9b8c7d6e5f4a3b2c1d0e9f8a';
const CREATED = '2026-03-02T09:15:00.000Z';
const STARTED = '2026-03-02T09:16:30.000Z';
const OBJECTIVE = 'Count the files of this repository';

export const apiKeyExample: ApiKey = {
  id: 'key_01k5r9t8w3ajn6v5q2xkfm',
  name: 'deploy-bot',
  roles: ['submitter'],
  createdAt: CREATED,
  createdBy: 'ada',
  expiresAt: '2026-06-01T00:00:00.000Z',
  lastUsedAt: null,
  revokedAt: null,
  revokedBy: null,
};

export const draftExample: PlanDraft = {
  objective: OBJECTIVE,
  description: 'Count first, then write the numbers down.',
  input: { root: '.' },
  steps: [
    { id: 'count', tool: 'fs.stats', description: 'Count files and lines', input: { path: '{{input.root}}' } },
    { id: 'note', tool: 'fs.write', input: { path: 'count.txt', content: 'Files: {{count.output.files}}' } },
  ],
  options: { maxParallelSteps: 2 },
};

const options = planOptionsSchema.parse(draftExample.options);

const step = (fields: Pick<Step, 'id' | 'tool' | 'description' | 'input' | 'dependsOn'>): Step => ({
  when: null,
  runIf: 'none_failed_min_one_success',
  retry: retryPolicySchema.parse({}),
  timeoutMs: 30_000,
  onError: 'stop',
  approval: null,
  forEach: null,
  maxItems: null,
  ifTrue: [],
  ifFalse: [],
  ...fields,
});
const countStep = step({
  id: 'count',
  tool: 'fs.stats',
  description: 'Count files and lines',
  input: { path: '{{input.root}}' },
  dependsOn: [],
});
const noteStep = step({
  id: 'note',
  tool: 'fs.write',
  description: '',
  input: { path: 'count.txt', content: 'Files: {{count.output.files}}' },
  dependsOn: ['count'],
});

export const toolExample: ToolContract = {
  name: 'fs.stats',
  description: 'Counts files, folders, bytes and lines below a folder of the workspace.',
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false },
  outputSchema: { type: 'object', properties: { files: { type: 'integer' }, lines: { type: 'integer' } } },
  timeoutMs: null,
  retry: null,
  queue: null,
  examples: [{ text: 'count the files in src', input: { path: 'src' } }],
};
const { examples: _examples, ...signedTool } = toolExample;

const waiting: Omit<StepView, keyof Step | 'risk' | 'effects' | 'dryRun'> = {
  secrets: [],
  resolvedInput: null,
  status: 'pending',
  reason: { kind: 'plan_not_started', text: 'the plan has not started', detail: {} },
  attempt: 0,
  generation: 1,
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  output: null,
  error: null,
  progress: null,
  gate: null,
  children: null,
};

export const planSummaryExample: PlanSummary = {
  id: PLAN_ID,
  taskId: TASK_ID,
  revision: 1,
  digest: DIGEST,
  status: 'pending_approval',
  objective: OBJECTIVE,
  description: 'Count first, then write the numbers down.',
  options,
  createdBy: 'alice',
  createdAt: CREATED,
  updatedAt: CREATED,
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  policy: {
    version: DIGEST,
    rule: 'writes',
    outcome: 'approve',
    demands: [{ count: 1, roles: [], notSubmitter: true, have: 0 }],
    reason: 'the rule "writes" asks for it',
    submitter: { actor: 'alice', roles: ['submitter'] },
    submitters: ['alice'],
  },
  quorum: 1,
  approvals: [],
  autoApproved: null,
  rejection: null,
  cancellation: null,
  progress: { total: 2, completed: 0, failed: 0, skipped: 0, cancelled: 0, running: 0, waiting: 2, percent: 0 },
  effects: { read: 1, write: 1, destructive: 0 },
};

export const planExample: Plan = {
  ...planSummaryExample,
  origin: 'rules',
  promptVersion: null,
  reviewedAt: CREATED,
  usage: { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null },
  input: { root: '.' },
  steps: [
    { ...countStep, ...waiting, risk: 'read', effects: 'counts what is under {{input.root}}', dryRun: null },
    { ...noteStep, ...waiting, risk: 'write', effects: 'writes count.txt', dryRun: null },
  ],
  response: null,
  error: null,
  planning: null,
};

export const taskExample: Task = {
  id: TASK_ID,
  status: 'queued',
  objective: OBJECTIVE,
  input: { root: '.' },
  options: { maxParallelSteps: 2 },
  tools: null,
  template: null,
  planId: null,
  planDeletedAt: null,
  createdBy: 'alice',
  createdByRoles: ['submitter'],
  createdAt: CREATED,
  updatedAt: CREATED,
  finishedAt: null,
  rounds: [],
  usage: { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null },
  error: null,
};

export const templateExample: Template = {
  name: 'count-files',
  description: 'Counts the files of a folder and writes the number down.',
  parameters: {
    type: 'object',
    properties: { root: { type: 'string', description: 'The folder', default: '.' } },
    additionalProperties: false,
  },
  objective: 'Count the files of {{input.root}}',
  steps: draftExample.steps,
  options: { maxParallelSteps: 2 },
  tools: null,
  digest: DIGEST,
};

export const revisionExample: Revision = {
  revision: 1,
  digest: DIGEST,
  origin: 'rules',
  promptVersion: null,
  createdAt: CREATED,
  createdBy: 'alice',
};

export const revisionContentExample: RevisionContent = {
  ...revisionExample,
  content: {
    objective: OBJECTIVE,
    description: planExample.description,
    input: planExample.input,
    steps: [countStep, noteStep],
    options,
    tools: {
      'fs.stats': signedTool,
      'fs.write': {
        ...signedTool,
        name: 'fs.write',
        description: 'Writes a text file of the workspace.',
        risk: 'write',
        outputSchema: null,
      },
    },
  },
};

const narrowed: RevisionContent = {
  ...revisionContentExample,
  revision: 2,
  digest: 'sha256:9a31c5e7d08f46b2a1c3e5f70918273645546372819a0b1c2d3e4f5061728394',
  origin: 'manual',
  createdAt: STARTED,
  content: {
    ...revisionContentExample.content,
    input: { root: 'src' },
    steps: [countStep, { ...noteStep, approval: { message: 'Write the numbers down?', quorum: 1 } }],
  },
};
export const diffExample: PlanDiff = diffRevisions(revisionContentExample, narrowed);

export const policyExample: z.infer<typeof policySchema> = {
  version: DIGEST,
  label: '2026-03',
  rules: [
    { name: 'deletes', when: { risk: ['destructive'] }, then: { approve: [{ count: 2, roles: ['operator'], notSubmitter: true }] } },
    { name: 'writes', when: { risk: ['write'] }, then: { approve: [{ count: 1, roles: [], notSubmitter: true }] } },
    { name: 'reads', when: {}, then: { auto: 'may' } },
  ],
  loadedAt: CREATED,
  problems: [],
};

export const dryRunExample: DryRun = {
  policy: { version: DIGEST, inForce: true },
  decision: {
    outcome: 'approve',
    rule: 'writes',
    demands: [{ count: 1, roles: [], notSubmitter: true }],
    reason: 'the rule "writes" asks for it',
  },
  trace: [
    { rule: 'deletes', matched: false, because: 'the highest risk of its tools is write, not destructive' },
    { rule: 'writes', matched: true, because: 'its conditions hold: risk' },
  ],
  facts: {
    options: { requireApproval: true, autoApprove: false },
    effects: { read: 1, write: 1, destructive: 0 },
    tools: ['fs.stats', 'fs.write'],
    steps: 2,
    submitter: { actor: 'alice', roles: ['submitter'] },
    costUsd: 0,
    origin: 'manual',
    rewritten: false,
    secrets: [],
  },
};

export const eventExample: Event = {
  id: '1772442990000-0',
  type: 'step.started',
  planId: PLAN_ID,
  taskId: TASK_ID,
  stepId: 'count',
  revision: 1,
  at: STARTED,
  attempt: 1,
  data: {},
};

export const approvalItemExample: ApprovalItem = {
  kind: 'plan',
  planId: PLAN_ID,
  digest: DIGEST,
  title: OBJECTIVE,
  since: CREATED,
  effects: planExample.effects,
  approvals: { count: 1, have: 0 },
};

export const gateItemExample: ApprovalItem = {
  kind: 'gate',
  planId: PLAN_ID,
  stepId: 'note',
  digest: DIGEST,
  title: 'Write the numbers down?',
  since: STARTED,
  deadline: '2026-03-02T10:16:30.000Z',
  effects: { read: 0, write: 1, destructive: 0 },
  review: 'writes 11 characters to count.txt',
  approvals: { count: 1, have: 0 },
};

export const auditExample: AuditRecord = {
  version: 1,
  plan: planExample,
  revisions: [revisionContentExample],
  votes: [],
  events: [eventExample],
  results: { count: { status: 'pending', attempt: 0, output: null, error: null } },
};
