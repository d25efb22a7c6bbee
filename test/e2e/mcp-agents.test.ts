/** Agents hand their plans to people over MCP: a real client, a real API, real executors. */
import { fileURLToPath } from 'node:url';
import type { Plan } from '@countersign/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, connectAgent, PROTOCOLS, type ProtocolVersion } from './agent.ts';
import { gated, NOTHING_MENDED } from './deciding.ts';
import { Fleet } from './fleet.ts';
import { recordStep } from './record-step.ts';

const SHIPPED_TEMPLATES = fileURLToPath(new URL('../../templates/', import.meta.url));

let fleet: Fleet;
const agents: Agent[] = [];
beforeAll(async () => {
  fleet = await Fleet.start({ executors: 1, planner: true, env: { ...NOTHING_MENDED, TEMPLATES_DIR: SHIPPED_TEMPLATES } });
});
afterAll(async () => {
  await Promise.all(agents.map(({ client }) => client.close()));
  await fleet?.close();
});

async function connect(protocol?: ProtocolVersion, actor = 'agent'): Promise<Agent> {
  const agent = await connectAgent({ url: `${fleet.url}/mcp`, headers: { 'X-Actor': actor } }, protocol);
  agents.push(agent);
  return agent;
}

const approveAs = (actor: string, { id, digest }: Pick<Plan, 'id' | 'digest'>) =>
  fleet.send(id, 'approve', { digest }, { 'x-actor': actor });

describe.each(PROTOCOLS)('with protocol %s', (protocol) => {
  test('a plan that an agent hands in is held until a person has approved its digest, and watched to its end', async () => {
    const agent = await connect(protocol);
    const plan = await agent.submit({ objective: 'write something down', steps: [recordStep('a', { value: 1 }), recordStep('b')] });
    expect(plan).toMatchObject({ status: 'pending_approval', createdBy: 'agent', approvals: { need: 1, have: 0 } });
    const waiting = await agent.get('watch_plan', { planId: plan.id });
    expect(waiting.data).toMatchObject({ reason: 'needs_person', plan: { waitsFor: [{ kind: 'approval' }] } });
    expect(waiting.text).toContain(plan.digest);
    expect(fleet.calls(plan.id)).toEqual([]);

    const watching = agent.get('watch_plan', { planId: plan.id, after: waiting.data.after });
    expect((await approveAs('ada', plan)).status).toBe(200);
    const ended = await watching;
    expect(ended.data).toMatchObject({ reason: 'ended', plan: { status: 'completed', progress: { completed: 2 } } });
    expect(fleet.calls(plan.id).sort()).toEqual(['a', 'b']);
    expect((await fleet.plan(plan.id)).approvals.map(({ actor }) => actor)).toEqual(['ada']);
  });

  test('watching tells how many steps have ended, as they end', async () => {
    const agent = await connect(protocol);
    const steps = ['a', 'b', 'c'].map((id, index, ids) => recordStep(id, {}, index === 0 ? {} : { dependsOn: [ids[index - 1] as string] }));
    const plan = await agent.submit({ objective: 'three in a row', steps });
    const { after } = (await agent.get('watch_plan', { planId: plan.id })).data;
    const seen: unknown[] = [];
    let begun = () => {};
    const watched = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const onprogress = ({ progress, total, message }: { progress: number; total?: number; message?: string }) => {
      seen.push([progress, total, message]);
      begun();
    };
    const watching = agent.get('watch_plan', { planId: plan.id, after }, { onprogress });
    await watched;
    await approveAs('ada', plan);
    expect((await watching).data.reason).toBe('ended');
    expect(seen).toEqual([
      [0, 3, 'watching'],
      [1, 3, 'a completed'],
      [2, 3, 'b completed'],
      [3, 3, 'c completed'],
    ]);
  });

  test('every tool says what it does, takes and gives', async () => {
    const { tools } = await (await connect(protocol)).client.listTools();
    for (const { name, title, description, inputSchema, outputSchema, annotations } of tools) {
      expect(
        [title, description, annotations?.readOnlyHint].every((word) => word !== undefined && word !== ''),
        name,
      ).toBe(true);
      expect(inputSchema, name).toMatchObject({ type: 'object', additionalProperties: false });
      expect(outputSchema?.type, name).toBe('object');
    }
    const destructive = tools.filter(({ annotations }) => annotations?.destructiveHint === true).map(({ name }) => name);
    expect(destructive).toEqual(['approve_plan', 'reject_plan', 'approve_step', 'reject_step', 'cancel_plan']);
    expect(JSON.stringify(tools).length).toBeLessThan(60_000);
  });
});

