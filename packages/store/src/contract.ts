/**
 * What the plan store can do. Every change is one verb and one Lua script; expected refusals are values, faults
 * (Redis away, out of memory) are thrown as `StoreUnavailableError`.
 */
import type {
  Actor,
  ApiKey,
  ApprovalItem,
  ErrorCode,
  Event,
  Json,
  Page,
  Plan,
  PlanContent,
  PlanDraft,
  PlanningRequest,
  PlanningRound,
  PlanStatus,
  PlanSummary,
  PolicyDecision,
  ReviewJob,
  Revision,
  RevisionContent,
  RevisionOrigin,
  Role,
  StepError,
  Submitter,
  Task,
  TaskError,
  TaskRequest,
  TaskStatus,
  ToolContract,
} from '@countersign/shared';

/** Why a transition did not happen. */
export interface Refusal {
  code: Extract<
    ErrorCode,
    | 'not_found'
    | 'wrong_state'
    | 'stale_digest'
    | 'already_voted'
    | 'idempotency_conflict'
    | 'forbidden'
    | 'policy_changed'
    | 'policy_denied'
  >;
  message: string;
  /** the status it was refused in, the current digest: what helps the caller on */
  detail: Record<string, string>;
}

export type Outcome<Value> = { ok: true; value: Value } | { ok: false; refusal: Refusal };

/** Names a call, so that repeating it gives the first answer again. */
export interface Idempotency {
  /** actor, path and Idempotency-Key, hashed */
  key: string;
  /** the digest of the call's JSON body */
  fingerprint: string;
}

/** An answer given before. `answer` is null while nobody has come to an answer yet. */
export interface Replay {
  resourceId: string;
  answer: { status: number; body: Json } | null;
}

/** What a creating or deciding call gives: the id of what it created or changed, and the first answer if there was one. */
export interface Accepted {
  id: string;
  replay: Replay | null;
}

export interface PageRequest<Status> {
  status?: Status | undefined;
  limit: number;
  cursor?: string | undefined;
}

export interface NewPlan {
  content: PlanContent;
  digest: string;
  origin: RevisionOrigin;
  /** of the prompts that a model was given; absent where none wrote it */
  promptVersion?: string | undefined;
  createdBy: string;
  /** absent: none are known */
  createdByRoles?: readonly Role[] | undefined;
  /** what policy decided: `auto` starts the plan at once, and what it denies is refused unless it is a draft */
  decision: PolicyDecision;
  /** stays a draft until it is submitted */
  draft?: boolean;
  /** the task that the plan answers, with the token of the planner that holds it */
  task?: { id: string; token: string };
  /** where its creation stands in a trace; the store keeps it as it is */
  trace?: string | null | undefined;
  idempotency?: Idempotency | undefined;
}

/** A planner's hold on what a plan asks of it. */
export interface RequestHold {
  planId: string;
  /** of the request */
  number: number;
  token: string;
}

export interface NewRevision {
  content: PlanContent;
  digest: string;
  origin: RevisionOrigin;
  promptVersion?: string | undefined;
  actor: Actor;
  /** whose plan it is for policy; absent: the actor's */
  submitter?: Submitter | undefined;
  /** what policy decided: `auto` starts the plan at once, and what it denies is refused */
  decision: PolicyDecision;
  /** the digest that the new revision was made from */
  basedOn: string;
  /** the planner's hold, where a request is answered with it */
  request?: RequestHold;
  idempotency?: Idempotency | undefined;
}

/** What policy decided about exactly this digest. */
export interface Decided {
  digest: string;
  decision: PolicyDecision;
}

/** A person's call on a plan. */
export interface ByHand {
  actor: Actor;
  idempotency?: Idempotency | undefined;
}

/** A person's vote on a gate. */
export interface GateDecision extends ByHand {
  data?: Json | undefined;
  comment?: string | undefined;
}

