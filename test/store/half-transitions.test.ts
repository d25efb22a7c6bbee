/**
 * Half a transition, as a replay of an append-only file could leave it that was cut off in a transaction and written on: what
 * scripts wrote is taken apart from outside, a part of the last one is kept, and what would have come after a restart is put
 * behind it. The plan must come to its end, and everything must agree by then.
 *
 * HALF_SEED sets the seed (1), HALF_STORIES how many plans are torn (5).
 */
import { statSync } from 'node:fs';
import { isEndedPlan, isEndedStep, type PlanDraft, plainDecision, type StepDraft } from '@countersign/shared';
import { type EmbeddedRedis, openStore, type Store, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCommand, reviseCommand, TOOL } from '../model/submission.ts';
import { type Random, seededRandom } from '../random.ts';
import { type FiledCommand, incrementOf, readIncrement, transactionsOf } from '../redis/append-only-file.ts';
import { ANN, BROKEN, FATAL, planOf, reconciled } from './plan-by-hand.ts';

const seed = Number(process.env.HALF_SEED ?? 1);
const STORIES = Number(process.env.HALF_STORIES ?? 5);
const HALVES = 5;
const PEOPLE = ['ann', 'bob', 'cid'].map((id) => ({ id, roles: ['admin' as const] }));

let server: EmbeddedRedis;
let redis: Redis;
let store: Store;
beforeAll(async () => {
  server = await startEmbeddedRedis({ appendfsync: 'no' });
  redis = new Redis(server.url);
  store = openStore({ redis: { url: server.url } });
});
afterAll(async () => {
  await store?.close();
  redis?.disconnect();
  await server?.stop();
});

function randomPlan(random: Random): { plan: PlanDraft; quorum: number } {
  const ids = Array.from({ length: random.between(4, 9) }, (_, at) => `s${at}`);
  const steps = ids.map((id, at): StepDraft => {
    const dependsOn = random.shuffled(ids.slice(0, at)).slice(
      0,
      random.weighted([
        [1, 0],
        [2, 1],
        [3, 2],
        [3, 3],
      ]),
    );
    return {
      id,
      tool: TOOL,
      dependsOn,
      ...(random.chance(0.15) && { approval: { message: 'Go on?', quorum: random.between(1, 2) } }),
      ...(random.chance(0.15) && { forEach: [1, 2, 3].slice(0, random.between(1, 3)) }),
      ...(random.chance(0.4) && { onError: 'continue' as const }),
      ...(random.chance(0.3) && { runIf: random.pick(['all_done', 'none_failed', 'all_success'] as const) }),
      retry: { maxAttempts: random.between(1, 3) },
    };
  });
  return { plan: { objective: 'be torn', steps, options: { maxParallelSteps: random.between(1, 4) } }, quorum: random.between(0, 3) };
}

