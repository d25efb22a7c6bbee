/**
 * Where ways into execution are tried: a fleet under a policy that demands two approvals, one of them of somebody else than
 * the submitter, and denies one tool. `mallory` may do everything that an admin may, and does it all alone.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event, Plan, PlanDraft } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { removeFolder } from '../../remove-folder.ts';
import { type Receiver, startReceiver } from '../../webhooks/receiver.ts';
import { type Agent, connectAgent } from '../agent.ts';
import { type Answer, Fleet } from '../fleet.ts';
import { recordStep } from '../record-step.ts';
import { planReply, type ScriptedModel, startScriptedModel, written } from '../scripted-model.ts';

export const MALLORY = 'mallory';
const PATIENT = { timeout: 30_000, interval: 20 };

const noQueued = { name: 'no-queued', when: { tools: 'test.queued' }, then: { deny: 'not that tool' } };
const POLICIES = {
  /** before: three people, and nobody has them */
  former: { rules: [noQueued, { name: 'three', then: { approve: { count: 3 } } }] },
  current: { rules: [noQueued, { name: 'two', then: { approve: [{ count: 2 }, { count: 1, notSubmitter: true }] } }] },
};

const TEMPLATE = { description: 'Records.', parameters: { type: 'object' }, objective: 'record', steps: [recordStep('a')] };

/** What nobody but two people can bring about. */
const STARTS: readonly Event['type'][] = ['plan.approved', 'plan.started', 'step.ready', 'step.queued', 'step.started'];

/** A plan that nobody has approved as the policy wants it, and what had run of it before. */
export interface Target {
  plan: Plan;
  /** the ledger's calls, and the events that say that something starts, so far */
  before: { calls: string[]; starts: string[] };
}

interface OperationCall {
  method: string;
  pattern: RegExp;
  id: string;
  changes: boolean;
}

/** Owns the fleet, and what stands around it. */
export class Ground {
  readonly fleet: Fleet;
  readonly model: ScriptedModel;
  readonly receiver: Receiver;
  readonly store: Store;
  readonly redis: Redis;
  readonly steps: Queue;
  readonly agent: Agent;
  readonly operations: readonly OperationCall[];
  /** the operations and the tools of agents that were called */
  readonly called = new Set<string>();
  readonly #folder: string;

  private constructor(parts: Pick<Ground, 'fleet' | 'model' | 'receiver' | 'agent' | 'operations'> & { folder: string }) {
    const { url } = parts.fleet.redis;
    this.fleet = parts.fleet;
    this.model = parts.model;
    this.receiver = parts.receiver;
    this.agent = parts.agent;
    this.operations = parts.operations;
    this.#folder = parts.folder;
    this.store = openStore({ redis: { url } });
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
    this.steps = new Queue('steps', { connection: this.redis, prefix: '{cs0}:bull' });
  }

