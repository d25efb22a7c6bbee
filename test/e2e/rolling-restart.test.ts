/** A new version without an interruption: every process is ended by SIGTERM and started again, one after the other, under load. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Event, Plan, PlanDraft } from '@countersign/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { untilEventsAgree } from './events-agree.ts';
import { Fleet } from './fleet.ts';

let fleet: Fleet;
beforeEach(async () => {
  // Long steps outlast the drain; what is asked in the delay still finds the API listening.
  fleet = await Fleet.start({ executors: 2, planner: true, env: { DRAIN_MS: '300', SHUTDOWN_DELAY_MS: '3000' } });
});
afterEach(() => fleet?.close());

const short: PlanDraft = {
  objective: 'short steps, some behind others',
  steps: Array.from({ length: 12 }, (_, n) => ({
    id: `s${n}`,
    tool: 'test.record',
    input: { value: n },
    ...(n % 3 === 0 ? {} : { dependsOn: [`s${n - 1}`] }),
  })),
  options: { maxParallelSteps: 4 },
};

/** Launches plans one after the other until it is told to stop; resolves to their ids. */
function load(): { stop(): Promise<string[]> } {
  let over = false;
  const ids: string[] = [];
  const run = async (): Promise<void> => {
    while (!over) {
      const { id } = await fleet.launch(short);
      ids.push(id);
      await fleet.until(id, 'completed');
    }
  };
  const running = run();
  // Whoever stops it sees what went wrong.
  running.catch(() => {});
  return {
    async stop() {
      over = true;
      await running;
      return ids;
    },
  };
}

/** Follows a plan as a browser does: connects again, to whichever API answers, after the last event that it saw. */
async function follow(planId: string): Promise<{ events: Event[]; connections: number }> {
  const events: Event[] = [];
  for (let connections = 1; ; connections++) {
    const last = events.at(-1)?.id;
    const stream = await fetch(`${fleet.url}/v1/plans/${planId}/events`, { headers: last === undefined ? {} : { 'last-event-id': last } });
    const lines = (await stream.text()).split('\n');
    events.push(...lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as Event));
    if (events.at(-1)?.type === 'plan.completed') return { events, connections };
  }
}

/** A call whose body comes in two halves: it is under way until `finish` is called, which gives the status. */
async function slowCall(path: string, body: object): Promise<{ finish(): Promise<number> }> {
  const { hostname, port } = new URL(fleet.url);
  const text = JSON.stringify(body);
  const half = Math.floor(text.length / 2);
  const socket = connect(Number(port), hostname);
  const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${text.length}\r\n\r\n`;
  socket.write(head);
  // The API has begun to read the call when it asks for the body.
  const [go] = (await once(socket, 'data')) as [Buffer];
  expect(go.toString()).toMatch(/^HTTP\/1\.1 100 /);
  socket.write(text.slice(0, half));
  return {
    async finish() {
      socket.write(text.slice(half));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return Number(answer.toString().split(' ')[1]);
    },
  };
}

test('every process is restarted under load: no plan fails, no step is lost, no attempt is counted, streams have no gap', async () => {
  const gate = fleet.gate('long');
  const held = ['one', 'two', 'three'];
  const long = await fleet.launch({
    objective: 'steps longer than any drain',
    steps: [
      ...held.map((id) => ({ id, tool: 'test.record', input: { holdUntil: gate.file } })),
      { id: 'end', tool: 'test.record', dependsOn: held },
    ],
  });
  const following = follow(long.id);
  following.catch(() => {});
  const running = load();
  await fleet.untilLedger(long.id, ({ what }) => what === 'start', 3);

  for (const executor of [...fleet.executors]) {
    expect(await executor.end('SIGTERM')).toBe(0);
    await fleet.startExecutor();
  }
  // Each of them was handed back at least once, by an executor that said so and ended.
  await fleet.untilLedger(long.id, ({ what }) => what === 'start', 6);

  const objective = { objective: 'list the files in .' };
  const tasks = await Promise.all(
    Array.from({ length: 5 }, async () => (await fleet.call('POST', '/v1/tasks', { body: objective })).body.task.id as string),
  );
  expect(await fleet.planner?.end('SIGTERM')).toBe(0);
  await fleet.startPlanner();
  for (const id of tasks) await expect.poll(async () => (await fleet.task(id)).status, { timeout: 30_000 }).toBe('planned');

  const [old, oldUrl] = [fleet.api, fleet.url];
  const underWay = await slowCall('/v1/plans', short);
  await fleet.startApi();
  old?.signal('SIGTERM');
  const readiness = () =>
    fetch(`${oldUrl}/readyz`).then(async (answer) => [answer.status, ((await answer.json()) as { code: string }).code]);
  await expect.poll(readiness, { interval: 10 }).toEqual([503, 'shutting_down']);
  expect((await fetch(`${oldUrl}/v1/tools`)).status).toBe(200);
  expect(await underWay.finish()).toBe(201);
  expect(await old?.ended()).toBe(0);
  await expect(fetch(`${oldUrl}/healthz`)).rejects.toThrow();

  gate.open();
  const plans = await running.stop();
  const ended: Plan[] = await Promise.all([long.id, ...plans].map((id) => untilEventsAgree(fleet, id, 'completed')));
  expect(new Set(ended.flatMap(({ steps }) => steps.map(({ attempt }) => attempt)))).toEqual(new Set([1]));
  for (const { id, steps } of ended) {
    const outcomes = (await fleet.events(id)).filter(({ type }) => type === 'step.completed').map(({ stepId }) => stepId);
    expect([...outcomes].sort()).toEqual(steps.map((step) => step.id).sort());
  }
  // Short steps had the time to finish: none of them was called twice.
  for (const id of plans) expect([...fleet.calls(id)].sort()).toEqual(short.steps.map((step) => step.id).sort());
  const calls = fleet.ledger(long.id).filter(({ what, stepId }) => what === 'start' && stepId === 'one');
  expect(new Set(calls.map(({ key, attempt }) => `${key} ${attempt}`))).toEqual(new Set([`${long.id}.one.1 1`]));

  const { events, connections } = await following;
  expect(connections).toBeGreaterThan(1);
  expect(events).toEqual(await fleet.events(long.id));
  expect(await Promise.all([...fleet.executors.slice(-2), fleet.planner, fleet.api].map((service) => service?.end('SIGTERM')))).toEqual([
    0, 0, 0, 0,
  ]);
});
