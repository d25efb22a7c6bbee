/** The HTTP API as functions. */
import type {
  ApiKey,
  ApprovalItem,
  DryRun,
  Event,
  Json,
  Page,
  PastDryRun,
  Plan,
  PlanSummary,
  PolicyTrial,
  Task,
  ToolContract,
} from '@countersign/shared';
import { ApiError } from './errors.ts';
import { type EventsOptions, planEvents } from './plan-events.ts';
import type { CallOptions, ChangeOptions, GateName, MadeApiKey, NewApiKey, NewPlan, NewTask, PageQuery, PlansQuery } from './resources.ts';
import { type RunOptions, runAndWait } from './run-and-wait.ts';
import { type ClientOptions, type Request, transport } from './transport.ts';
import { waitForTask } from './wait-for-task.ts';

/** What a vote names: as it was read, so that it counts for exactly that and nothing else. */
export type Decided = Pick<Plan, 'id' | 'digest'>;

/**
 * Calls of the API. All of them throw an ApiError where the API refuses, and a ConnectionError where nobody answers.
 * Those that create or decide are named, and done once, also where they had to be repeated.
 */
export interface Client {
  submitTask(task: NewTask, options?: ChangeOptions): Promise<Task>;
  getTask(id: string, options?: CallOptions): Promise<Task>;
  /** Resolves once the task is planned, failed or cancelled. */
  waitForTask(id: string, options?: CallOptions): Promise<Task>;
  cancelTask(id: string, options?: ChangeOptions): Promise<Task>;

  createPlan(plan: NewPlan, options?: ChangeOptions): Promise<Plan>;
  getPlan(id: string, options?: CallOptions): Promise<Plan>;
  /** Newest first. */
  listPlans(query?: PlansQuery): Promise<Page<PlanSummary>>;
  /** A draft is then decided. */
  submit(id: string, options?: ChangeOptions): Promise<Plan>;
  /** Countersigns the digest that was read; where the plan has another one by now it is refused with `stale_digest`. */
  approve(plan: Decided, options?: ChangeOptions & { comment?: string | undefined }): Promise<Plan>;
  reject(plan: Decided, options: ChangeOptions & { reason: string }): Promise<Plan>;
  cancel(id: string, options?: ChangeOptions & { reason?: string | undefined }): Promise<Plan>;
  pause(id: string, options?: ChangeOptions): Promise<Plan>;
  resume(id: string, options?: ChangeOptions): Promise<Plan>;
  /** Without `from`, every step that failed, was cancelled, or was skipped behind a failure; with it, those and all that follow them. */
  retry(id: string, options?: ChangeOptions & { from?: string[] | undefined }): Promise<Plan>;
  /** A plan's events, each once and in order, live until the plan has ended. */
  events(planId: string, options?: EventsOptions): AsyncGenerator<Event, void, undefined>;

  /** What waits for people: plans and gates, oldest first. */
  listApprovals(options?: CallOptions): Promise<ApprovalItem[]>;
  readonly gates: {
    /** `data` is what later steps read as {{step.approval.data}}, and the answer of a `human.input` step. */
    approve(gate: GateName, options?: ChangeOptions & { data?: Json | undefined; comment?: string | undefined }): Promise<Plan>;
    reject(gate: GateName, options?: ChangeOptions & { comment?: string | undefined }): Promise<Plan>;
  };
  listTools(options?: CallOptions): Promise<ToolContract[]>;
  /** What a policy, the one in force or another, says of a plan; with `plans`, of those that are stored. Nothing is stored. */
  testPolicy(trial: PolicyTrial, options?: CallOptions): Promise<DryRun | PastDryRun>;
  /** API keys, for administrators. */
  readonly keys: {
    create(key: NewApiKey, options?: ChangeOptions): Promise<MadeApiKey>;
    list(query?: PageQuery): Promise<Page<ApiKey>>;
    revoke(id: string, options?: CallOptions): Promise<ApiKey>;
  };

  /** Has a task or plan carried out, tells of it on the way, and resolves with the plan once that has ended, however it did. */
  runAndWait(work: NewTask | NewPlan | { id: string }, options?: RunOptions): Promise<Plan>;
}

const ID = /^[A-Za-z]/;

/** An id as a part of a path. One that is empty or dots would name another path. */
function segment(kind: string, id: string): string {
  if (typeof id === 'string' && ID.test(id)) return encodeURIComponent(id);
  throw new TypeError(`${JSON.stringify(id)} is no id of a ${kind}`);
}

