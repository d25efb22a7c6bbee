/** What a receiver of traces gets of a plan's life, from real processes. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Plan } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SentSpan, type SpanReceiver, startSpanReceiver } from '../traces/span-receiver.ts';
import { Fleet } from './fleet.ts';
import { type ServiceName, type ServiceProcess, startService } from './processes.ts';
import { recordStep } from './record-step.ts';
import { NONSENSE, planReply, type ScriptedModel, startScriptedModel, written } from './scripted-model.ts';

/** Stands in everything that people, models and tools put in, and must not stand in any span. */
const INSIDE = 'm4rkedvalue';
const SECRET = 'swordf1sh-s3cret';
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const LOADED = fileURLToPath(new URL('../fixtures/loaded-modules.mjs', import.meta.url));

let receiver: SpanReceiver;
let model: ScriptedModel;
let fleet: Fleet;
/** What http.request was sent with. */
const sentOn: IncomingHttpHeaders[] = [];
const site = createServer((request, response) => {
  sentOn.push(request.headers);
  response.end(INSIDE);
});
let siteUrl: string;
/** by a model, approved by a person */
let planned: Plan;
/** by hand */
let byHand: Plan;

beforeAll(async () => {
  await new Promise<void>((listening) => site.listen(0, '127.0.0.1', listening));
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  receiver = await startSpanReceiver();
  model = await startScriptedModel();
  fleet = await Fleet.start({
    executors: 1,
    planner: model.env,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-tenant=${encodeURIComponent('a tenant')}`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      HTTP_ALLOW_PRIVATE: '127.0.0.0/8',
      TRACE_HEADERS_TO: new URL(model.env.OPENAI_BASE_URL ?? '').host,
      SECRET_PIN: SECRET,
    },
  });
});
afterAll(async () => {
  await fleet?.close();
  await model?.close();
  await receiver?.close();
  site.close();
});

const named = (name: string, of: readonly SentSpan[] = receiver.spans): SentSpan[] => of.filter((span) => span.name === name);
const only = (name: string, of?: readonly SentSpan[]): SentSpan => {
  const found = named(name, of);
  expect(found.length, `${name} of ${(of ?? receiver.spans).map((span) => span.name).join(', ')}`).toBe(1);
  return found[0] as SentSpan;
};
const ofTrace = (traceId: string): SentSpan[] => receiver.spans.filter((span) => span.traceId === traceId);
const ofPlan = ({ id }: Pick<Plan, 'id'>): SentSpan[] =>
  ofTrace(receiver.spans.find(({ name, attributes }) => name === 'plan.create' && attributes['countersign.plan.id'] === id)?.traceId ?? '');
const has = (name: string, plan: Pick<Plan, 'id'>, count = 1) =>
  expect.poll(() => named(name, ofPlan(plan)).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);

test('a task goes through planning, an approval and steps of several tools, one of which is tried again', async () => {
  model.script([
    NONSENSE,
    planReply(
      written('twice', { value: INSIDE, failAttempts: 1 }),
      written('fetch', { url: `${siteUrl}/${INSIDE}?q=${INSIDE}` }, { tool: 'http.request', dependsOn: ['twice'] }),
      written('list', { path: '.' }, { tool: 'fs.list' }),
    ),
  ]);
  const { body } = await fleet.call('POST', '/v1/tasks', {
    body: { objective: `do ${INSIDE}`, input: { [INSIDE]: INSIDE }, options: { retry: { maxAttempts: 2, delayMs: 1 } } },
    headers: { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01`, tracestate: 'vendor=kept' },
  });
  await expect.poll(async () => (await fleet.task(body.task.id)).status, { timeout: 20_000 }).toBe('planned');
  const planId = String((await fleet.task(body.task.id)).planId);
  await fleet.approve(await fleet.reviewed(planId));
  planned = await fleet.until(planId, 'completed');
  await has('step http.request', planned);
  await has('plan.approve', planned);
  await has('plan.review', planned);
});

