/** Requests through the doors beside the documented operations: agents', the dashboard's, and streams that nobody reads to their end. */
import type { Random } from '../random.ts';
import type { Attempt } from './attempt.ts';
import { mutated, mutatedText } from './mutations.ts';
import { oddText, oddValue } from './oddities.ts';
import type { Ground } from './operation-requests.ts';
import { planDraft } from './plan-drafts.ts';
import { fittingValue, type Schema } from './schema-values.ts';
import { bearer } from './stage.ts';

/** A tool that agents are offered. */
export interface AgentTool {
  name: string;
  inputSchema: Schema;
}

const VERSIONS = ['2025-11-25', '2026-07-28', '2024-11-05', '1', '__proto__', ''];

function argumentsOf({ name, inputSchema }: AgentTool, ground: Ground, random: Random): unknown {
  if (name === 'submit_plan') return planDraft(ground.tools, random);
  const plan = ground.known.plan(random);
  const text = ({ name: member }: { name: string }): string | undefined => {
    if (/plan/i.test(member)) return plan.id;
    if (/task/i.test(member)) return ground.known.id('task', random);
    if (/step/i.test(member)) return random.pick(plan.stepIds);
    return member === 'digest' ? plan.digest : undefined;
  };
  return fittingValue(inputSchema, { random, resolve: () => ({}), text });
}

/** A message of the Model Context Protocol. */
export function agentAttempt(ground: Ground, tools: readonly AgentTool[], random: Random): Attempt {
  const tool = random.pick(tools);
  const params = random.weighted<[string, unknown]>([
    [6, ['tools/call', { name: tool.name, arguments: argumentsOf(tool, ground, random) }]],
    [1, ['tools/list', {}]],
    [1, ['resources/list', { cursor: oddText(random).slice(0, 100) }]],
    [
      1,
      [
        'resources/read',
        { uri: random.pick([`countersign://plans/${ground.known.plan(random).id}`, 'file:///etc/passwd', oddText(random)]) },
      ],
    ],
    [1, ['initialize', { protocolVersion: random.pick(VERSIONS), capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } }]],
    [1, ['notifications/cancelled', { requestId: 1 }]],
    [1, [oddText(random).slice(0, 200), oddValue(random)]],
  ]);
  const message = { jsonrpc: '2.0', id: random.between(1, 99), method: params[0], params: params[1] };
  const sent = random.chance(0.5) ? message : mutated(message, random);
  const json = Buffer.from(JSON.stringify(random.chance(0.05) ? [sent, sent] : sent) ?? 'null');
  const body = random.chance(0.1) ? mutatedText(json.toString(), random) : json;
  return {
    kind: 'agents',
    method: 'POST',
    path: '/mcp',
    headers: [
      ['Authorization', bearer(random.pick(['ada', 'ada', 'vera', 'sam']))],
      ['Content-Type', 'application/json'],
      ['Content-Length', String(body.length)],
      ['Accept', random.chance(0.9) ? 'application/json, text/event-stream' : 'text/html'],
      ...(random.chance(0.7) ? ([['MCP-Protocol-Version', random.pick(VERSIONS)]] as const) : []),
    ],
    body,
    isBroken: true,
  };
}

const QUEUES = ['steps', 'planning', 'maintenance', 'webhooks', 'none', '__proto__', '..%2f', '%00', 'a:b'];
const STATES = [
  'active',
  'waiting',
  'completed',
  'failed',
  'delayed',
  'latest',
  'prioritized',
  'paused',
  'none',
  '__proto__',
  'waiting-children',
];

/** A look at the dashboard, or a hand on it. */
export function dashboardAttempt(random: Random): Attempt {
  const [queue, state] = [random.pick(QUEUES), random.pick(STATES)];
  const job = random.pick(['1', 'none', '__proto__', '0', '-1', '%25', 'x'.repeat(500)]);
  const number = (): string => random.pick(['1', '0', '-1', '1e9', 'NaN', '', '99999999999999999999', '1.5', 'x']);
  const api = '/admin/queues/api/queues';
  const [method, path] = random.weighted<[string, string]>([
    [4, ['GET', `${api}?activeQueue=${queue}&status=${state}&page=${number()}&jobsPerPage=${number()}`]],
    [3, ['GET', `${api}/${queue}/${job}`]],
    [2, ['GET', `${api}/${queue}/${job}/logs`]],
    [1, ['GET', '/admin/queues']],
    [1, ['GET', `/admin/queues/queue/${queue}?status=${state}`]],
    [1, ['GET', `/admin/queues/static/${random.pick(['x.js', '../x', '%2e%2e/x', 'favicon-32x32.png', '.htaccess', 'index.ejs'])}`]],
    [1, ['GET', `/admin/queues/api/${random.pick(['redis/stats', 'none', 'queues/steps/jobs', 'flows', '%zz'])}`]],
    [
      2,
      [
        random.pick(['PUT', 'POST', 'PATCH', 'DELETE']),
        `${api}/${queue}/${random.pick([`${job}/retry/failed`, `${job}/clean`, 'pause', 'add', 'empty', 'obliterate'])}`,
      ],
    ],
  ]);
  const body = method === 'GET' ? null : Buffer.from('{}');
  return {
    kind: 'dashboard',
    method,
    path,
    headers: [
      ['Authorization', bearer(random.pick(['ada', 'omar', 'vera']))],
      ...(body === null
        ? []
        : ([
            ['Content-Type', 'application/json'],
            ['Content-Length', '2'],
            ['Sec-Fetch-Site', 'same-origin'],
          ] as const)),
    ],
    body,
  };
}

/** Events of a plan, whose reader goes away. */
export function streamAttempt({ known }: Ground, random: Random): Attempt {
  const after = random.pick([known.id('event', random), '0', '', '99999999999999-0', 'x', '-', '$']);
  const inHeader = random.chance(0.5);
  const { id } = known.plan(random, random.chance(0.7) ? ['executing', 'pending_approval', 'paused'] : []);
  return {
    kind: 'streams',
    method: random.chance(0.95) ? 'GET' : 'HEAD',
    path: `/v1/plans/${id}/events${inHeader || random.chance(0.5) ? '' : `?lastEventId=${encodeURIComponent(after)}`}`,
    headers: [['Authorization', bearer('ada')], ...(inHeader && after !== '' ? ([['Last-Event-ID', after]] as const) : [])],
    body: null,
    leaves: random.pick(['at once', 'after the first bytes']),
  };
}
