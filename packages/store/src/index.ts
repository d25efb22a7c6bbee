export { keyIdOf, type NewKeySecret, newKeySecret, secretFits } from './api-key-secret.ts';
export { BullMqMismatchError } from './bullmq-scripts.ts';
export type { ConsumeOptions, Consumer, ConsumeStepsOptions, Lease, StepHandler, StepVerdict } from './consumers.ts';
export {
  type Accepted,
  type Answers,
  type ApiKeyStore,
  type AuditRecord,
  type ByHand,
  type Clock,
  type Decided,
  type Due,
  type EventLog,
  type GateDecision,
  type Idempotency,
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
  type Refusal,
  type Replay,
  type RequestHold,
  type ReviewStore,
  StoreFullError,
  StoreReplacedError,
  StoreUnavailableError,
  StoreUnpreparedError,
  type TaskStore,
  type ToolCatalogue,
  type TraceStore,
} from './contract.ts';
export { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from './embedded-redis.ts';
export { freePort } from './free-port.ts';
export type { ShardQueue } from './open-queues.ts';
export { type OpenStoreOptions, openStore, type Store } from './open-store.ts';
export type { Preparation, PrepareLogger, PrepareOptions, StoreFinding } from './prepare.ts';
export type { RateLimit, RateLimiter, RateState } from './rate-limits.ts';
export { checkRedis, type RedisCheck, type RedisCheckLogger, type RedisFinding } from './redis-check.ts';
export type { RedisSentinels, RedisTarget, RedisTls } from './redis-clients.ts';
export { checkStoreSettings, queueSettings, redisFrom, type StoreSettings, storeSettings } from './settings.ts';
export type {
  ClaimedStep,
  ClaimRefusal,
  ClaimReply,
  Delivery,
  Halt,
  Hold,
  JobLock,
  RecordRefusal,
  RecordReply,
  StepOutcome,
  StepStore,
} from './step-contract.ts';
export type { Completion, EarlyClaim } from './step-worker.ts';
export type { ObservedCommand } from './store-sockets.ts';
export type { QueueTotals, Totals, WaitingTotals } from './totals.ts';
export type { Ended, EndedKind, KeepLimits, Leftovers, Mending, Reconciler, Removal, Retention, TaskRecord } from './upkeep-contract.ts';
export type {
  Attempt,
  DeliveryStore,
  DeliveryToSend,
  HookOutbox,
  WebhookStore,
} from './webhook-contract.ts';