describe('the trace of a plan that a model wrote', () => {
  test('is that of the request that asked for it, with every parent in it', () => {
    const spans = ofPlan(planned);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([CALLER.traceId]));
    const ids = new Set([CALLER.spanId, ...spans.map(({ spanId }) => spanId)]);
    expect(spans.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map(({ name }) => name)).toEqual([]);
    expect(new Set(spans.map(({ service }) => service))).toEqual(
      new Set(['countersign-api', 'countersign-planner', 'countersign-executor']),
    );
  });

  test('goes from the request to the planning, the plan, the approval and the steps', () => {
    const spans = ofPlan(planned);
    const request = only('POST /v1/tasks', spans);
    const planning = only('task.plan', spans);
    const plan = only('plan.create', spans);
    expect(request).toMatchObject({
      parentSpanId: CALLER.spanId,
      kind: 2,
      attributes: { 'http.route': '/v1/tasks', 'http.response.status_code': 202 },
    });
    expect(planning).toMatchObject({ parentSpanId: request.spanId, kind: 5, attributes: { 'messaging.destination.name': 'planning' } });
    expect(plan).toMatchObject({
      parentSpanId: planning.spanId,
      attributes: { 'countersign.plan.id': planned.id, 'countersign.plan.steps': 3 },
    });
    for (const name of ['plan.review', 'plan.wait', 'plan.approve', 'step test.record', 'step http.request', 'step fs.list'])
      for (const span of named(name, spans)) expect(span.parentSpanId, name).toBe(plan.spanId);
  });

  test('has each round of the planner, with what it took, and the request to the model under it', () => {
    const spans = ofPlan(planned);
    const rounds = named('planner.round', spans).sort(
      (a, b) => Number(a.attributes['countersign.round.number']) - Number(b.attributes['countersign.round.number']),
    );
    expect(rounds.map(({ parentSpanId }) => parentSpanId)).toEqual(rounds.map(() => only('task.plan', spans).spanId));
    expect(rounds.map(({ attributes }) => attributes)).toMatchObject([
      { 'countersign.round.number': 1, 'error.type': 'model_not_json', 'gen_ai.request.model': 'scripted' },
      { 'countersign.round.number': 2, 'countersign.round.issues': 0, 'gen_ai.usage.input_tokens': expect.any(Number) },
    ]);
    const calls = spans.filter(({ name, kind, service }) => name === 'POST' && kind === 3 && service === 'countersign-planner');
    expect(calls.length).toBe(model.requests().length);
    for (const { parentSpanId } of calls) expect(rounds.map(({ spanId }) => spanId)).toContain(parentSpanId);
  });

  test('has a span for each attempt of a step, with what became of it', () => {
    const spans = ofPlan(planned);
    const attempts = named('step test.record', spans).sort(
      (a, b) => Number(a.attributes['countersign.step.attempt']) - Number(b.attributes['countersign.step.attempt']),
    );
    const common = {
      'countersign.plan.id': planned.id,
      'countersign.step.id': 'twice',
      'countersign.step.generation': 1,
      'countersign.tool': 'test.record',
    };
    expect(attempts).toMatchObject([
      {
        status: 2,
        attributes: { ...common, 'countersign.step.attempt': 1, 'countersign.step.outcome': 'retrying', 'error.type': 'tool_error' },
        events: [{ name: 'retry', attributes: { 'countersign.retry.delay_ms': 1 } }],
      },
      { status: 0, attributes: { ...common, 'countersign.step.attempt': 2, 'countersign.step.outcome': 'completed' } },
    ]);
    for (const { attributes } of attempts) expect(attributes['countersign.executor']).toEqual(expect.any(String));
  });

  test('shows how long people were waited for, and leads to the request of who decided, and back', () => {
    const spans = ofPlan(planned);
    const approval = only('plan.approve', spans);
    const [link] = approval.links;
    const request = receiver.spans.find(({ spanId }) => spanId === link?.spanId) as SentSpan;
    expect(request).toMatchObject({ name: 'POST /v1/plans/:id/approve', attributes: { 'countersign.plan.id': planned.id } });
    expect(request.traceId).not.toBe(approval.traceId);
    expect(request.links).toEqual([{ traceId: approval.traceId, spanId: approval.spanId }]);
    expect(only('plan.wait', spans).durationMs).toBeGreaterThanOrEqual(0);
  });

  test('has the commands of the store under what they were for', () => {
    const spans = ofPlan(planned);
    expect(only('redis create-plan', spans).parentSpanId).toBe(only('plan.create', spans).spanId);
    expect(only('redis create-task', spans).parentSpanId).toBe(only('POST /v1/tasks', spans).spanId);
    expect(named('redis fail-step', spans).map(({ parentSpanId }) => parentSpanId)).toEqual([
      named('step test.record', spans).find(({ status }) => status === 2)?.spanId,
    ]);
  });

  test('has the request of http.request, without its address; and hosts that are not named are not told of it', () => {
    const spans = ofPlan(planned);
    const get = only('GET', spans);
    expect(get).toMatchObject({ kind: 3, parentSpanId: only('step http.request', spans).spanId });
    const seen = {
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
    };
    expect(get.attributes).toEqual(seen);
    expect(sentOn.length).toBeGreaterThan(0);
    for (const headers of sentOn) expect(headers).not.toHaveProperty('traceparent');
    expect(model.requests().map(({ headers }) => headers.traceparent)).toEqual(
      model.requests().map(() => expect.stringContaining(CALLER.traceId)),
    );
  });
});

