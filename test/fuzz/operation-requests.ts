/** Requests to the documented operations: as they should be, and with everything about them turned into something else. */
import type { Random } from '../random.ts';
import type { ApiDocument, ApiOperation } from './api-document.ts';
import type { Attempt, Kind } from './attempt.ts';
import type { Known, KnownPlan } from './known.ts';
import { bent, mutated, mutatedText } from './mutations.ts';
import { oddBytes, oddName, oddText } from './oddities.ts';
import { type KnownTool, planDraft, planMembers, twistedDraft } from './plan-drafts.ts';
import { fittingValue } from './schema-values.ts';
import { ACTORS, type ActorName, bearer } from './stage.ts';

/** What requests are made from. */
export interface Ground {
  document: ApiDocument;
  known: Known;
  tools: readonly KnownTool[];
  /** where webhooks may be sent to */
  receiverUrl: string;
}

export interface Request {
  operation: ApiOperation;
  method: string;
  path: string;
  query: [string, string][];
  headers: [string, string][];
  body: unknown;
}

/** In which statuses, or `gate`, what an operation does is possible. */
const STATUSES: Readonly<Record<string, readonly string[]>> = {
  approvePlan: ['pending_approval'],
  rejectPlan: ['pending_approval'],
  submitPlan: ['draft'],
  pausePlan: ['executing'],
  resumePlan: ['paused'],
  retryPlan: ['failed', 'partial'],
  changePlan: ['draft', 'pending_approval', 'failed', 'partial'],
  revisePlan: ['draft', 'pending_approval', 'failed', 'partial'],
  deletePlan: ['completed', 'partial', 'failed', 'rejected', 'expired', 'cancelled'],
  approveGate: ['gate'],
  rejectGate: ['gate'],
  skipStep: ['gate', 'failed', 'partial'],
  retryStep: ['failed', 'partial'],
};

const OBJECTIVES = [
  'list the files in .',
  'read README.md',
  'count the files and then write the result to out.txt',
  'do what nobody understands',
];

function bodyOf({ id, body }: ApiOperation, plan: KnownPlan, { ground, random }: { ground: Ground; random: Random }): unknown {
  if (body === null) return undefined;
  const { document, known, tools, receiverUrl } = ground;
  if (id === 'createPlan' || id === 'validatePlan') {
    const draft = random.chance(0.2) ? body.example : planDraft(tools, random);
    return { ...(draft as object), ...(random.chance(0.3) && { draft: true }) };
  }
  if (id === 'changePlan') return { steps: (planDraft(tools, random) as { steps: unknown }).steps, ...planMembers(random) };
  if (id === 'createTask' && random.chance(0.7))
    return { objective: random.pick(OBJECTIVES), options: { autoApprove: random.chance(0.5) } };
  if (id === 'testPolicy' && random.chance(0.5)) return { plan: planDraft(tools, random) };
  // Each event is sent to each webhook: few are told of all.
  if (id === 'createWebhook' || id === 'updateWebhook') return { url: receiverUrl, events: [random.pick(['plan.ended', 'task.failed'])] };
  if (id === 'retryPlan') return random.chance(0.7) ? {} : { from: [random.pick(plan.stepIds)] };
  if (random.chance(0.2)) return body.example;
  const text = ({ name, pattern }: { name: string; pattern: string | undefined }): string | undefined => {
    if (name === 'digest') return plan.digest;
    if (name === 'planId') return known.id('plan', random);
    if (name === 'objective') return random.pick(OBJECTIVES);
    if (name === 'name') return `key-${random.between(1, 99)}`;
    if (pattern?.startsWith('^sha256')) return known.id('digest', random);
    return pattern?.includes('T(?:') ? new Date(1.8e12 + random.between(0, 1e9)).toISOString() : undefined;
  };
  return fittingValue(body.schema, { random, resolve: document.resolve, text });
}

function pathId(operation: ApiOperation, plan: KnownPlan, { known, random }: { known: Known; random: Random }): string {
  const [, , kind] = operation.path.split('/');
  if (kind === 'plans') return plan.id;
  return known.id(kind === 'tasks' ? 'task' : kind === 'webhooks' ? 'webhook' : 'key', random);
}

const actorOf = (random: Random): ActorName => (random.chance(0.85) ? 'ada' : random.pick(Object.keys(ACTORS) as ActorName[]));

