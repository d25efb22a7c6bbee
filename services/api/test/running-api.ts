/**
 * A real API on a free port, on a real Redis. Every answer that tests get from `call` is held against the documentation:
 * its status must be a documented one and its body must fit the documented schema.
 */
import { Writable } from 'node:stream';
import { createLogger, type Logger } from '@countersign/service';
import { type Json, type Plan, type Problem, problemSchema, stepIdempotencyKey, type ToolContract } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { afterEach, beforeEach, expect } from 'vitest';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { parseApiKeys } from '../src/identity/configured-keys.ts';
import { errorsOf } from '../src/openapi.ts';
import { OPERATIONS } from '../src/operations.ts';
import { type RunningApi, type ServerOptions, startApi } from '../src/server.ts';

export interface Reply<Body = never> {
  status: number;
  headers: Headers;
  text: string;
  body: Body;
}

export interface CallOptions {
  method?: string;
  body?: Json;
  /** sent as it is, instead of `body` */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  /** as whom */
  actor?: string;
  idempotencyKey?: string;
}

export interface TestApi {
  readonly url: string;
  readonly redisUrl: string;
  readonly store: Store;
  readonly running: RunningApi;
  /** what was logged, parsed */
  readonly log: Record<string, unknown>[];
  call<Body = Record<string, never>>(path: string, options?: CallOptions): Promise<Reply<Body>>;
}

export function collectingLogger(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n')) if (line !== '') lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  return { logger: createLogger({ service: 'api', destination }), lines };
}

const matches = (pattern: string, path: string): boolean => new RegExp(`^${pattern.replaceAll(/:[a-z]+/gi, '[^/]+')}$`).test(path);

/** Fails where an answer is not what the documentation says. */
function holdAgainstDocumentation(method: string, path: string, { status, headers, text }: Reply): void {
  const type = headers.get('content-type')?.split(';')[0] ?? '';
  if (status >= 400) {
    expect(type).toBe('application/problem+json');
    const problem = problemSchema.parse(JSON.parse(text));
    expect(problem.status).toBe(status);
    expect(problem.type).toBe(`/docs#error-${problem.code}`);
  }
  // The first one that fits, as the router does it.
  const definition = OPERATIONS.find((each) => each.method === method.toLowerCase() && matches(each.path, path));
  if (definition === undefined) return;
  if (status >= 400) expect(errorsOf(definition)).toContain((JSON.parse(text) as Problem).code);
  else {
    const answer = definition.answers[status];
    expect(answer, `${definition.id} is not documented to answer ${status}`).toBeDefined();
    const documented = answer?.content?.[type];
    if (text !== '') expect(documented, `${definition.id} is not documented to answer ${type}`).toBeDefined();
    if (type === 'application/json') documented?.schema.parse(JSON.parse(text));
  }
}

export async function callApi<Body>(url: string, path: string, options: CallOptions = {}): Promise<Reply<Body>> {
  const { body, raw, actor, idempotencyKey } = options;
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const method = options.method ?? (sent === undefined ? 'GET' : 'POST');
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(sent !== undefined && { 'Content-Type': 'application/json' }),
      ...(actor !== undefined && { 'X-Actor': actor }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
      ...options.headers,
    },
    ...(sent !== undefined && { body: sent }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  const reply = { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : undefined) as Body };
  holdAgainstDocumentation(method, path.split('?')[0] ?? '', reply as Reply);
  return reply;
}

const noOptions = { timeoutMs: null, retry: null, queue: null, examples: [] };
export const TOOLS: ToolContract[] = [
  {
    name: 'test.read',
    description: 'Reads.',
    risk: 'read',
    idempotent: true,
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, additionalProperties: false },
    outputSchema: null,
    ...noOptions,
  },
  {
    name: 'test.write',
    description: 'Writes.',
    risk: 'write',
    idempotent: true,
    inputSchema: { type: 'object' },
    outputSchema: null,
    ...noOptions,
  },
  {
    name: 'test.destroy',
    description: 'Destroys.',
    risk: 'destructive',
    idempotent: true,
    inputSchema: { type: 'object' },
    outputSchema: null,
    ...noOptions,
  },
  {
    name: 'human.input',
    description: 'Asks a person.',
    risk: 'read',
    idempotent: true,
    inputSchema: {
      type: 'object',
      properties: { question: { type: 'string' }, schema: { type: 'object' } },
      required: ['question'],
      additionalProperties: false,
    },
    outputSchema: null,
    ...noOptions,
    timeoutMs: 5_000,
  },
];

