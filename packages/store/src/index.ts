export { keyIdOf, type NewKeySecret, newKeySecret, secretFits } from './api-key-secret.ts';
export { BullMqMismatchError } from './bullmq-scripts.ts';
export type { ConsumeOptions, Consumer, ConsumeStepsOptions, Lease, StepHandler, StepVerdict } from './consumers.ts';
export {
  type Accepted,
  type Answers,
  type ApiKeyStore,
  type AuditRecord,
  type ByHand,
  type ClaimedStep,
  type ClaimRefusal,
  type ClaimReply,
  type Clock,
  type Decided,
  type Delivery,
  type Due,
  type Ended,
  type EndedKind,
  type EventLog,
  type GateDecision,
  type Halt,
  type Hold,
  type Idempotency,
  type KeepLimits,
  type Leftovers,
  type Mending,
  type NewApiKey,
  type NewPlan,
  type NewRevision,
  type Outcome,
  type PageRequest,
  type PlanningRequests,
  type PlanReview,
  type PlanStore,
  type PolicyNotice,
  type Readiness,
  type Reconciler,
  type RecordRefusal,
  type RecordReply,
  type Refusal,
  type Removal,
  type Replay,
  type RequestHold,
  type Retention,
  type ReviewStore,
  type StepOutcome,
  type StepStore,
  StoreUnavailableError,
  StoreUnpreparedError,
  type TaskRecord,
  type TaskStore,
  type ToolCatalogue,
  type TraceStore,
} from './contract.ts';
export { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from './embedded-redis.ts';
export type { ShardQueue } from './open-queues.ts';
export { type OpenStoreOptions, openStore, type Store } from './open-store.ts';
export type { Preparation, PrepareLogger } from './prepare.ts';
export type { RateLimit, RateLimiter, RateState } from './rate-limits.ts';
export { checkRedis, type RedisCheck, type RedisCheckLogger, type RedisFinding } from './redis-check.ts';
export type { RedisSentinels, RedisTarget, RedisTls } from './redis-clients.ts';
export { checkStoreSettings, queueSettings, redisFrom, type StoreSettings, storeSettings } from './settings.ts';
export type { Completion, EarlyClaim } from './step-worker.ts';
export type { ObservedCommand } from './store-sockets.ts';
export type { QueueTotals, Totals, WaitingTotals } from './totals.ts';
export type {
  Attempt,
  DeliveryStore,
  DeliveryToSend,
  HookOutbox,
  WebhookStore,
} from './webhook-contract.ts';