async function create(random: Random): Promise<string> {
  const { plan, quorum } = randomPlan(random);
  const decision = plainDecision(quorum, 'for a test');
  const { content, digest } = await createCommand({ plan, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}

interface Run {
  stepId: string;
  status: string;
  generation: number;
  delivery: number;
  token: string;
}

/** Steps and children as they are recorded. */
async function runsOf(planId: string): Promise<Run[]> {
  const fields = await redis.hgetall(`{cs0}:plan:${planId}:steps`);
  return Object.entries(fields).flatMap(([stepId, text]): Run[] => {
    if (!/^[\w-]+(\[\d+\])?$/.test(stepId)) return [];
    const [status = '', , generation, delivery, token = ''] = text.split('|');
    return [{ stepId, status, generation: Number(generation), delivery: Number(delivery), token }];
  });
}

/** One thing that an executor does, chosen at random; with `well` nothing that it does goes wrong. False: there is nothing to do. */
async function execute(planId: string, random: Random, well: boolean): Promise<boolean> {
  const runs = (await runsOf(planId)).filter(({ status, token }) => status === 'queued' || (status === 'running' && token !== '*'));
  if (runs.length === 0) return false;
  const run = random.pick(runs);
  const hold = { planId, stepId: run.stepId, token: run.token };
  if (run.status === 'queued') {
    const token = `${run.stepId}.${run.delivery}.${random.between(1, 1_000_000)}`;
    await store.claimStep({ ...hold, generation: run.generation, delivery: run.delivery }, { token, executor: 'test' });
    return true;
  }
  const { steps } = await planOf(store, planId);
  const list = steps.find(({ id }) => id === run.stepId)?.forEach;
  if (Array.isArray(list)) {
    const expanded = await store.expandStep(hold, list.map(String));
    if (!expanded.ok) await store.releaseStep(hold);
  } else if (well || random.chance(0.7)) await store.completeStep(hold, '1');
  else if (random.chance(0.5)) await store.failStep(hold, { error: random.chance(0.7) ? BROKEN : FATAL, delayMs: 0 });
  else await store.releaseStep(hold);
  return true;
}

/** What waits for people, as they are shown it, is decided by one of them. False: nothing waits. */
async function approve(planId: string, random: Random): Promise<boolean> {
  const waiting = (await store.listApprovals()).filter((item) => item.planId === planId);
  if (waiting.length === 0) return false;
  const { kind, stepId = '', digest } = random.pick(waiting);
  const actor = random.pick(PEOPLE);
  if (kind === 'gate') await store.approveGate(planId, stepId, { actor });
  else {
    const decision = plainDecision(2, 'decided anew');
    const vote = () => store.approvePlan(planId, { actor, digest, policyVersion: decision.version });
    const voted = await vote();
    if (!voted.ok && voted.refusal.code === 'policy_changed') {
      await store.redecidePlan(planId, { digest, decision });
      await vote();
    }
  }
  return true;
}

async function revise(planId: string, random: Random): Promise<void> {
  const { plan, quorum } = randomPlan(random);
  const decision = plainDecision(quorum, 'for a test');
  const basedOn = (await planOf(store, planId)).digest;
  const { content, digest } = await reviseCommand({ plan, decision, actor: ANN.id, basedOn });
  await store.revisePlan(planId, { content, digest, origin: 'manual', actor: ANN, decision, basedOn });
}

async function act(planId: string, random: Random): Promise<void> {
  const ids = (await planOf(store, planId)).steps.map(({ id }) => id);
  const what = random.weighted<() => Promise<unknown>>([
    [12, () => execute(planId, random, false)],
    [4, () => approve(planId, random)],
    [1, () => store.pausePlan(planId, { actor: ANN })],
    [2, () => store.resumePlan(planId, { actor: ANN })],
    [1, () => store.skipStep(planId, random.pick(ids), { actor: ANN })],
    [1, () => store.retryStep(planId, random.pick(ids), { actor: ANN })],
    [1, () => store.retryPlan(planId, { actor: ANN })],
    [1, () => revise(planId, random)],
    [0.3, () => store.cancelPlan(planId, { actor: ANN })],
  ]);
  await what();
}

/** What was written since the file had so many bytes: scripts as their commands together, all else alone. */
function written(since: number): FiledCommand[][] {
  const commands = readIncrement(server.dataDir, since);
  const inScripts = transactionsOf(commands);
  const known = new Set(inScripts.flat());
  const units: FiledCommand[][] = [];
  for (const command of commands) {
    const script = known.has(command) ? inScripts.find((each) => each[0] === command) : undefined;
    if (script !== undefined) units.push(script);
    else if (!known.has(command) && !/^(MULTI|EXEC|SELECT|FLUSHALL)$/i.test(String(command.args[0]))) units.push([command]);
  }
  return units;
}

const mark = (): number => statSync(incrementOf(server.dataDir)).size;

/** As a server does that loads a file: what can't be carried out is passed over. */
async function replay(commands: readonly FiledCommand[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { args } of commands) pipeline.call(String(args[0]), ...args.slice(1));
  await pipeline.exec();
}

/** As services do it after a restart: the reconciler, people who decide what they are shown, executors. */
async function bringToItsEnd(planId: string, random: Random): Promise<string> {
  // The reconciler comes when a plan has been at rest: executors are there before it.
  for (let moves = random.between(0, 8); moves > 0; moves--) await execute(planId, random, true);
  for (let turns = 0; turns < 150; turns++) {
    await reconciled(store);
    const { status } = await planOf(store, planId);
    if (isEndedPlan(status)) return status;
    if (status === 'paused') await store.resumePlan(planId, { actor: ANN });
    for (let moves = 0; moves < 3; moves++) if (!(await approve(planId, random))) await execute(planId, random, true);
  }
  const { status, steps } = await planOf(store, planId);
  throw new Error(`the plan is stuck: ${status}, ${steps.map(({ id, status: each }) => `${id} ${each}`).join(', ')}`);
}

/** Each start of a step stands behind an end of each that it depends on, each approval behind votes of as many people as it needs. */
async function expectOrder(planId: string): Promise<void> {
  const revisions = (await store.listRevisions(planId)) ?? [];
  const contents = await Promise.all(revisions.map(({ revision }) => store.getRevision(planId, revision)));
  const dependsOn = new Map<string, readonly string[]>(
    contents.flatMap((each) => each?.content.steps.map((step) => [`${each.revision} ${step.id}`, step.dependsOn] as const) ?? []),
  );
  const ended = new Set<string>();
  const asked = new Map<unknown, { quorum: number; voters: Set<string> }>();
  for (const { type, stepId = '', actor = '', revision, data } of await store.readEvents(planId)) {
    if (type === 'plan.submitted' || type === 'plan.revised')
      asked.set(data.digest, { quorum: Number(data.quorum), voters: asked.get(data.digest)?.voters ?? new Set() });
    if (type === 'plan.voted') asked.get(data.digest)?.voters.add(actor);
    if (type === 'plan.approved' && data.auto === undefined) {
      const { quorum, voters } = asked.get(data.digest) ?? { quorum: Number.NaN, voters: new Set() };
      expect(voters.size, `people who voted for revision ${revision}, of ${quorum}`).toBeGreaterThanOrEqual(quorum);
    }
    if (/^step\.(completed|failed|skipped|cancelled)$/.test(type)) ended.add(stepId);
    if (type === 'step.started')
      expect(
        (dependsOn.get(stepId) ?? []).filter((id) => !ended.has(id)),
        `what ${stepId} depends on, and has not ended`,
      ).toEqual([]);
  }
}

/** A revision takes the states of the steps away before it is there: half of one leaves a failed plan without them. */
const forgetsSteps = ({ args }: FiledCommand): boolean =>
  String(args[0]) === 'HDEL' && args.slice(2).some((field) => /^s\d+$/.test(String(field)));

async function expectWhole(planId: string, { status, forgotten }: { status: string; forgotten: boolean }): Promise<void> {
  const { steps } = await planOf(store, planId);
  if (status !== 'cancelled' && !forgotten) expect(steps.filter((step) => !isEndedStep(step.status))).toEqual([]);
  const lists = (await redis.keys('{cs0}:plans:*')).sort();
  const places = await Promise.all(lists.map(async (list) => [list, await redis.zscore(list, planId)] as const));
  expect(places.flatMap(([list, score]) => (score === null ? [] : [list]))).toEqual([`{cs0}:plans:${status}`, '{cs0}:plans:ended'].sort());
  expect(await store.listApprovals()).toEqual([]);
  await expectOrder(planId);
  expect(await reconciled(store), 'what is left to mend').toEqual([]);
}

test(`a plan that was left with half a transition comes to its end, whole; seeds ${seed} and on`, { timeout: 300_000 }, async () => {
  for (let story = 0; story < STORIES; story++) {
    const random = seededRandom(seed + story);
    await redis.flushall();
    const start = mark();
    const planId = await create(random);
    for (let moves = random.between(8, 40); moves > 0; moves--) await act(planId, random);
    const units = written(start);
    // The first ones make the plan.
    const torn = units.flatMap((unit, at) => (at > 0 && unit.length > 1 ? [at] : []));
    for (const at of random.shuffled(torn).slice(0, HALVES)) {
      const before = units.slice(0, at).flat();
      const unit = units[at] as FiledCommand[];
      const part = unit.slice(0, random.between(1, unit.length - 1));

      await redis.flushall();
      await replay(before);
      const afterwards = mark();
      for (let moves = random.between(0, 5); moves > 0; moves--) await act(planId, random);
      const later = written(afterwards).flat();

      await redis.flushall();
      await replay([...before, ...part, ...later]);
      const words = part.map(({ args }) => args.slice(0, 3).join(' ')).join('\n');
      try {
        const status = await bringToItsEnd(planId, random);
        await expectWhole(planId, { status, forgotten: part.some(forgetsSteps) });
      } catch (error) {
        throw new Error(`seed ${seed + story}, unit ${at}, ${part.length} of ${unit.length} commands, ${later.length} later:\n${words}`, {
          cause: error,
        });
      }
    }
  }
});

test('no part of a completion lets a step start before all that it depends on has ended', async () => {
  await redis.flushall();
  const start = mark();
  const steps = [...['a', 'b', 'c'].map((id) => ({ id, tool: TOOL })), { id: 'd', tool: TOOL, dependsOn: ['a', 'b', 'c'] }];
  const decision = plainDecision(0, 'for a test');
  const { content, digest } = await createCommand({ plan: { objective: 'be torn', steps }, decision, draft: false });
  const created = await store.createPlan({ content, digest, origin: 'manual', createdBy: ANN.id, decision });
  if (!created.ok) throw new Error(created.refusal.message);
  const planId = created.value.id;
  for (const stepId of ['a', 'b', 'c'])
    await store.claimStep({ planId, stepId, generation: 1, delivery: 1 }, { token: stepId, executor: 'test' });
  for (const stepId of ['a', 'b']) await store.completeStep({ planId, stepId, token: stepId }, '1');
  const units = written(start);
  const last = units.at(-1) ?? [];
  expect(last.length).toBeGreaterThan(2);
  for (let part = 0; part < last.length; part++) {
    await redis.flushall();
    await replay([...units.slice(0, -1).flat(), ...last.slice(0, part)]);
    await store.completeStep({ planId, stepId: 'c', token: 'c' }, '1');
    const statusOf = Object.fromEntries((await planOf(store, planId)).steps.map(({ id, status }) => [id, status]));
    if (statusOf.b !== 'completed') expect(statusOf, `${part} of ${last.length} writes`).toMatchObject({ b: 'running', d: 'pending' });
  }
});