/** A request that is right, as far as one can know. */
export function validRequest(operation: ApiOperation, ground: Ground, random: Random): Request {
  const { known } = ground;
  const plan = known.plan(random, STATUSES[operation.id]);
  const stepId = plan.gateIds.length > 0 && random.chance(0.8) ? random.pick(plan.gateIds) : random.pick([...plan.stepIds, 's0']);
  const query: [string, string][] = [];
  const headers: [string, string][] = [['Authorization', bearer(actorOf(random))]];
  let path = operation.path;
  for (const { name, in: where, schema } of operation.parameters) {
    if (where === 'path') {
      const value =
        { id: pathId(operation, plan, { known, random }), stepId, deliveryId: known.id('delivery', random), n: '1' }[name] ?? 'x';
      path = path.replace(`{${name}}`, value);
    } else if (where === 'query' && random.chance(0.4)) {
      const value = name === 'lastEventId' ? known.id('event', random) : name === 'cursor' ? known.id('plan', random) : null;
      query.push([name, value ?? String(fittingValue(schema, { random, resolve: ground.document.resolve, text: () => undefined }))]);
    } else if (name === 'If-Match') headers.push([name, random.chance(0.5) ? plan.digest : `"${plan.digest}"`]);
    else if (name === 'Last-Event-ID' && random.chance(0.3)) headers.push([name, known.id('event', random)]);
    else if (name === 'Idempotency-Key' && random.chance(0.3)) headers.push([name, `call-${random.between(1, 500)}`]);
    else if (name === 'X-Request-Id' && random.chance(0.1)) headers.push([name, `request-${random.between(1, 999)}`]);
  }
  return { operation, method: operation.method, path, query, headers, body: bodyOf(operation, plan, { ground, random }) };
}

