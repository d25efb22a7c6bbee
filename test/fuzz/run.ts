/** One run: requests of every kind, several at the same time, and what came of them. */
import { Agent } from 'node:http';
import { type Random, seededRandom } from '../random.ts';
import { type ApiDocument, readDocument } from './api-document.ts';
import { type Attempt, attemptText, KINDS, type Kind } from './attempt.ts';
import { exchange } from './exchange.ts';
import { judge } from './judge.ts';
import { Known } from './known.ts';
import { type Ground, headersAttempt, mutatedAttempt, textAttempt, validAttempt, validRequest } from './operation-requests.ts';
import { type AgentTool, agentAttempt, dashboardAttempt, streamAttempt } from './other-doors.ts';
import { bearer, type MemoryOf, memoriesOf, type Stage } from './stage.ts';
import { bytesAttempt, pathAttempt } from './wild-requests.ts';

export interface RunOptions {
  seed: number;
  requests: number;
  log(line: string): void;
}

export interface Seen {
  /** requests of each kind, and of those: how many the client left, or the connection broke as it had to */
  sent: Record<Kind, { all: number; left: number }>;
  /** answers by status and, of errors, code */
  statuses: Map<string, number>;
  /** of each operation the statuses that it answered */
  operations: Map<string, Set<number>>;
  problems: string[];
  /** what the services held after a third of the requests */
  warm: MemoryOf;
  durationMs: number;
}

const AT_ONCE = 8;
const MOST_PROBLEMS = 50;
const SAY_EVERY = 2_000;
const SHARES: readonly (readonly [number, Kind])[] = [
  [30, 'valid'],
  [26, 'mutated'],
  [11, 'text'],
  [10, 'headers'],
  [8, 'paths'],
  [6, 'bytes'],
  [4, 'agents'],
  [3, 'dashboard'],
  [2, 'streams'],
];

async function readJson<Value>(url: string, init: RequestInit = {}): Promise<Value> {
  const response = await fetch(url, { ...init, headers: { Authorization: bearer('ada'), ...init.headers } });
  return (await response.json()) as Value;
}

async function agentTools(url: string): Promise<AgentTool[]> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      Authorization: bearer('ada'),
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  });
  const [, data = '{}'] = /^data: (.+)$/m.exec(await response.text()) ?? [];
  const { result } = JSON.parse(data) as { result?: { tools: AgentTool[] } };
  if (result === undefined) throw new Error(`agents are offered no tools; the answer was ${response.status} ${data.slice(0, 300)}`);
  return result.tools;
}

export async function fuzz(stage: Stage, options: RunOptions): Promise<Seen> {
  const { url } = stage;
  const random = seededRandom(options.seed);
  const document = readDocument(await readJson(`${url}/openapi.json`));
  const { items: tools } = await readJson<{ items: Ground['tools'] }>(`${url}/v1/tools`);
  const ground: Ground = { document, known: new Known(), tools, receiverUrl: stage.receiver.url };
  const offered = await agentTools(url);
  const seen: Omit<Seen, 'warm' | 'durationMs'> = {
    sent: Object.fromEntries(KINDS.map((kind) => [kind, { all: 0, left: 0 }])) as Seen['sent'],
    statuses: new Map(),
    operations: new Map(document.operations.map(({ id }) => [id, new Set()])),
    problems: [],
  };
  const host = new URL(url).host;
  const make = (at: number): Attempt => attemptFor(at, random.fork(`request-${at}`), { ground, offered, host });
  const send = sender({ stage, ground, seen });
  const startedAt = performance.now();
  const third = Math.ceil(options.requests / 3);
  await several(0, third, (at) => send(make(at)));
  const warm = await memoriesOf(stage);
  await several(third, options.requests, (at) => {
    if (at % SAY_EVERY === 0) options.log(`${at} requests, ${seen.problems.length} problems`);
    return send(make(at));
  });
  return { ...seen, warm, durationMs: Math.round(performance.now() - startedAt) };
}

async function several(from: number, to: number, send: (at: number) => Promise<void>): Promise<void> {
  let next = from;
  const go = async (): Promise<void> => {
    while (next < to) await send(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, go));
}

function attemptFor(
  at: number,
  random: Random,
  { ground, offered, host }: { ground: Ground; offered: readonly AgentTool[]; host: string },
): Attempt {
  const { operations } = ground.document;
  // The dashboard and the endpoint of agents have requests of their own.
  const own = operations.filter(({ id }) => id !== 'mcp' && id !== 'dashboard');
  const kind = random.weighted(SHARES);
  // Each in turn, so that none is left out; and what makes plans more often, for without them there is little to do.
  const operation = random.chance(0.15) ? (own.find(({ id }) => id === 'createPlan') ?? own[0]) : own[at % own.length];
  if (operation === undefined) throw new Error('the document has no operations');
  const request = () => validRequest(operation, ground, random);
  switch (kind) {
    case 'valid':
      return following(validAttempt(request()));
    case 'mutated':
      return following(mutatedAttempt(request(), { random, tools: ground.tools }));
    case 'text': {
      const withBody = own.filter(({ body, id }) => body !== null && !id.endsWith('Webhook'));
      return textAttempt(validRequest(random.pick(withBody), ground, random), random);
    }
    case 'headers':
      return headersAttempt(request(), { random, host });
    case 'paths':
      return pathAttempt(ground, random);
    case 'bytes':
      return bytesAttempt(ground, { random, host });
    case 'agents':
      return agentAttempt(ground, offered, random);
    case 'dashboard':
      return dashboardAttempt(random);
    case 'streams':
      return streamAttempt(ground, random);
  }
}

/** A stream that is asked for is not read to its end, which may be far. */
const following = (attempt: Attempt): Attempt =>
  attempt.path.includes('/events') ? { ...attempt, leaves: 'after the first bytes' } : attempt;

function sender({ stage, ground, seen }: { stage: Stage; ground: Ground; seen: Omit<Seen, 'warm' | 'durationMs'> }) {
  const url = new URL(stage.url);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, timeout: 4_000 });
  const { document, known } = ground;
  const count = (key: string): void => void seen.statuses.set(key, (seen.statuses.get(key) ?? 0) + 1);
  const complain = (attempt: Attempt, what: string): void => {
    if (seen.problems.length < MOST_PROBLEMS) seen.problems.push(`${what}\n  to ${attemptText(attempt)}`);
  };
  return async (attempt: Attempt): Promise<void> => {
    const sent = seen.sent[attempt.kind];
    sent.all++;
    const exchanged = await exchange(attempt, { url, agent });
    if (exchanged.kind === 'broken') return complain(attempt, `no answer: ${exchanged.why}`);
    if (exchanged.kind === 'left') {
      sent.left++;
      return;
    }
    const { answer } = exchanged;
    const { problem, code, body } = judge(attempt, answer, document);
    count(code === null ? String(answer.status) : `${answer.status} ${code}`);
    noteOperation(attempt, answer.status, { document, seen });
    known.learn(answer.text, body);
    if (problem !== null) complain(attempt, problem);
  };
}

function noteOperation(
  { method, path, bytes }: Attempt,
  status: number,
  { document, seen }: { document: ApiDocument; seen: Pick<Seen, 'operations'> },
): void {
  if (bytes !== undefined) return;
  const id = document.find(method, path.split(/[?#]/)[0] ?? '')?.id;
  if (id !== undefined) seen.operations.get(id)?.add(status);
}
