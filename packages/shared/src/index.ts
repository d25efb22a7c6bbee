export { ACTOR_NAME, type Actor, isRole, ROLES, type Role } from './actor.ts';
export {
  type ApprovalItem,
  approveBody,
  type CreateTaskBody,
  cancelBody,
  createPlanBody,
  createTaskBody,
  createTaskFromTemplateBody,
  diffQuery,
  emptyBody,
  type FieldChange,
  gateBody,
  listPlansQuery,
  listTasksQuery,
  type Page,
  type PlanChange,
  type PlanDiff,
  type Problem,
  type RevisionContent,
  readPlanQuery,
  rejectBody,
  retryBody,
  reviseBody,
} from './api.ts';
export { type ApiKey, apiKeySchema, createKeyBody, listKeysQuery } from './api-key.ts';
export {
  type Condition,
  type ConditionResult,
  conditionReferences,
  evaluateCondition,
  type NamedCondition,
  type ParsedCondition,
  parseCondition,
} from './conditions.ts';
export { decidePolicy, needingPerson, type PolicyVerdict, plainDecision, quorumOf, type RuleTrace } from './decide-policy.ts';
export { countVotes, demandsText, isPlain, missingText, sumOf } from './demands.ts';
export { ERRORS, type ErrorCode } from './errors.ts';
export {
  type Event,
  type EventType,
  type FoldedPlan,
  foldEvents,
  PLAN_EVENT_TYPES,
  planStatusAfter,
  STEP_EVENT_TYPES,
  stepStatusAfter,
  TASK_EVENT_TYPES,
} from './events.ts';
export {
  API_KEY_ID,
  DELIVERY_ID,
  newId,
  PLAN_ID,
  RESERVED_STEP_IDS,
  STEP_ID,
  shardOf,
  stepIdempotencyKey,
  stepJobId,
  TASK_ID,
  WEBHOOK_ID,
} from './ids.ts';
export { ISSUE_CODES, type Issue, type IssueCode, pathText } from './issue.ts';
export { byteLength, canonicalJson, digestOf, isObject, type Json, type JsonObject, jsonDepth } from './json.ts';
export { isKnownBeforeStart, type KnownScope, resolveKnown } from './known-references.ts';
export { LIMITS } from './limits.ts';
export { linkSignals } from './linked-signal.ts';
export { plainLine } from './markdown-text.ts';
export { pinnedSteps } from './pinning.ts';
export {
  type Approval,
  type ChildView,
  childId,
  type Effects,
  effectsOf,
  type GateView,
  type GateVote,
  ON_ERROR,
  type OnError,
  type Plan,
  type PlanContent,
  type PlanDraft,
  type PlanningRequest,
  type PlanOptions,
  type PlanOptionsInput,
  type PlanSummary,
  type Progress,
  parseChildId,
  percentOf,
  planOptionsSchema,
  type Revision,
  type RevisionOrigin,
  RUN_IF,
  STEP_ERROR_CODES,
  type Step,
  type StepDraft,
  type StepError,
  type StepErrorCode,
  type StepProgress,
  type StepReason,
  type StepView,
} from './plan.ts';
export { diffRevisions } from './plan-diff.ts';
export { effectsText, planMarkdown } from './plan-markdown.ts';
export { planMermaid } from './plan-mermaid.ts';
export {
  type CountedDemand,
  DEFAULT_POLICY,
  type Demand,
  type PlanPolicy,
  type PolicyDecision,
  type PolicyInForce,
  type PolicyRule,
  type Submitter,
} from './policy.ts';
export {
  type DryRun,
  type DryRunBody,
  dryRunBody,
  dryRunSchema,
  type PastDryRun,
  type PolicyTrial,
  pastDryRunSchema,
} from './policy-dry-run.ts';
export { factsOf, factsOfPlan, type PolicyFacts } from './policy-facts.ts';
export { type PolicyProblem, type PolicyReading, readPolicy } from './policy-schema.ts';
export { type ExplainedRule, explainTrace } from './policy-trace.ts';
export {
  DUTIES,
  type Duty,
  MAINTENANCE_QUEUE,
  type MaintenanceJob,
  PLANNING_QUEUE,
  type PlanningJob,
  QUEUE_NAME,
  type QueueLimits,
  REVIEWS_QUEUE,
  type ReviewJob,
  STEPS_QUEUE,
  type StepJob,
  WEBHOOKS_QUEUE,
  type WebhookJob,
} from './queues.ts';
export {
  hasPlaceholder,
  isTemplate,
  lookUp,
  mapStrings,
  parseReference,
  parseTemplate,
  type Reference,
  type ReferenceScope,
  referencesIn,
  renderText,
  resolveReferences,
  walkStrings,
} from './references.ts';
export {
  approvalItemSchema,
  approvalSchema,
  auditRecordSchema,
  eventSchema,
  issueSchema,
  jsonSchema,
  planContentSchema,
  planDiffSchema,
  planDraftSchema,
  planningRoundSchema,
  planSchema,
  planSummarySchema,
  policySchema,
  problemSchema,
  revisionContentSchema,
  revisionSchema,
  stepViewSchema,
  taskSchema,
  templateSchema,
} from './resources.ts';
export { type RetryPolicy, retryDelay, retryPolicySchema } from './retry.ts';
export {
  SECRET_NAME,
  type SecretPlace,
  type SignedInput,
  secretName,
  secretNames,
  secretStandIn,
  secretsByStep,
  signedInput,
  stepSecrets,
  usesSecretsWords,
  withMarkers,
  withSecrets,
  writtenMarkers,
} from './secrets.ts';
export { shorten } from './shorten.ts';
export { asksAtOnce, CONDITION_TOOL, callsCode, HUMAN_INPUT_TOOL, inputReferences, stepReferences } from './step-references.ts';
export { STORE_FINDINGS, type StoreFindingCode } from './store-findings.ts';
export { tagEscaper } from './tag-escaper.ts';
export {
  MODEL_FORMATS,
  type ModelFormat,
  PLANNERS,
  type PlannerName,
  type PlanningRound,
  type Task,
  type TaskError,
  type TaskRequest,
  type TotalUsage,
  type Usage,
} from './task.ts';
export { TEMPLATE_NAME, type Template } from './template.ts';
export {
  contractChanges,
  RISKS,
  type Risk,
  type SignedToolContract,
  signedContract,
  TOOL_NAME,
  type ToolContract,
  toolContractSchema,
} from './tool-contract.ts';
export {
  canMove,
  ENDED_PLAN_STATUSES,
  ENDED_STEP_STATUSES,
  ENDED_TASK_STATUSES,
  isEndedPlan,
  isEndedStep,
  isEndedTask,
  PLAN_STATUSES,
  PLAN_TRANSITIONS,
  type PlanStatus,
  STEP_STATUSES,
  STEP_TRANSITIONS,
  type StepStatus,
  TASK_STATUSES,
  TASK_TRANSITIONS,
  type TaskStatus,
  type Transition,
} from './transitions.ts';
export { type ValidationResult, validateInputSecrets, validateOptions, validatePlan } from './validate.ts';
export type { ValidationContext } from './validation/context.ts';
export { pathProblem } from './validation/possible-paths.ts';
export {
  createWebhookBody,
  type DeliveryStatus,
  listDeliveriesQuery,
  type NewWebhook,
  updateWebhookBody,
  type Webhook,
  type WebhookChanges,
  type WebhookDelivery,
  webhookDeliverySchema,
  webhookSchema,
} from './webhook.ts';
export {
  WEBHOOK_EVENTS,
  WEBHOOK_TEST_TYPE,
  WEBHOOK_TYPES,
  type WebhookMessage,
  type WebhookSubscription,
  wantedEvents,
  webhookMessage,
  webhookTypesOf,
} from './webhook-events.ts';
export { writtenOptions } from './written-options.ts';