export interface AuditRecord {
  version: 1;
  plan: Plan;
  revisions: RevisionContent[];
  votes: Plan['approvals'];
  events: Event[];
  results: Record<string, { status: string; attempt: number; output: Json; error: StepError | null }>;
}

/** Tasks: queued -> planning -> planned | failed | cancelled. */
export interface TaskStore {
  /** Stores the task and queues its planning job. `draft` is the plan that its template came to; absent without one. */
  createTask(input: {
    request: TaskRequest;
    draft?: PlanDraft | undefined;
    actor: Actor;
    /** where its creation stands in a trace; the store keeps it as it is */
    trace?: string | null | undefined;
    idempotency?: Idempotency | undefined;
  }): Promise<Outcome<Accepted>>;
  /** The draft that the task was created with; null where it has none, or there is no such task. */
  getTaskDraft(taskId: string): Promise<PlanDraft | null>;
  getTask(taskId: string): Promise<Task | null>;
  listTasks(request: PageRequest<TaskStatus>): Promise<Page<Task>>;
  cancelTask(taskId: string, input: { actor: Actor; idempotency?: Idempotency | undefined }): Promise<Outcome<Accepted>>;
  /**
   * queued -> planning. `token` names this planner's hold on the task; a second call (the first planner died) takes the
   * task over, and everything recorded under the older token is refused.
   */
  startPlanning(taskId: string, token: string): Promise<Outcome<Task>>;
  recordRound(taskId: string, token: string, round: PlanningRound): Promise<Outcome<null>>;
  /** A planner that shuts down lets go of the task. Five losses of a planner fail a task; this is none. */
  releasePlanning(taskId: string, token: string): Promise<Outcome<null>>;
  failTask(taskId: string, token: string, error: TaskError): Promise<Outcome<null>>;
}

/** What people do to plans. */
export interface PlanStore {
  /** draft, or pending_approval, or (with `auto`) approved and executing; with `task`, that task becomes planned in the same step. */
  createPlan(plan: NewPlan): Promise<Outcome<Accepted>>;
  getPlan(planId: string): Promise<Plan | null>;
  listPlans(request: PageRequest<PlanStatus>): Promise<Page<PlanSummary>>;
  /** draft -> pending_approval, or on, by what policy decides now. */
  submitPlan(planId: string, input: ByHand & Decided): Promise<Outcome<Accepted>>;
  /**
   * A vote on exactly this digest, under exactly this version of the policy. Refused with `policy_changed` where the plan was
   * decided under another one: redecidePlan comes first.
   */
  approvePlan(
    planId: string,
    input: ByHand & { digest: string; policyVersion: string; comment?: string | undefined },
  ): Promise<Outcome<Accepted>>;
  /**
   * Records what another version of the policy decides about a plan that waits: its votes are void. Does nothing where the
   * plan was decided under that version already.
   */
  redecidePlan(planId: string, input: Decided): Promise<Outcome<null>>;
  rejectPlan(
    planId: string,
    input: { actor: Actor; digest: string; reason: string; idempotency?: Idempotency | undefined },
  ): Promise<Outcome<Accepted>>;
  cancelPlan(
    planId: string,
    input: { actor: Actor; reason?: string | undefined; idempotency?: Idempotency | undefined },
  ): Promise<Outcome<Accepted>>;
  /**
   * draft, pending_approval, failed, partial -> pending_approval (or on, with `auto`), with a new revision. Completed steps
   * that are the same in it stay completed. Content with the digest that the plan has makes none: it stays as it is.
   */
  revisePlan(planId: string, revision: NewRevision): Promise<Outcome<Accepted>>;
  /** Asks the planner for a new revision. Refused where one is being written, and where the plan could not be revised. */
  requestRevision(planId: string, input: ByHand & { feedback: string }): Promise<Outcome<Accepted>>;
  pausePlan(planId: string, input: ByHand): Promise<Outcome<Accepted>>;
  resumePlan(planId: string, input: ByHand): Promise<Outcome<Accepted>>;
  /** failed, partial -> executing. Without `from`: every failed, cancelled and skipped-behind-failure step. */
  retryPlan(planId: string, input: ByHand & { from?: readonly string[] | undefined }): Promise<Outcome<Accepted>>;
  retryStep(planId: string, stepId: string, input: ByHand): Promise<Outcome<Accepted>>;
  skipStep(planId: string, stepId: string, input: ByHand): Promise<Outcome<Accepted>>;
  approveGate(planId: string, stepId: string, input: GateDecision): Promise<Outcome<Accepted>>;
  rejectGate(planId: string, stepId: string, input: GateDecision): Promise<Outcome<Accepted>>;
  /** Removes an ended plan with all that belongs to it. Its task stays and says so. */
  deletePlan(planId: string): Promise<Outcome<null>>;
  listRevisions(planId: string): Promise<Revision[] | null>;
  getRevision(planId: string, revision: number): Promise<RevisionContent | null>;
  listApprovals(): Promise<ApprovalItem[]>;
  audit(planId: string): Promise<AuditRecord | null>;
}