test('a person approves over MCP as well; another digest is refused, and so is a second vote', async () => {
  const agent = await connect();
  const person = await connect(undefined, 'ada');
  const plan = await agent.submit({ objective: 'approve me', steps: [recordStep('a')] });
  const wrong = await person.call('approve_plan', { planId: plan.id, digest: `sha256:${'0'.repeat(64)}` });
  expect([wrong.refused, wrong.data.code, wrong.data.currentDigest]).toEqual([true, 'stale_digest', plan.digest]);
  expect(wrong.text).toContain(plan.digest);
  const without = await person.call('approve_plan', { planId: plan.id });
  expect([without.data.code, without.data.issues[0].path]).toEqual(['invalid_request', 'digest']);
  expect((await fleet.plan(plan.id)).approvals).toEqual([]);

  const approved = await person.get('approve_plan', { planId: plan.id, digest: plan.digest, comment: 'fine' });
  expect(approved.data.plan.approvals).toEqual({ need: 1, have: 1 });
  await fleet.until(plan.id, 'completed');
  const again = await person.call('approve_plan', { planId: plan.id, digest: plan.digest });
  expect([again.refused, again.data.code, again.data.status]).toEqual([true, 'wrong_state', 409]);
  expect(again.text).toContain('a plan can be approved while it is pending_approval');
});

test('a rejected plan never runs', async () => {
  const agent = await connect();
  const plan = await agent.submit({ objective: 'reject me', steps: [recordStep('a')] });
  const rejected = await agent.get('reject_plan', { planId: plan.id, digest: plan.digest, reason: 'not today' });
  expect(rejected.data.plan.status).toBe('rejected');
  expect((await agent.get('watch_plan', { planId: plan.id })).data.reason).toBe('ended');
  expect(fleet.calls(plan.id)).toEqual([]);
});

