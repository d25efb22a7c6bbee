/** Agents and people with API keys: who may do what over MCP, with the configuration that docs/mcp.md shows. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks, readPage, sectionOf } from '../docs/pages.ts';
import { type Agent, connectAgent } from './agent.ts';
import { Fleet } from './fleet.ts';
import { recordStep } from './record-step.ts';

const page = sectionOf(readPage('docs/mcp.md'), '## Countersign as an MCP server');
const API_KEYS = /`API_KEYS=([^`]+)`/.exec(page)?.[1] ?? '';

let fleet: Fleet;
const agents: Agent[] = [];
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, env: { API_KEYS: `${API_KEYS},eve:viewer:eves-secret` } });
});
afterAll(async () => {
  await Promise.all(agents.map(({ client }) => client.close()));
  await fleet?.close();
});

async function connect(server: { url: string; headers?: Record<string, string> }): Promise<Agent> {
  const agent = await connectAgent({ ...server, url: server.url.replace('http://127.0.0.1:3000', fleet.url) });
  agents.push(agent);
  return agent;
}
const withKey = (secret: string) => connect({ url: `${fleet.url}/mcp`, headers: { Authorization: `Bearer ${secret}` } });

test('with the configuration of the page an agent submits, and only people of that role approve', async () => {
  const { mcpServers } = JSON.parse(codeBlocks(page, 'json')[0] ?? '') as { mcpServers: { countersign: { url: string } } };
  const agent = await connect(mcpServers.countersign);
  const plan = await agent.submit({ objective: 'for people to sign', steps: [recordStep('a')] });
  expect(plan.createdBy).toBe('agent');
  const vote = { planId: plan.id, digest: plan.digest };
  for (const [voter, roles] of [
    [agent, 'submitter'],
    [await withKey('eves-secret'), 'viewer'],
  ] as const) {
    const refused = await voter.call('approve_plan', vote);
    expect([refused.refused, refused.data.code]).toEqual([true, 'forbidden']);
    expect(refused.text).toContain(`has the role ${roles}; this needs one of approver, admin`);
  }
  const { after } = (await agent.get('watch_plan', { planId: plan.id })).data;
  expect(fleet.calls(plan.id)).toEqual([]);

  const watching = agent.get('watch_plan', { planId: plan.id, after });
  await (await withKey('adas-secret')).get('approve_plan', vote);
  expect((await watching).data).toMatchObject({ reason: 'ended', plan: { status: 'completed' } });
  expect(fleet.calls(plan.id)).toEqual(['a']);
});

test('the snippet of the README is the same', () => {
  const [snippet = ''] = codeBlocks(sectionOf(readPage('README.md'), '## Agents'), 'json');
  expect(JSON.parse(snippet)).toEqual(JSON.parse(codeBlocks(page, 'json')[0] ?? ''));
});

test.each([undefined, 'Bearer guess'])('nobody connects with the key %s', async (authorization) => {
  const client = new Client({ name: 'test', version: '1' });
  const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization };
  const connecting = client.connect(new StreamableHTTPClientTransport(new URL(`${fleet.url}/mcp`), { requestInit: { headers } }));
  await expect(connecting).rejects.toThrow(/401|unauthenticated|API key/i);
  await client.close();
});