/** What traces are made from. Asked only where something is traced. */
export interface TraceStore {
  /** Where the creation of a task or plan stands in a trace, as it was given; null: nowhere, or there is no such thing. */
  readTrace(id: string): Promise<string | null>;
  /** Since when a plan, or a gate of it, waits for people, in ms since 1970; null: it doesn't. */
  waitingSince(planId: string, stepId?: string): Promise<number | null>;
}

/** What a plan asks of the planner: revise, replan, summarise. */
export interface PlanningRequests {
  /**
   * queued -> planning, or a takeover, as with a task; gives the request. Refused when the plan has gone on without it.
   * A request that five planners did not survive fails.
   */
  startRequest(hold: RequestHold): Promise<Outcome<PlanningRequest>>;
  recordRequestRound(hold: RequestHold, round: PlanningRound): Promise<Outcome<null>>;
  /** A planner that shuts down lets go of the request. */
  releaseRequest(hold: RequestHold): Promise<Outcome<null>>;
  failRequest(hold: RequestHold, error: TaskError): Promise<Outcome<null>>;
  /** The summary: becomes the plan's `response`. */
  recordResponse(hold: RequestHold, response: string): Promise<Outcome<null>>;
}

/** What a revision's steps will do, by id: in words, and what a dry run gave; null where a tool says nothing. */
export type PlanReview = Record<string, { effects: string | null; dryRun: Json }>;

/** What executors find out for the people who are asked to approve a plan. */
export interface ReviewStore {
  /** False where the plan is gone, has another revision by now, or asks nobody any more: it was decided. */
  recordReview(job: ReviewJob, review: PlanReview): Promise<boolean>;
}

/** Something that a clock did to a plan. */
export interface Due {
  what: 'plan_started' | 'plan_expired' | 'plan_timed_out' | 'gate_expired';
  planId: string;
  stepId: string | null;
}

/** What deadlines do; docs/engine.md, the clock. */
export interface Clock {
  /** Does what is due by now. Safe to call at any time, also twice at once. */
  runDue(): AsyncIterable<Due>;
}

/** The log of what happened. */
export interface EventLog {
  /** Events after the stream id `after` ('0': from the first one). */
  readEvents(planId: string, options?: { after?: string; limit?: number }): Promise<Event[]>;
  /** The stream id of the newest event; '0' where there is none. */
  lastEventId(planId: string): Promise<string>;
  /** Replays from `after`, then goes on live; ends after the event that ended the plan, or when `signal` aborts. */
  tailEvents(planId: string, options: { after?: string; signal: AbortSignal }): AsyncIterable<Event>;
}