  /** With the former policy in force. */
  static async start(): Promise<Ground> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-ways-'));
    writeFileSync(join(folder, 'policy.json'), JSON.stringify(POLICIES.former));
    const templates = join(folder, 'templates');
    mkdirSync(templates);
    writeFileSync(join(templates, 'record.json'), JSON.stringify(TEMPLATE));
    const [model, receiver] = await Promise.all([startScriptedModel(), startReceiver()]);
    // Whatever it is asked, it answers with a step that would be seen.
    model.script(() => planReply(written('by-model')));
    const fleet = await Fleet.start({
      executors: 2,
      planner: model.env,
      env: {
        POLICY_FILE: join(folder, 'policy.json'),
        TEMPLATES_DIR: templates,
        DASHBOARD_WRITABLE: 'true',
        WEBHOOK_ALLOW_PRIVATE: '127.0.0.0/8',
        WEBHOOKS_EVERY_MS: '50',
        CLOCK_EVERY_MS: '100',
        RECONCILE_EVERY_MS: '200',
      },
    });
    const agent = await connectAgent({ url: `${fleet.url}/mcp`, headers: { 'x-actor': MALLORY } });
    const { paths } = (await fleet.call('GET', '/openapi.json')).body as {
      paths: Record<string, Record<string, { operationId: string; 'x-roles'?: string[] }>>;
    };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
        id: operation.operationId,
        changes: method !== 'get' && !(operation['x-roles'] ?? []).includes('viewer'),
      })),
    );
    return new Ground({ fleet, model, receiver, agent, operations, folder });
  }

  async close(): Promise<void> {
    await this.agent.client.close();
    await this.steps.close();
    this.redis.disconnect();
    await this.store.close();
    await this.fleet.close();
    await Promise.all([this.model.close(), this.receiver.close()]);
    removeFolder(this.#folder);
  }

  /** From here on the API and the planner have the current policy. */
  async changePolicy(): Promise<void> {
    writeFileSync(join(this.#folder, 'policy.json'), JSON.stringify(POLICIES.current));
    const again = ({ message }: Record<string, unknown>): boolean => message === 'policy loaded anew';
    await Promise.all([this.fleet.api?.logged(again), this.fleet.planner?.logged(again)]);
    const { body } = await this.fleet.call('GET', '/v1/policy');
    await vi.waitFor(async () => expect(await this.store.announcedPolicy()).toBe(body.policy.version), PATIENT);
  }

  /** A call of the API, as mallory unless another name is given. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const found = this.operations.find((operation) => operation.method === method && operation.pattern.test(path));
    if (found !== undefined) this.called.add(found.id);
    const answer = await this.fleet.call(method, path, {
      ...(body !== undefined && { body }),
      headers: { 'x-actor': MALLORY, ...headers },
    });
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(500);
    return answer;
  }

  post({ id }: Pick<Plan, 'id'>, action: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('POST', `/v1/plans/${id}/${action}`, body, headers);
  }

  /** A tool of agents, as mallory. */
  async tool(name: string, args: Record<string, unknown> = {}): Promise<void> {
    this.called.add(name);
    await this.agent.call(name, args);
  }

  async vote({ id, digest }: Pick<Plan, 'id' | 'digest'>, ...names: string[]): Promise<void> {
    for (const name of names) expect((await this.post({ id }, 'approve', { digest }, { 'x-actor': name })).status, name).toBe(200);
  }

  async create(draft: PlanDraft & { draft?: boolean }): Promise<Plan> {
    const { status, body } = await this.call('POST', '/v1/plans', draft);
    expect(status, JSON.stringify(body)).toBe(201);
    return body.plan;
  }

  /** Approved as the policy wants it, and run until it has that status. */
  async approved(draft: PlanDraft, status: Plan['status']): Promise<Plan> {
    const plan = await this.create(draft);
    await this.vote(plan, 'bob', 'cas');
    return this.fleet.until(plan.id, status);
  }

  async planned(task: object): Promise<Plan> {
    const { status, body } = await this.call('POST', '/v1/tasks', task);
    expect(status, JSON.stringify(body)).toBe(202);
    return this.planOf(body.task.id);
  }

  /** The plan of a task, once there is one. */
  async planOf(taskId: string): Promise<Plan> {
    await expect.poll(async () => (await this.fleet.task(taskId)).status, PATIENT).toBe('planned');
    return this.fleet.plan(String((await this.fleet.task(taskId)).planId));
  }

  /** Waits until the planner has answered what the plan asked. */
  async answered({ id }: Pick<Plan, 'id'>): Promise<void> {
    await expect.poll(async () => (await this.fleet.plan(id)).planning?.status, PATIENT).toMatch(/done|failed|dropped/);
  }

  async starts({ id }: Pick<Plan, 'id'>): Promise<string[]> {
    const { status, body } = await this.fleet.call('GET', `/v1/plans/${id}/audit`);
    if (status === 404) return [];
    return (body.events as Event[]).filter(({ type }) => STARTS.includes(type)).map(({ type, stepId = '' }) => `${type} ${stepId}`.trim());
  }

  async target(plan: Plan): Promise<Target> {
    return { plan, before: { calls: this.fleet.calls(plan.id), starts: await this.starts(plan) } };
  }

  /** A plan that two people approve, and that starts by the clock: once it is done, everything that moves plans has had its turn. */
  async everythingMoves(): Promise<void> {
    const startAt = new Date(Date.now() + 150).toISOString();
    const plan = await this.create({ objective: 'is run', steps: [recordStep('moved')], options: { startAt } });
    await this.vote(plan, 'bob', 'cas');
    await this.fleet.until(plan.id, 'completed');
    expect(this.fleet.calls(plan.id)).toEqual(['moved']);
  }

  async expectNothingStarted({ plan, before }: Target): Promise<void> {
    expect(this.fleet.calls(plan.id)).toEqual(before.calls);
    const { status, body } = await this.fleet.call('GET', `/v1/plans/${plan.id}`);
    if (status === 404) return;
    expect(body.plan.status).toMatch(/^(draft|pending_approval|rejected|cancelled|expired)$/);
    expect(await this.starts(plan)).toEqual(before.starts);
  }
}