test('a plan by hand has a trace of its own, also what fails in it, and a gate that asks', async () => {
  const closed = await startSpanReceiver();
  await closed.close();
  byHand = await fleet.createPlan({
    objective: INSIDE,
    input: { [INSIDE]: INSIDE },
    steps: [
      recordStep('asks', { value: INSIDE }, { approval: { message: `Go on with ${INSIDE}?` } }),
      {
        ...{ id: 'refused', tool: 'http.request', dependsOn: ['asks'] },
        input: { url: `${closed.url}/${INSIDE}?q=${INSIDE}`, headers: { 'user-agent': INSIDE, authorization: { $secret: 'PIN' } } },
      },
    ],
  });
  await fleet.approve(byHand);
  await expect.poll(async () => (await fleet.plan(byHand.id)).steps[0]?.status, { timeout: 20_000 }).toBe('awaiting_approval');
  await fleet.act(byHand.id, 'steps/asks/approve', { comment: INSIDE, data: { [INSIDE]: INSIDE } });
  await fleet.until(byHand.id, 'failed');
  await has('step http.request', byHand);
  await has('gate.approve', byHand);
  const spans = ofPlan(byHand);
  const plan = only('plan.create', spans);
  expect(only('POST /v1/plans', spans)).toMatchObject({ parentSpanId: '', spanId: plan.parentSpanId });
  for (const name of ['gate.wait', 'gate.approve'])
    expect(only(name, spans)).toMatchObject({ parentSpanId: plan.spanId, attributes: { 'countersign.step.id': 'asks' } });
  expect(only('step http.request', spans)).toMatchObject({
    status: 2,
    attributes: { 'countersign.step.outcome': 'failed', 'error.type': 'tool_error' },
  });
});

test('no span has anything of what people, models and tools put in', () => {
  expect(receiver.spans.length).toBeGreaterThan(30);
  for (const text of receiver.texts) {
    expect(text).not.toContain(INSIDE);
    expect(text).not.toContain(SECRET);
    expect(text).not.toMatch(/exception\.message|stacktrace/);
    if (text.includes('countersign-executor')) expect(text).not.toContain('127.0.0.1');
  }
});

test('the receiver is sent the headers of the settings, and what the services run in', () => {
  expect(receiver.headers.every((headers) => headers['x-tenant'] === 'a tenant')).toBe(true);
  expect(receiver.texts.every((text) => text.includes('deployment.environment.name'))).toBe(true);
});

test('lines of the log say where they stand in a trace', () => {
  const log = (service: ServiceProcess | null | undefined) => service?.log() ?? [];
  const planning = log(fleet.planner).find(({ message, taskId }) => message === 'planned' && taskId === planned.taskId);
  expect(planning).toMatchObject({ trace_id: CALLER.traceId, span_id: only('task.plan', ofPlan(planned)).spanId });
  const failed = log(fleet.executors[0]).find(({ message, planId }) => message === 'step attempt failed' && planId === planned.id);
  expect(failed).toMatchObject({ trace_id: CALLER.traceId });
  expect(log(fleet.api).find(({ route, message }) => route === '/v1/tasks' && message === 'request')).toMatchObject({
    trace_id: CALLER.traceId,
  });
});

test('what is left is handed over when a process ends', async () => {
  const before = receiver.spans.length;
  await fleet.call('GET', '/v1/tools');
  expect(await fleet.api?.end()).toBe(0);
  expect(named('GET /v1/tools', receiver.spans.slice(before)).length).toBe(1);
});

/** Services on the fleet's Redis, from their start to their end by SIGTERM; gives what each had loaded of OpenTelemetry. */
async function live(names: readonly ServiceName[], env: Record<string, string>, work: (services: ServiceProcess[]) => Promise<void>) {
  const settings = { REDIS_URL: fleet.redis.url, PORT: '0', PLANNER: 'rules', NODE_OPTIONS: `--import=${LOADED}`, ...env };
  const services = names.map((name) => startService(name, settings));
  await Promise.all(services.map((service) => service.logged(({ message }) => message === 'started')));
  await work(services);
  expect(await Promise.all(services.map((service) => service.end()))).toEqual(names.map(() => 0));
  return services.map((service) => service.log().find(({ message }) => message === 'loaded')?.modules as string[]);
}

async function someRequests([api]: ServiceProcess[]): Promise<void> {
  const line = await api?.logged(({ url }) => typeof url === 'string');
  for (let i = 0; i < 3; i++) expect((await fetch(`${line?.url}/v1/plans`)).status).toBe(200);
}

test('where it is disabled nothing of it is loaded, and the receiver is not called', async () => {
  const connections = receiver.connections();
  const disabled = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SDK_DISABLED: 'true' };
  expect(await live(['api'], disabled, someRequests)).toEqual([[]]);
  expect(receiver.connections()).toBe(connections);
});

test('a receiver that is away: a warning, and the service goes on and ends as ever', async () => {
  const away = await startSpanReceiver();
  await away.close();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: away.url, OTEL_BSP_SCHEDULE_DELAY: '20', OTEL_EXPORTER_OTLP_TIMEOUT: '200' };
  const isAboutTraces = ({ message }: Record<string, unknown>): boolean => String(message).includes('problem with traces');
  const [loaded] = await live(['api'], env, async ([api]) => {
    await someRequests([api as ServiceProcess]);
    await api?.logged(isAboutTraces);
    await someRequests([api as ServiceProcess]);
    expect(api?.log().filter(isAboutTraces)).toMatchObject([{ level: 'warn' }]);
  });
  expect(loaded).toContain('sdk-trace-node');
});