/** What the fleet's executors can do. Executors announce their tools; the API and planners read them. */
export interface ToolCatalogue {
  announceTools(contracts: readonly ToolContract[]): Promise<void>;
  /** Tools that an executor had and has no more, by name. Another executor that still has one announces it again with its next change. */
  retractTools(names: readonly string[]): Promise<void>;
  listTools(): Promise<ToolContract[]>;
  /** The names of the conditions that executors have in code. */
  announceConditions(names: readonly string[]): Promise<void>;
  listConditions(): Promise<string[]>;
  /**
   * Says that an executor still has these. What none says so of for long is forgotten by `forgetAnnounced`. A contract that
   * another executor has announced since stays.
   */
  renewAnnouncement(announcement: Announcement): Promise<void>;
}

export interface Announcement {
  contracts: readonly ToolContract[];
  /** names */
  conditions: readonly string[];
  /** the queues that it serves, that its tools name or that it limits */
  queues: readonly string[];
}

/** Which policy the APIs have: what planners let through without a person, under another one, needs a person. */
export interface PolicyNotice {
  announcePolicy(version: string): Promise<void>;
  /** The version that an API announced last; null where none ever has. */
  announcedPolicy(): Promise<string | null>;
}

export interface Answers {
  /**
   * Keeps the answer of a call that named itself, so that repeating it gives the same one, and gives the one that stands:
   * the first that was kept. `resourceId` is what the call created or changed.
   */
  saveAnswer(idempotency: Idempotency, answer: { status: number; body: Json }, resourceId: string): Promise<{ status: number; body: Json }>;
  /**
   * What a call of that name has led to before; null when there was none. Refused when its body was another one.
   * `resourceId` is the task or plan that the call is on; absent, it creates one.
   */
  findAnswer(idempotency: Idempotency, resourceId?: string): Promise<Outcome<Replay | null>>;
}

export interface NewApiKey {
  id: string;
  /** of its secret, hex; the secret itself is kept nowhere */
  digest: string;
  name: string;
  roles: readonly Role[];
  /** ISO 8601; null: never */
  expiresAt: string | null;
}

/** API keys that are made and revoked while the fleet runs. */
export interface ApiKeyStore {
  createKey(key: NewApiKey & { actor: Pick<Actor, 'id'>; idempotency?: Idempotency | undefined }): Promise<Outcome<Accepted>>;
  /** Revoked and expired keys can be read for 30 days more. */
  getKey(id: string): Promise<ApiKey | null>;
  /** With the digest of its secret, hex: for finding out who is calling, and for nothing else. */
  findKey(id: string): Promise<{ key: ApiKey; digest: string } | null>;
  listKeys(request: PageRequest<never>): Promise<Page<ApiKey>>;
  /** Refused from this moment on, by every process. Revoking a key twice is revoking it once. */
  revokeKey(id: string, input: { actor: Pick<Actor, 'id'> }): Promise<Outcome<null>>;
  noteKeyUse(id: string): Promise<void>;
}

/** Redis could not do it: nothing was changed, or the reply was lost. Trying again is safe. */
export class StoreUnavailableError extends Error {
  override readonly name: string = 'StoreUnavailableError';
}

/** Redis has reached its `maxmemory` and refused it: nothing was changed. */
export class StoreFullError extends StoreUnavailableError {}

/** The store is not to be used yet: it is still being prepared. The message says why, for the caller. */
export class StoreUnpreparedError extends StoreUnavailableError {
  override readonly name = 'StoreUnpreparedError';
}

/**
 * Redis does not hold the store that this process began with: it was emptied, or another one answers in its place. What is
 * not there may be in the right one, so nothing is answered and nothing is written. The message says what people can do.
 */
export class StoreReplacedError extends StoreUnavailableError {
  override readonly name = 'StoreReplacedError';
}

/** Whether the store can be used, and if not, why, in a word and for a person. */
export type Readiness =
  | { ready: true }
  | { ready: false; code: Extract<ErrorCode, 'store_unavailable' | 'migrating' | 'store_replaced'>; reason: string };
