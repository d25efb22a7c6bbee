import { once } from 'node:events';
import { request } from 'node:http';
import { type Json, LIMITS, ROLES } from '@countersign/shared';
import { describe, expect, it } from 'vitest';
import { callTool, sendMessage } from '../../test/mcp-call.ts';
import { createPlan, twoSteps, useApi } from '../../test/running-api.ts';
import { MCP_TOOLS } from './tools.ts';

const LIST = { jsonrpc: '2.0', id: 7, method: 'tools/list' };
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

describe('without keys', () => {
  const api = useApi();

  it('lists the tools to whoever asks, without a session', async () => {
    const { status, headers, body } = await sendMessage(api.url, LIST);
    expect([status, headers.get('mcp-session-id')]).toEqual([200, null]);
    expect(body.result.tools.map(({ name }: { name: string }) => name)).toEqual(MCP_TOOLS.map(({ definition }) => definition.name));
  });

  it.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])(
    'agrees on %s with a client that speaks it',
    async (protocolVersion) => {
      const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
      const { body } = await sendMessage(api.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
      expect(body.result).toMatchObject({
        protocolVersion,
        serverInfo: { name: 'countersign' },
        capabilities: { tools: {}, resources: {} },
      });
    },
  );

  it('acts as whoever X-Actor names', async () => {
    const { body } = await callTool(api.url, 'submit_plan', twoSteps(), { headers: { 'X-Actor': 'ada' } });
    expect(body.result.structuredContent.plan.createdBy).toBe('ada');
  });

  it('names plans by the address that the client called', async () => {
    const { body } = await callTool(api.url, 'submit_plan', twoSteps());
    const { url } = body.result.structuredContent.plan;
    expect(url.startsWith(`${api.url}/v1/plans/pln_`)).toBe(true);
    const page = await fetch(url);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/markdown; charset=utf-8']);
  });

  it.each(['GET', 'DELETE', 'PUT'])('%s, which is for sessions or nothing, is refused', async (method) => {
    const { status, headers, body } = await sendMessage(api.url, null, { method });
    expect([status, headers.get('allow'), body.code]).toEqual([405, 'POST, OPTIONS', 'method_not_allowed']);
  });

  it.each([
    ['no JSON', '{"jsonrpc": "2.0",', 400, -32_700],
    ['JSON that is no message', '{"hello": 1}', 400, -32_600],
    ['a message of another version', '{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}', 400, -32_600],
    ['nothing', '', 400, -32_600],
    ['what is nested too deep', nested(LIMITS.jsonDepth + 3), 422, -32_600],
    ['too much', `"${'x'.repeat(LIMITS.bodyBytes)}"`, 413, -32_600],
  ])('%s is refused as the protocol says', async (_what, raw, status, code) => {
    const reply = await sendMessage(api.url, null, { raw });
    expect([reply.status, reply.body.jsonrpc, reply.body.error.code]).toEqual([status, '2.0', code]);
    expect(reply.body.error.message).not.toBe('');
  });

  it('says where JSON stops being JSON', async () => {
    const { body } = await sendMessage(api.url, null, { raw: '{"jsonrpc": "2.0", "id": nul}' });
    expect(body.error).toMatchObject({ message: expect.stringContaining('position 25'), data: { code: 'invalid_json', position: 25 } });
  });

  it('takes arguments as deep as HTTP takes bodies, and no deeper', async () => {
    const input = (levels: number) => JSON.parse(nested(levels)) as Json;
    // The plan, its steps, a step and its input stand above.
    const deep = (levels: number) => ({ objective: 'deep', steps: [{ id: 'a', tool: 'test.write', input: input(levels) }] });
    const most = LIMITS.jsonDepth - 3;
    expect((await api.call('/v1/plans', { body: deep(most) })).status).toBe(201);
    expect((await api.call('/v1/plans', { body: deep(most + 1) })).status).toBe(422);
    expect((await callTool(api.url, 'submit_plan', deep(most))).body.result.isError).toBeUndefined();
    expect((await callTool(api.url, 'submit_plan', deep(most + 1))).status).toBe(422);
  });

  it('a body of another type is refused before it is read', async () => {
    const { status, body } = await sendMessage(api.url, LIST, { headers: { 'Content-Type': 'text/plain' } });
    expect([status, body.error.data.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('a tool that there is not, and a method, are errors of the protocol', async () => {
    const { body } = await callTool(api.url, 'delete_everything', {});
    expect(body.error).toMatchObject({ code: -32_602, message: expect.stringContaining('there are list_tools, ') });
    const other = await sendMessage(api.url, { ...LIST, method: 'prompts/list' });
    expect(other.body.error.code).toBe(-32_601);
  });

  it.each([
    ['initialize', { protocolVersion: null, capabilities: {} }, 'params.protocolVersion'],
    ['resources/read', {}, 'params.uri'],
    ['tools/call', { name: 7 }, 'params.name'],
    ['tools/list', { cursor: [] }, 'params.cursor'],
  ])('%s with params that it has not is the caller’s error, which was answered as a fault', async (method, params, where) => {
    for (const message of [{ jsonrpc: '2.0', id: 7, method, params }, [LIST, { jsonrpc: '2.0', id: 7, method, params }]]) {
      const { body } = await sendMessage(api.url, message);
      expect(body).toMatchObject({ id: 7, error: { code: -32_602, message: expect.stringContaining(`${method} is not asked for`) } });
      expect(body.error.message).toContain(`${where}: `);
    }
  });

  it('several messages at once are answered, as the 2025 protocol had it', async () => {
    const { status } = await sendMessage(api.url, [LIST, { ...LIST, id: 8, method: 'ping' }]);
    expect(status).toBe(200);
  });

  it.each(['https://evil.example', 'null'])('a page from %s is refused, and nothing is stored', async (origin) => {
    const call = request(`${api.url}/mcp`, { method: 'POST', headers: { Origin: origin, 'Content-Type': 'application/json' } });
    call.end(JSON.stringify({ ...LIST, method: 'tools/call', params: { name: 'submit_plan', arguments: twoSteps() } }));
    const [response] = await once(call, 'response');
    response.resume();
    expect(response.statusCode).toBe(403);
    expect((await api.store.listPlans({ limit: 5 })).items).toEqual([]);
  });

  it('a name that was rebound to this machine is refused', async () => {
    const call = request(`${api.url}/mcp`, { method: 'POST', headers: { Host: 'evil.example', 'Content-Type': 'application/json' } });
    call.end(JSON.stringify(LIST));
    const [response] = await once(call, 'response');
    response.resume();
    expect(response.statusCode).toBe(403);
  });

  it('the log has who called which tool, and nothing of its arguments', async () => {
    await callTool(api.url, 'submit_plan', twoSteps({ objective: 'a secret objective' }), { headers: { 'X-Actor': 'ada' } });
    await expect
      .poll(() => api.log.find(({ route }) => route === '/mcp'))
      .toMatchObject({ message: 'request', actor: 'ada', tools: ['submit_plan'], status: 200 });
    expect(JSON.stringify(api.log)).not.toContain('secret objective');
  });

  it('a fault is answered without what happened, which the log has', async () => {
    const fault = new Error('wires crossed');
    const { getPlan } = api.store;
    api.store.getPlan = () => Promise.reject(fault);
    const { body, headers } = await callTool(api.url, 'get_plan', { planId: 'pln_1m7w3r5qbfhx8qkzqzet31' });
    api.store.getPlan = getPlan;
    expect(body.result).toMatchObject({ isError: true, structuredContent: { code: 'internal', status: 500 } });
    expect(JSON.stringify(body)).not.toContain('wires crossed');
    const requestId = headers.get('x-request-id');
    expect(body.result.content[0].text).toContain(requestId);
    expect(api.log.find(({ err }) => (err as Error | undefined)?.message === 'wires crossed')).toMatchObject({ requestId });
  });
});

describe('with keys', () => {
  const keys = ROLES.map((role) => `${role}-1:${role}:secret-of-${role}`).join(',');
  const api = useApi({ keys });
  const as = (role: string) => ({ headers: { Authorization: `Bearer secret-of-${role}` } });

  it.each([
    ['no key', {}],
    ['another key', { Authorization: 'Bearer guess' }],
    ['a key that a browser sends of its own accord', { Authorization: `Basic ${btoa('x:secret-of-admin')}` }],
  ])('%s gets 401, for every method of the protocol', async (_what, headers) => {
    for (const message of [LIST, { ...LIST, method: 'initialize' }]) {
      const reply = await sendMessage(api.url, message, { headers: headers as Record<string, string> });
      expect([reply.status, reply.body.code]).toEqual([401, 'unauthenticated']);
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  it('what the roles of a key rule out is refused in the words of HTTP', async () => {
    const submitted = await callTool(api.url, 'submit_plan', twoSteps(), as('submitter'));
    const { id, digest } = submitted.body.result.structuredContent.plan;
    expect(submitted.body.result.structuredContent.plan.createdBy).toBe('submitter-1');
    for (const role of ['viewer', 'submitter', 'operator']) {
      const overHttp = await api.call<{ detail: string }>(`/v1/plans/${id}/approve`, { body: { digest }, ...as(role) });
      const { body } = await callTool(api.url, 'approve_plan', { planId: id, digest }, as(role));
      expect(body.result).toMatchObject({ isError: true, structuredContent: { code: 'forbidden', status: 403 } });
      expect(body.result.structuredContent.detail).toBe(overHttp.body.detail);
    }
    expect((await api.store.getPlan(id))?.approvals).toEqual([]);
    const approved = await callTool(api.url, 'approve_plan', { planId: id, digest }, as('approver'));
    expect(approved.body.result.structuredContent.plan.approvals.have).toBe(1);
  });

  it('X-Actor makes nobody else of a key', async () => {
    const { headers } = as('submitter');
    const { body } = await callTool(api.url, 'submit_plan', twoSteps(), { headers: { ...headers, 'X-Actor': 'ada' } });
    expect(body.result.structuredContent.plan.createdBy).toBe('submitter-1');
  });

  it('every tool is refused to a key whose roles its operation does not allow', async () => {
    const plan = await api.call<{ plan: { id: string; digest: string } }>('/v1/plans', { body: twoSteps(), ...as('admin') });
    const { id: planId, digest } = plan.body.plan;
    const refused: string[] = [];
    for (const { definition } of MCP_TOOLS) {
      const args = { planId, digest, stepId: 'read', reason: 'x', feedback: 'x', name: 'x', taskId: 'x' };
      const wanted = Object.keys(definition.inputSchema.properties ?? {});
      const own = Object.fromEntries(Object.entries(args).filter(([name]) => wanted.includes(name)));
      const { body } = await callTool(api.url, definition.name, definition.name === 'watch_plan' ? { planId } : own, as('viewer'));
      if (body.result.structuredContent?.code === 'forbidden') refused.push(definition.name);
    }
    const changing = MCP_TOOLS.filter(({ definition }) => definition.annotations?.readOnlyHint !== true);
    expect(refused).toEqual(expect.arrayContaining(changing.map(({ definition }) => definition.name)));
    expect(refused).toHaveLength(changing.length);
  });
});

describe('answers of limited size', () => {
  const api = useApi();
  const many = 10_000;
  const get = async (args: Json) => (await callTool(api.url, 'get_plan', args)).body.result;

  it('a plan of ten thousand steps is read in parts, each small enough, until every step was seen', async () => {
    const steps = Array.from({ length: many }, (_, index) => ({
      id: `step${index}`,
      tool: 'test.write',
      input: { text: `<${index}>`.repeat(8) },
    }));
    const plan = await createPlan(api, { objective: 'a long plan', steps });
    const seen: number[] = [];
    let offset: number | null = 0;
    let parts = 0;
    while (offset !== null) {
      const { content, structuredContent } = await get({ planId: plan.id, offset });
      if (offset === 0) expect(content[0].text).toContain('Shown: steps 1 to ');
      expect(content[0].text.length).toBeLessThanOrEqual(30_000);
      expect(JSON.stringify(structuredContent).length).toBeLessThan(50_000);
      for (const [, position, id] of content[0].text.matchAll(/^\| (\d+) \| `step(\d+)`/gm)) {
        expect(Number(position)).toBe(Number(id) + 1);
        seen.push(Number(id));
      }
      offset = structuredContent.nextOffset;
      // The beginning and the end will do: each part is made from the whole plan.
      if (++parts === 2) {
        expect(seen).toEqual(seen.map((_, index) => index));
        seen.length = 0;
        offset = many - 250;
      }
    }
    expect(seen).toEqual(Array.from({ length: 250 }, (_, index) => many - 250 + index));

    const json = await get({ planId: plan.id, format: 'json', offset: 5 });
    expect(json.content[0].text.length).toBeLessThanOrEqual(40_000);
    expect(json.structuredContent.steps[0].id).toBe('step5');
    expect(json.structuredContent.nextOffset).toBe(5 + json.structuredContent.steps.length);
  });

  it('a long value of a step is cut where the plan is read, and longer where the step is', async () => {
    const text = 'ä😀'.repeat(20_000);
    const plan = await createPlan(api, { objective: 'a long text', steps: [{ id: 'a', tool: 'test.write', input: { text } }] });
    for (const [args, most] of [
      [{ format: 'json' }, 2_100],
      [{ stepId: 'a' }, 5_100],
    ] as const) {
      const { structuredContent } = await get({ planId: plan.id, ...args });
      const [{ input }] = structuredContent.steps;
      expect(input.length).toBeLessThan(most);
      expect(input).toMatch(/^\{"text":"ä😀.*… \(cut; it has 60011 characters\)$/u);
      expect(input.isWellFormed()).toBe(true);
    }
  });

  it('thousands of issues are told by the first ones and their number', async () => {
    const steps = Array.from({ length: 3_000 }, (_, index) => ({ id: `s${index}`, tool: 'no.such' }));
    const { body } = await callTool(api.url, 'validate_plan', { objective: 'x', steps });
    expect(body.result.structuredContent).toMatchObject({ valid: false, issueCount: 3_000 });
    expect(body.result.content[0].text).toContain('and 2960 more');
    expect(JSON.stringify(body.result).length).toBeLessThan(60_000);
    const refused = await callTool(api.url, 'submit_plan', { objective: 'x', steps });
    expect(refused.body.result.structuredContent.issues).toHaveLength(40);
    expect(JSON.stringify(refused.body.result).length).toBeLessThan(60_000);
  });

  it('what waits for people is listed in parts', async () => {
    for (let index = 0; index < 3; index++) await createPlan(api, { objective: `${index}`.repeat(5_000) });
    const { structuredContent } = (await callTool(api.url, 'list_approvals', { offset: 1 })).body.result;
    expect([structuredContent.items.length, structuredContent.total, structuredContent.nextOffset]).toEqual([2, 3, null]);
    expect(structuredContent.items[0].title).toHaveLength(300);
  });
});