/** `keys` as the setting API_KEYS; '': access is controlled, without keys of that setting. */
export type ApiUse = { keys?: string } & Partial<
  Pick<
    ServerOptions,
    'heartbeatMs' | 'templates' | 'policy' | 'tokens' | 'limits' | 'trustedProxies' | 'corsOrigins' | 'dashboardWritable' | 'httpLimits'
  >
>;

/** An API for each test of this file, on the Redis of the file, with tools announced. */
export function useApi({ keys, ...options }: ApiUse = {}): TestApi {
  const redis = useTestRedis();
  let current: { store: Store; running: RunningApi; lines: Record<string, unknown>[] } | null = null;
  const api = () => {
    if (current === null) throw new Error('the API of this file is not started yet; use it inside a test or a hook');
    return current;
  };
  beforeEach(async () => {
    const { logger, lines } = collectingLogger();
    const store = openStore({ redis: { url: redis.url } });
    await store.announceTools(TOOLS);
    const parsed = keys === undefined ? null : keys === '' ? { ok: true as const, keys: [] } : parseApiKeys(keys);
    if (parsed?.ok === false) throw new Error(parsed.problems.join('\n'));
    const running = await startApi({
      store,
      logger,
      keys: parsed?.keys ?? null,
      host: '127.0.0.1',
      port: 0,
      ...options,
    });
    current = { store, running, lines };
  });
  afterEach(async () => {
    await current?.running.close();
    await current?.store.close();
    current = null;
  });
  return {
    get url() {
      return api().running.url;
    },
    get redisUrl() {
      return redis.url;
    },
    get store() {
      return api().store;
    },
    get running() {
      return api().running;
    },
    get log() {
      return api().lines;
    },
    call: (path, callOptions) => callApi(api().running.url, path, callOptions),
  };
}

/** Two steps: one reads, one writes what the first one read. */
export const twoSteps = (fields: Record<string, Json> = {}): Json => ({
  objective: 'Copy a text',
  steps: [
    { id: 'read', tool: 'test.read', input: { path: 'a.txt' } },
    { id: 'write', tool: 'test.write', input: { text: '{{read.output.text}}' } },
  ],
  ...fields,
});

export async function createPlan(api: TestApi, fields: Record<string, Json> = {}): Promise<Plan> {
  const { status, body } = await api.call<{ plan: Plan }>('/v1/plans', { body: twoSteps(fields) });
  expect(status).toBe(201);
  return body.plan;
}

/** What becomes of a step: its output, or the message of an error that no other attempt would mend. */
export type StepEnd = { output: Json } | { error: string };

/** Takes the steps of plans from their queue and ends each as `end` says of its id, until it is closed. */
export function runSteps(store: Store, end: (stepId: string) => StepEnd): { close(): Promise<void> } {
  return store.consumeSteps(
    async (job) => {
      const hold = { planId: job.planId, stepId: job.stepId, token: stepIdempotencyKey(job.planId, job.stepId, job.generation) };
      const claimed = await store.claimStep(job, { token: hold.token, executor: 'test' });
      if (!claimed.ok) throw new Error(`${job.stepId} could not be claimed: ${claimed.refusal}`);
      await store.beginStep(hold, null);
      const ended = end(job.stepId);
      if ('output' in ended) await store.completeStep(hold, JSON.stringify(ended.output));
      else await store.failStep(hold, { error: { code: 'tool_error', message: ended.error, retryable: false }, delayMs: 0 });
      return { word: 'output' in ended ? 'completed' : 'failed' };
    },
    { concurrency: 2, executor: 'test', persist: (call) => call(), onError: () => {} },
  );
}

/** Takes the steps of plans from their queue and completes each with this output, until it is closed. */
export const completeSteps = (store: Store, output: Json): { close(): Promise<void> } => runSteps(store, () => ({ output }));

/** Waits until a plan has this status. */
export async function whenPlan(api: TestApi, id: string, status: Plan['status']): Promise<Plan> {
  const read = async (): Promise<Plan> => (await api.call<{ plan: Plan }>(`/v1/plans/${id}`)).body.plan;
  await expect.poll(async () => (await read()).status, { timeout: 20_000 }).toBe(status);
  return read();
}