test('what is wrong with a plan comes back in full, in words and as data, and nothing is stored', async () => {
  const agent = await connect();
  const draft = { objective: 'wrong', steps: [{ id: 'a', tool: 'no.such' }, recordStep('b', {}, { dependsOn: ['c'] })], colour: 'red' };
  const refused = await agent.call('submit_plan', draft);
  expect([refused.refused, refused.data.code]).toEqual([true, 'invalid_plan']);
  expect(refused.data.issues.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`).sort()).toEqual([
    'colour unknown_field',
    'steps[0].tool unknown_tool',
    'steps[1].dependsOn[0] unknown_step',
  ]);
  for (const path of ['colour', 'steps[0].tool', 'steps[1].dependsOn[0]']) expect(refused.text).toContain(path);
  const checked = await agent.get('validate_plan', draft);
  expect(checked.data).toMatchObject({ valid: false, issueCount: 3 });
  expect((await agent.get('validate_plan', { objective: 'right', steps: [recordStep('a')] })).data.valid).toBe(true);
  const { items } = (await agent.get('list_plans', { limit: 25 })).data;
  expect(items.filter(({ objective }: Plan) => objective === 'wrong')).toEqual([]);
});

test('arguments that a tool does not have, or that are missing, are named', async () => {
  const agent = await connect();
  const { data } = await agent.call('get_plan', { plan: 'pln_x' });
  expect(data.issues.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
    ['planId', 'bad_input'],
    ['plan', 'unknown_field'],
  ]);
  const nowhere = await agent.call('get_plan', { planId: 'pln_nowhere' });
  expect([nowhere.data.code, nowhere.data.detail]).toEqual(['not_found', 'there is no plan `pln_nowhere`']);
});

test('an idempotencyKey gives the first answer again, over MCP and over HTTP', async () => {
  const agent = await connect();
  const draft = { objective: 'once', steps: [recordStep('a')] };
  const first = await agent.get('submit_plan', { ...draft, idempotencyKey: 'once-1' });
  const second = await agent.get('submit_plan', { ...draft, idempotencyKey: 'once-1' });
  expect([first.data.repeated, second.data.repeated, second.data.plan.id]).toEqual([false, true, first.data.plan.id]);
  const third = await fleet.call('POST', '/v1/plans', { body: draft, headers: { 'idempotency-key': 'once-1', 'x-actor': 'agent' } });
  expect([third.status, third.body.plan.id]).toEqual([201, first.data.plan.id]);
  const other = await agent.call('submit_plan', { ...draft, objective: 'another', idempotencyKey: 'once-1' });
  expect(other.data.code).toBe('idempotency_conflict');
});

test('a step that asks is shown to the agent and decided with data', async () => {
  const agent = await connect();
  const plan = await agent.submit({
    objective: 'ask',
    steps: [gated('ask', { approval: { message: 'Which colour?' } }), recordStep('after', { value: '{{ask.approval.data}}' })],
    options: { requireApproval: false },
  });
  const asked = await agent.get('watch_plan', { planId: plan.id });
  expect(asked.data).toMatchObject({ reason: 'needs_person', plan: { waitsFor: [{ kind: 'gate', stepId: 'ask' }] } });
  expect(asked.text).toContain('Which colour?');
  const { items } = (await agent.get('list_approvals')).data;
  expect(items).toContainEqual(expect.objectContaining({ planId: plan.id, stepId: 'ask', title: 'Which colour?' }));
  await agent.get('approve_step', { planId: plan.id, stepId: 'ask', data: 'green' });
  expect((await agent.get('watch_plan', { planId: plan.id, after: asked.data.after })).data.reason).toBe('ended');
  const after = await agent.get('get_plan', { planId: plan.id, stepId: 'after' });
  expect(after.data.steps[0].output).toEqual({ value: 'green' });
});

test('a rejected step fails, a cancelled plan stops', async () => {
  const agent = await connect();
  const options = { requireApproval: false };
  const rejected = await agent.submit({ objective: 'reject a step', steps: [gated('ask')], options });
  const { after } = (await agent.get('watch_plan', { planId: rejected.id })).data;
  await agent.get('reject_step', { planId: rejected.id, stepId: 'ask', comment: 'no' });
  expect((await agent.get('watch_plan', { planId: rejected.id, after })).data.plan.status).toBe('failed');
  expect((await agent.get('get_plan', { planId: rejected.id })).text).toContain('rejected');

  const gate = fleet.gate('mcp-cancel');
  const held = await agent.submit({ objective: 'cancel', steps: [recordStep('held', { holdUntil: gate.file })], options });
  await fleet.untilLedger(held.id, ({ what }) => what === 'start');
  const cancelled = await agent.get('cancel_plan', { planId: held.id, reason: 'enough' });
  expect(cancelled.data.plan.status).toBe('cancelled');
  await fleet.untilLedger(held.id, ({ what }) => what === 'aborted');
});

test('a task is planned, revised by feedback, and each revision waits for people anew', async () => {
  const agent = await connect();
  const submitted = await agent.get('submit_task', { objective: 'List the files in .' });
  const taskId = submitted.data.task.id;
  await expect.poll(async () => (await agent.get('get_task', { taskId })).data.task.status, { timeout: 20_000 }).toBe('planned');
  const { planId } = (await agent.get('get_task', { taskId })).data.task;
  const first = await agent.get('watch_plan', { planId });
  expect(first.data).toMatchObject({ reason: 'needs_person', plan: { revision: 1 } });
  await agent.get('revise_plan', { planId, feedback: 'Count the lines in .' });
  const second = await agent.get('watch_plan', { planId, after: first.data.after });
  expect(second.data.plan.planning).toMatchObject({ kind: 'revise' });
});

test('a task by template is planned from it', async () => {
  const agent = await connect();
  const { items } = (await agent.get('list_templates')).data;
  expect(items).toContainEqual(expect.objectContaining({ name: 'audit-folder', parameters: expect.objectContaining({ type: 'object' }) }));
  const { taskId, next } = await agent
    .get('submit_task', { template: 'audit-folder', input: { folder: '.' } })
    .then(({ data }) => ({ taskId: data.task.id, next: data.next }));
  expect(next).toContain('get_task');
  await expect.poll(async () => (await agent.get('get_task', { taskId })).data.task.status, { timeout: 20_000 }).toBe('planned');
  const wrong = await agent.call('submit_task', { template: 'audit' });
  expect(wrong.refused).toBe(true);
  expect(wrong.text).toContain('audit-folder');
});

test('the tools of steps are listed by name and part of it, and shown one by one', async () => {
  const agent = await connect();
  const { data } = await agent.get('list_tools', { filter: 'FS.' });
  expect(data.items.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(['fs.list', 'fs.read', 'fs.write']));
  expect(
    data.items.every(({ name, description }: { name: string; description: string }) =>
      `${name}${description}`.toLowerCase().includes('fs.'),
    ),
  ).toBe(true);
  const writing = (await agent.get('list_tools', { risk: 'destructive' })).data.items;
  expect(writing.map(({ name }: { name: string }) => name)).toContain('test.remove');
  const tool = await agent.get('get_tool', { name: 'fs.read' });
  expect(tool.data.tool).toMatchObject({ name: 'fs.read', risk: 'read', inputSchema: { type: 'object' } });
  expect((await agent.call('get_tool', { name: 'fs.eat' })).data.code).toBe('not_found');
});

/** A watch of a plan that waits for people, once the API has taken it up, by a client whose requests have a name in the log. */
async function watchInVain({ protocol, signal }: { protocol?: ProtocolVersion; signal?: AbortSignal } = {}) {
  const agent = await connect();
  const plan = await agent.submit({ objective: 'watched in vain', steps: [recordStep('a')] });
  const { after } = (await agent.get('watch_plan', { planId: plan.id })).data;
  const requestId = `watch-of-${plan.id}`;
  const watcher = await connectAgent({ url: `${fleet.url}/mcp`, headers: { 'X-Actor': 'agent', 'X-Request-Id': requestId } }, protocol);
  agents.push(watcher);
  const options = signal === undefined ? {} : { signal };
  const answer = watcher.call('watch_plan', { planId: plan.id, after, timeoutMs: 300_000 }, options);
  answer.catch(() => {});
  await fleet.api?.logged((line) => line.requestId === requestId && line.tool === 'watch_plan');
  const cutOff = () => fleet.api?.logged((line) => line.requestId === requestId && line.message === 'request' && line.aborted === true);
  return { plan, watcher, answer, cutOff };
}

test('a watch that its client cancels ends at once; the plan is not touched', async () => {
  const enough = new AbortController();
  const { plan, answer, cutOff } = await watchInVain({ signal: enough.signal });
  enough.abort(new Error('enough'));
  await expect(answer).rejects.toThrow();
  expect(await cutOff()).toMatchObject({ route: '/mcp', tools: ['watch_plan'], actor: 'agent' });
  expect((await fleet.plan(plan.id)).status).toBe('pending_approval');
});

test.each(PROTOCOLS)('a watch whose client goes away ends at once, with protocol %s', async (protocol) => {
  const { watcher, answer, cutOff } = await watchInVain({ protocol });
  await watcher.client.close();
  await expect(answer).rejects.toThrow();
  expect(await cutOff()).toMatchObject({ tools: ['watch_plan'] });
});

test('a watch whose time is up says how the plan stands and where to go on', async () => {
  const agent = await connect();
  const plan = await agent.submit({ objective: 'nobody looks', steps: [recordStep('a')] });
  const { after } = (await agent.get('watch_plan', { planId: plan.id })).data;
  const waited = await agent.get('watch_plan', { planId: plan.id, after, timeoutMs: 1 });
  expect(waited.data).toMatchObject({ reason: 'timeout', plan: { status: 'pending_approval' } });
  await approveAs('ada', plan);
  expect((await agent.get('watch_plan', { planId: plan.id, after: waited.data.after })).data.reason).toBe('ended');
});

test('agents side by side get each its own answers', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, (_, index) => connect(PROTOCOLS[index % 2], `agent-${index}`)));
  const reports = await Promise.all(
    all.map(async (agent, index) => {
      const plan = await agent.submit({
        objective: `plan ${index}`,
        steps: [recordStep('a', { value: index })],
        options: { requireApproval: false },
      });
      const { data } = await agent.get('watch_plan', { planId: plan.id });
      const step = (await agent.get('get_plan', { planId: plan.id, stepId: 'a' })).data.steps[0];
      return [data.reason, data.plan.createdBy, step.output.value];
    }),
  );
  expect(reports).toEqual(all.map((_, index) => ['ended', `agent-${index}`, index]));
});

test('plans are resources, as Markdown', async () => {
  const { client, submit } = await connect();
  const plan = await submit({ objective: 'to be read', steps: [recordStep('a')] });
  const uri = `countersign://plans/${plan.id}`;
  const { resources } = await client.listResources({ cursor: undefined });
  expect(resources).toContainEqual(expect.objectContaining({ uri, title: 'to be read' }));
  const { contents } = await client.readResource({ uri });
  expect(contents[0]).toMatchObject({ uri, mimeType: 'text/markdown', text: expect.stringContaining(plan.digest) });
  await expect(client.readResource({ uri: 'countersign://plans/pln_nowhere' })).rejects.toMatchObject({ code: -32602 });
  const templates = await client.listResourceTemplates();
  expect(templates.resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['countersign://plans/{planId}']);
});

test('who connects is told how to go about it', async () => {
  const { client } = await connect();
  const said = client.getInstructions() ?? '';
  const { tools } = await client.listTools();
  const named = [...said.matchAll(/\b[a-z]+_(?:tools?|plan|task|step)\b/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((name) => !tools.some((tool) => tool.name === name))).toEqual([]);
});

test('a process that is asked to end answers its watchers first', async () => {
  const { answer } = await watchInVain();
  expect(await fleet.api?.end('SIGTERM')).toBe(0);
  expect((await answer).data).toMatchObject({ reason: 'shutting_down', plan: { status: 'pending_approval' } });
});