const withQuery = ({ path, query }: Request): string =>
  query.length === 0
    ? path
    : `${path}?${query.map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`).join('&')}`;

function attemptOf(request: Request, kind: Kind, body: Buffer | null): Attempt {
  const type: [string, string][] =
    body === null
      ? []
      : [
          ['Content-Type', 'application/json'],
          ['Content-Length', String(body.length)],
        ];
  return { kind, method: request.method, path: withQuery(request), headers: [...request.headers, ...type], body };
}

const jsonBytes = (value: unknown): Buffer | null => (value === undefined ? null : Buffer.from(JSON.stringify(value)));

export const validAttempt = (request: Request): Attempt => attemptOf(request, 'valid', jsonBytes(request.body));

/** Its body, its query or an id in its path is something else. */
export function mutatedAttempt(request: Request, { random, tools }: { random: Random; tools: readonly KnownTool[] }): Attempt {
  const changed = { ...request, query: [...request.query] };
  if (request.body === undefined || random.chance(0.15)) {
    if (changed.query.length > 0 && random.chance(0.5))
      changed.query[0] = [changed.query[0]?.[0] ?? 'limit', oddText(random).slice(0, 1_000)];
    else if (random.chance(0.5)) changed.query.push([oddName(random).slice(0, 500), oddText(random).slice(0, 500)]);
    else
      changed.path = request.path
        .split('/')
        .map((part, at) => (at > 2 && random.chance(0.5) ? encodeURIComponent(bent(part, random).toWellFormed()) : part))
        .join('/');
  }
  if (request.body === undefined) return attemptOf(changed, 'mutated', null);
  const isPlan = request.operation.id === 'createPlan' || request.operation.id === 'validatePlan';
  const value = isPlan && random.chance(0.4) ? twistedDraft(tools, random) : mutated(request.body, random, { large: random.chance(0.02) });
  // `undefined` is what JSON.stringify gives for what is no JSON.
  return { ...attemptOf(changed, 'mutated', Buffer.from(JSON.stringify(value) ?? 'null')), isBroken: true };
}

/** The text of its body is no longer what it was. */
export const textAttempt = (request: Request, random: Random): Attempt =>
  attemptOf(request, 'text', mutatedText(JSON.stringify(request.body ?? {}), random));

const HEADERS: readonly (readonly [string, (random: Random) => string])[] = [
  [
    'Content-Type',
    (random) => random.pick(['text/plain', 'application/json; charset=utf-16', 'application/xml', '', ';', 'application/json;']),
  ],
  ['Content-Encoding', (random) => random.pick(['gzip', 'deflate', 'br', 'identity', 'x', 'gzip, gzip'])],
  ['Content-Length', (random) => random.pick(['0', '1', '-1', '99999999999', '1e3', '0x10', '10 10', '4000001', ''])],
  ['Transfer-Encoding', (random) => random.pick(['chunked', 'gzip, chunked', 'identity', 'chunked, chunked', 'x'])],
  ['Expect', (random) => random.pick(['100-continue', 'nothing'])],
  ['If-Match', (random) => random.pick(['*', 'W/"x"', '"sha256:00"', '', '"a", "b"', `"sha256:${'f'.repeat(64)}"`])],
  ['If-None-Match', (random) => random.pick(['*', '"x"'])],
  ['Idempotency-Key', (random) => random.pick(['', 'x', 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(300), 'ümlaut', 'a\tb', '\u007f'])],
  ['Last-Event-ID', (random) => random.pick(['', '-', '0-0-0', 'x', '99999999999999999999-99999999999999999999', '-1', '*', '$', '>'])],
  ['Host', (random) => random.pick(['', 'a.invalid', '[::1', 'localhost:99999', 'a b', '127.0.0.1'])],
  [
    'Authorization',
    (random) =>
      random.pick(['', 'Bearer', 'Bearer  ', 'Basic YTpi', 'Basic =', 'Bearer a.b.c', `Bearer ${'x'.repeat(8_000)}`, 'Bearer csk_x_y']),
  ],
  ['Accept', (random) => random.pick(['*/*', 'text/event-stream', 'application/xml', ';q=', 'a'.repeat(5_000)])],
  ['Accept-Encoding', (random) => random.pick(['gzip', '*;q=0', 'br;q=nan'])],
  ['X-Request-Id', (random) => random.pick(['', 'a b', '../../x', 'x'.repeat(129), '__proto__'])],
  ['X-Actor', (random) => random.pick(['', '__proto__', 'ada', 'x'.repeat(600)])],
  ['X-Forwarded-For', (random) => random.pick(['127.0.0.1', 'unknown', '::ffff:1.1.1.1, x', ','])],
  ['X-Forwarded-Proto', (random) => random.pick(['https', 'javascript'])],
  ['X-HTTP-Method-Override', (random) => random.pick(['DELETE', 'PATCH'])],
  [
    'Traceparent',
    (random) => random.pick(['00-x', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`, `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`]),
  ],
  ['Cookie', (random) => random.pick(['a=b', `a=${'x'.repeat(3_000)}`])],
  ['Origin', (random) => random.pick(['null', 'http://a.invalid', 'http://127.0.0.1'])],
  ['Range', (random) => random.pick(['bytes=0-0', 'bytes=-1', 'x'])],
  ['Upgrade', (random) => random.pick(['websocket', 'h2c'])],
  ['Trailer', () => 'X-Later'],
  ['Connection', (random) => random.pick(['upgrade', 'keep-alive, Host', 'close, close'])],
];

/** Its headers are something else, or more than one: written out, because no client would send them. */
export function headersAttempt(request: Request, { random, host }: { random: Random; host: string }): Attempt {
  const odd = Array.from({ length: random.between(1, 3) }, (): [string, string] => {
    const [name, value] = random.pick(HEADERS);
    return [name, random.chance(0.9) ? value(random) : oddBytes(random, random.between(1, 20)).toString('latin1')];
  });
  const body = jsonBytes(request.body) ?? Buffer.alloc(0);
  const usual: [string, string][] = [
    ['Host', host],
    ['Connection', 'close'],
    ...request.headers,
    ...(body.length > 0
      ? ([
          ['Content-Type', 'application/json'],
          ['Content-Length', String(body.length)],
        ] as [string, string][])
      : []),
  ];
  // In place of the usual one, or beside it.
  const kept = usual.filter(([name]) => !odd.some(([other]) => other === name) || random.chance(0.2));
  const many = random.chance(0.03)
    ? Array.from({ length: random.pick([60, 120, 2_500]) }, (_, at): [string, string] => [`X-${at}`, 'x'])
    : [];
  const lines = [
    `${request.method} ${withQuery(request)} HTTP/1.1`,
    ...[...kept, ...odd, ...many].map(([name, value]) => `${name}: ${value}`),
  ];
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  return { kind: 'headers', method: request.method, path: request.path, headers: [], body: null, bytes };
}
