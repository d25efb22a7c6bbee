/** A whole Countersign for a test file: Redis, API, planner, executors, each a process; and calls to its API. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Event, Plan, PlanDraft, Task } from '@countersign/shared';
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { expect } from 'vitest';
import { removeFolder } from '../remove-folder.ts';
import { type LedgerLine, readLedger } from './ledger.ts';
import { readyUrl, type ServiceName, type ServiceProcess, startService } from './processes.ts';

const TOOLS_DIR = fileURLToPath(new URL('../fixtures/tools/', import.meta.url));

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field, which is what the tests are about
  body: any;
  headers: Headers;
}

export interface FleetOptions {
  executors?: number;
  /** by rules; or with these settings */
  planner?: boolean | Record<string, string>;
  env?: Record<string, string>;
  /** prepares the Redis and gives the URL that the services are to use; absent: the server's own */
  redisUrl?: (redis: EmbeddedRedis) => Promise<string>;
}

/** Owns the processes and a folder; `close` ends and removes them. */
export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'countersign-test-'));
  readonly ledgerFile = join(this.folder, 'ledger.jsonl');
  readonly #env: Record<string, string>;
  readonly #services = new Set<ServiceProcess>();
  #redis: EmbeddedRedis;
  executors: ServiceProcess[] = [];
  planner: ServiceProcess | null = null;
  api: ServiceProcess | null = null;
  url = '';

  private constructor(redis: EmbeddedRedis, env: Record<string, string>) {
    this.#redis = redis;
    this.#env = env;
  }

  static async start({ executors = 2, planner = false, env = {}, redisUrl }: FleetOptions = {}): Promise<Fleet> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-redis-'));
    const redis = await startEmbeddedRedis({ dataDir: folder });
    const fleet = new Fleet(redis, redisUrl === undefined ? env : { ...env, REDIS_URL: await redisUrl(redis) });
    try {
      await fleet.startApi();
      if (planner !== false) await fleet.startPlanner(planner === true ? {} : planner);
      await Promise.all(Array.from({ length: executors }, () => fleet.startExecutor()));
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  #start(name: ServiceName, env: Record<string, string> = {}): ServiceProcess {
    const service = startService(name, {
      REDIS_URL: this.#redis.url,
      WORKSPACE_ROOT: this.folder,
      TOOLS_DIR,
      LEDGER: this.ledgerFile,
      LOG_LEVEL: 'debug',
      ...this.#env,
      ...env,
    });
    this.#services.add(service);
    return service;
  }

  get redis(): EmbeddedRedis {
    return this.#redis;
  }

  async startApi(): Promise<void> {
    this.api = this.#start('api', { HOST: '127.0.0.1', PORT: '0' });
    this.url = await readyUrl(this.api);
  }

  async startPlanner(env: Record<string, string> = {}): Promise<void> {
    this.planner = this.#start('planner', { PLANNER: 'rules', ...env });
    await this.planner.logged(({ message }) => message === 'waiting for tasks');
  }

  async startExecutor(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const executor = this.#start('executor', env);
    this.executors.push(executor);
    await executor.logged(({ message }) => message === 'executor takes steps');
    return executor;
  }

  /** kill -9, then the same port and folder. */
  async restartRedis(): Promise<void> {
    const { port, dataDir } = this.#redis;
    await this.#redis.kill();
    this.#redis = await startEmbeddedRedis({ port, dataDir });
  }

  async endServices(signal: NodeJS.Signals): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.end(signal)));
    this.#services.clear();
    this.executors = [];
  }

  async close(): Promise<void> {
    await this.endServices('SIGKILL');
    const { dataDir } = this.#redis;
    await this.#redis.stop();
    for (const folder of [dataDir, this.folder]) removeFolder(folder);
  }

  async call(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }

  /** A person's call on a plan or one of its steps, like `approve` or `steps/a/skip`, with its answer, whatever that is. */
  send(planId: string, action: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', `/v1/plans/${planId}/${action}`, { body, headers });
  }

  /** A new revision by hand; without `headers` it is made from the digest that the plan has here. */
  revise({ id, digest }: Pick<Plan, 'id' | 'digest'>, body: unknown, headers: Record<string, string> = { 'if-match': digest }) {
    return this.call('PUT', `/v1/plans/${id}`, { body, headers });
  }

  async createPlan(draft: PlanDraft & { draft?: boolean }): Promise<Plan> {
    const answer = await this.call('POST', '/v1/plans', { body: draft });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body.plan;
  }

  /** Creates a plan that needs nobody's approval, so that it starts at once. */
  async launch(draft: PlanDraft): Promise<Plan> {
    return this.createPlan({ ...draft, options: { requireApproval: false, ...draft.options } });
  }

  /** `launch`, and waits until the plan has that status. */
  async launchUntil(draft: PlanDraft, status: Plan['status'] = 'completed'): Promise<Plan> {
    return this.until((await this.launch(draft)).id, status);
  }

  /** What a person does with a plan or with a step of it, like `pause` or `steps/ask/approve`; it must be accepted. */
  async act(planId: string, action: string, body: object = {}): Promise<Plan> {
    const answer = await this.call('POST', `/v1/plans/${planId}/${action}`, { body });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body.plan;
  }

  async plan(planId: string): Promise<Plan> {
    return (await this.call('GET', `/v1/plans/${planId}`)).body.plan;
  }

  async task(taskId: string): Promise<Task> {
    return (await this.call('GET', `/v1/tasks/${taskId}`)).body.task;
  }

  async approve({ id, digest }: Pick<Plan, 'id' | 'digest'>): Promise<void> {
    const answer = await this.call('POST', `/v1/plans/${id}/approve`, { body: { digest } });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  }

  /** Waits until the plan has that status, or has ended with another one. */
  async until(planId: string, status: Plan['status'], timeout = 45_000): Promise<Plan> {
    let plan = await this.plan(planId);
    await expect
      .poll(
        async () => {
          plan = await this.plan(planId);
          return plan.status;
        },
        { timeout, interval: 25, message: JSON.stringify(plan.steps.filter(({ status: each }) => each !== 'completed').slice(0, 5)) },
      )
      .toBe(status);
    return plan;
  }

  /** The plan once an executor has looked at what its current revision will do: from then on it changes by people's hands alone. */
  async reviewed(planId: string, timeout = 30_000): Promise<Plan> {
    let plan = await this.plan(planId);
    const look = async (): Promise<string | null> => {
      plan = await this.plan(planId);
      return plan.reviewedAt;
    };
    await expect.poll(look, { timeout, interval: 25 }).not.toBeNull();
    return plan;
  }

  async run(draft: PlanDraft, status: Plan['status'] = 'completed'): Promise<Plan> {
    const plan = await this.createPlan(draft);
    await this.approve(plan);
    return this.until(plan.id, status);
  }

  ledger(planId: string): LedgerLine[] {
    return readLedger(this.ledgerFile, planId);
  }

  /** The steps whose tools were called, in that order, once for each call. */
  calls(planId: string): string[] {
    return this.ledger(planId)
      .filter(({ what }) => what === 'start')
      .map(({ stepId }) => stepId);
  }

  /** Waits until the ledger has that many lines that fit. */
  async untilLedger(planId: string, fits: (line: LedgerLine) => boolean, count = 1): Promise<void> {
    await expect.poll(() => this.ledger(planId).filter(fits).length, { timeout: 45_000, interval: 10 }).toBeGreaterThanOrEqual(count);
  }

  /** A file that steps with `holdUntil` wait for, and what makes it appear. */
  gate(name: string): { file: string; open(): void } {
    const file = join(this.folder, name);
    return { file, open: () => writeFileSync(file, '') };
  }

  async events(planId: string): Promise<Event[]> {
    return (await this.call('GET', `/v1/plans/${planId}/audit`)).body.events;
  }
}