/** A name for a call that nobody has used. Not randomUUID: browsers have that on secure pages only. */
function newIdempotencyKey(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** Throws a TypeError for options that are wrong; nothing is connected before the first call. */
export function createClient(options: ClientOptions): Client {
  const http = transport(options);

  const call = async <Answer>(request: Request, member: string): Promise<Answer> => {
    const answer = await http.call(request);
    if (typeof answer === 'object' && answer !== null && member in answer) return answer as Answer;
    const detail = `the answer to ${request.method} ${request.path} has no \`${member}\`; is \`url\` that of the API?`;
    throw new ApiError({ status: 200, text: '', detail });
  };
  const read = <Answer>(path: string, member: string, { signal }: CallOptions = {}): Promise<Answer> =>
    call({ method: 'GET', path, signal }, member);
  const change = <Answer>(path: string, member: string, { body, options }: { body: unknown; options: ChangeOptions | undefined }) => {
    const { signal, idempotencyKey = newIdempotencyKey() } = options ?? {};
    return call<Answer>({ method: 'POST', path, body, headers: { 'Idempotency-Key': idempotencyKey }, signal }, member);
  };

  const onTask = async (path: string, body: unknown, options?: ChangeOptions): Promise<Task> =>
    (await change<{ task: Task }>(path, 'task', { body, options })).task;
  const onPlan = async (path: string, body: unknown, options?: ChangeOptions): Promise<Plan> =>
    (await change<{ plan: Plan }>(path, 'plan', { body, options })).plan;
  const decide = async (id: string, verb: string, { body = {}, options }: { body?: unknown; options: ChangeOptions | undefined }) =>
    onPlan(`/v1/plans/${segment('plan', id)}/${verb}`, body, options);
  const atGate = async ({ planId, stepId }: GateName, verb: string, { body, options }: { body: unknown; options: ChangeOptions }) =>
    decide(planId, `steps/${segment('step', stepId)}/${verb}`, { body, options });

  const client: Client = {
    submitTask: (task, options) => onTask('/v1/tasks', task, options),
    getTask: async (id, options) => (await read<{ task: Task }>(`/v1/tasks/${segment('task', id)}`, 'task', options)).task,
    waitForTask: (id, options) => waitForTask(client, id, options),
    cancelTask: async (id, options) => onTask(`/v1/tasks/${segment('task', id)}/cancel`, {}, options),
    createPlan: (plan, options) => onPlan('/v1/plans', plan, options),
    getPlan: async (id, options) => (await read<{ plan: Plan }>(`/v1/plans/${segment('plan', id)}`, 'plan', options)).plan,
    listPlans: ({ signal, status, limit, cursor } = {}) => read(`/v1/plans${queryText({ status, limit, cursor })}`, 'items', { signal }),
    submit: (id, options) => decide(id, 'submit', { options }),
    approve: ({ id, digest }, { comment, ...options } = {}) => decide(id, 'approve', { body: { digest, comment }, options }),
    reject: ({ id, digest }, { reason, ...options }) => decide(id, 'reject', { body: { digest, reason }, options }),
    cancel: (id, { reason, ...options } = {}) => decide(id, 'cancel', { body: { reason }, options }),
    pause: (id, options) => decide(id, 'pause', { options }),
    resume: (id, options) => decide(id, 'resume', { options }),
    retry: (id, { from, ...options } = {}) => decide(id, 'retry', { body: { from }, options }),
    events: (planId, options) => planEvents(http, `/v1/plans/${segment('plan', planId)}/events`, options),
    listApprovals: async (options) => (await read<{ items: ApprovalItem[] }>('/v1/approvals', 'items', options)).items,
    gates: {
      approve: (gate, { data, comment, ...options } = {}) => atGate(gate, 'approve', { body: { data, comment }, options }),
      reject: (gate, { comment, ...options } = {}) => atGate(gate, 'reject', { body: { comment }, options }),
    },
    testPolicy: (trial, { signal } = {}) => call({ method: 'POST', path: '/v1/policy/test', body: trial, signal }, 'policy'),
    listTools: async (options) => (await read<{ items: ToolContract[] }>('/v1/tools', 'items', options)).items,
    keys: {
      create: (key, options) => change('/v1/keys', 'key', { body: key, options }),
      list: ({ signal, limit, cursor } = {}) => read(`/v1/keys${queryText({ limit, cursor })}`, 'items', { signal }),
      revoke: async (id, { signal } = {}) =>
        (await call<{ key: ApiKey }>({ method: 'DELETE', path: `/v1/keys/${segment('key', id)}`, signal }, 'key')).key,
    },
    runAndWait: (work, options) => runAndWait(client, work, options),
  };
  return client;
}
