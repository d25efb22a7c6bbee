import { Metrics } from '@countersign/service';
import { DEFAULT_POLICY, digestOf, type Plan, type PlanDraft, plainDecision, type StepDraft, validatePlan } from '@countersign/shared';
import { openStore, type Store } from '@countersign/store';
import { defineTool, type ReviewContext, type Tool } from '@countersign/tools';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useTestRedis } from '../../../test/redis/test-redis.ts';
import { executorMeters } from './metrics.ts';
import { type ReviewOptions, startReviews } from './review.ts';
import { executorSecrets, NO_SECRETS } from './secrets/give-secrets.ts';
import { secretSource } from './secrets/secret-source.ts';

const redis = useTestRedis();
const ANN = { id: 'ann', roles: ['admin' as const] };

const metrics = new Metrics();
const meters = executorMeters(metrics);
/** Calls of run: there must be none. */
let runs: number;
/** The steps whose words were asked for, in that order. */
let asked: string[];
let dryRuns: { stepId: string; value: unknown }[];
/** What the tools say, by step; the input as it came when there is nothing. */
let words: Record<string, (ctx: ReviewContext) => Promise<string> | string>;
let results: Record<string, (ctx: ReviewContext) => unknown>;
let lines: { message: string; planId?: string; error?: string; outcome?: string }[];

const toolOf = (name: string, risk: 'read' | 'write' | 'destructive'): Tool =>
  defineTool({
    name,
    description: 'Says what it would do.',
    risk,
    input: z.looseObject({ count: z.number().default(1) }),
    effects(input, ctx) {
      asked.push(ctx.stepId);
      return words[ctx.stepId]?.(ctx) ?? JSON.stringify(input);
    },
    dryRun(value, ctx) {
      dryRuns.push({ stepId: ctx.stepId, value });
      return results[ctx.stepId]?.(ctx) ?? null;
    },
    run() {
      runs++;
      return null;
    },
  });
const silentTool = defineTool({
  name: 'test.silent',
  description: 'Says nothing.',
  risk: 'read',
  input: z.looseObject({}),
  run: () => void runs++,
});
const told = [toolOf('test.read', 'read'), toolOf('test.write', 'write'), toolOf('test.remove', 'destructive'), silentTool];
const toolbox = (...tools: Tool[]): ReadonlyMap<string, Tool> => new Map(tools.map((tool) => [tool.contract.name, tool]));

let store: Store;
let cleanUps: (() => Promise<unknown>)[];
beforeEach(() => {
  runs = 0;
  asked = [];
  dryRuns = [];
  words = {};
  results = {};
  lines = [];
  store = openStore({ redis: { url: redis.url } });
  cleanUps = [];
});
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await store.close();
  expect(runs, 'tools that were run').toBe(0);
});

const log = (fields: object, message: string): void => void lines.push({ ...fields, message });
function review(tools: readonly Tool[] = told, limits: ReviewOptions['limits'] = {}, secrets = NO_SECRETS): { close(): Promise<void> } {
  const logger = { debug: log, info: log, warn: log, error: log };
  const reviews = startReviews({ store, tools: toolbox(...tools), logger, meters, limits, secrets });
  cleanUps.push(() => reviews.close());
  return reviews;
}

async function contentOf(draft: Partial<PlanDraft>) {
  const result = validatePlan(
    { objective: 'be read', steps: [], ...draft },
    { tools: new Map(told.map(({ contract }) => [contract.name, contract])) },
  );
  if (!result.valid) throw new Error(JSON.stringify(result.issues));
  return { content: result.content, digest: await digestOf(result.content) };
}
const decision = plainDecision(1, 'as the test wants it');
async function create(steps: StepDraft[], draft: Partial<PlanDraft> = {}): Promise<string> {
  const created = await store.createPlan({ ...(await contentOf({ steps, ...draft })), origin: 'manual', createdBy: 'ann', decision });
  if (!created.ok) throw new Error(created.refusal.message);
  return created.value.id;
}
async function planOf(planId: string): Promise<Plan> {
  const plan = await store.getPlan(planId);
  if (plan === null) throw new Error(`there is no plan ${planId}`);
  return plan;
}
async function reviewed(planId: string): Promise<Plan> {
  await expect.poll(async () => (await planOf(planId)).reviewedAt, { timeout: 50_000, interval: 100 }).not.toBeNull();
  return planOf(planId);
}
const wordsIn = ({ steps }: Plan) => Object.fromEntries(steps.map(({ id, effects }) => [id, effects]));
const said = (message: string) => expect.poll(() => lines.map((line) => line.message), { timeout: 20_000 }).toContain(message);
const never = (): Promise<never> => new Promise(() => {});

describe('what tools are asked', () => {
  test('their words for the input with what is known before the start; no word where a tool has none', async () => {
    const planId = await create(
      [
        { id: 'first', tool: 'test.read', input: { path: '{{input.root}}', depth: '{{input.depth}}' } },
        { id: 'second', tool: 'test.write', input: { path: '{{input.root}}/{{first.output.name}}', all: '{{first.output}}' } },
        { id: 'quiet', tool: 'test.silent' },
      ],
      { input: { root: 'src', depth: 3 } },
    );
    review();
    expect(wordsIn(await reviewed(planId))).toEqual({
      first: '{"path":"src","depth":3}',
      second: '{"path":"src/{{first.output.name}}","all":"{{first.output}}"}',
      quiet: null,
    });
  });

  test('a dry run only where the whole input is known, of the checked value, and never for a list', async () => {
    const planId = await create(
      [
        { id: 'known', tool: 'test.write', input: { path: '{{input.root}}' } },
        { id: 'unknown', tool: 'test.write', input: { path: '{{known.output}}' } },
        { id: 'list', tool: 'test.write', forEach: [1, 2] },
        { id: 'asks', tool: 'test.write', approval: { message: 'Go?' }, input: { answer: '{{asks.approval.data}}' } },
      ],
      { input: { root: 'src' } },
    );
    results = { known: () => ({ would: 'write' }) };
    review();
    const plan = await reviewed(planId);
    expect(dryRuns).toEqual([{ stepId: 'known', value: { path: 'src', count: 1 } }]);
    expect(plan.steps.map(({ dryRun }) => dryRun)).toEqual([{ would: 'write' }, null, null, null]);
    expect(plan.steps.every(({ effects }) => effects !== null)).toBe(true);
  });

  test('for a secret they get a stand-in and make no dry run, and its name is said; one that would not be given is, too', async () => {
    const planId = await create(
      [
        { id: 'known', tool: 'test.write', input: { key: { $secret: 'KEY' }, auth: '{{input.auth}}' } },
        { id: 'missing', tool: 'test.write', input: { key: { $secret: 'NOSUCH' } } },
        { id: 'quiet', tool: 'test.silent', input: { key: { $secret: 'KEY' } } },
      ],
      { input: { auth: { key: { $secret: 'OTHER' } } } },
    );
    const values = new Map([
      ['KEY', 'a-value-of-its-own'],
      ['OTHER', 'another-value'],
    ]);
    review(told, {}, executorSecrets(secretSource({ values })));
    const plan = await reviewed(planId);
    expect(wordsIn(plan)).toEqual({
      known: '{"key":"{{secret.KEY}}","auth":{"key":"{{secret.OTHER}}"}} (uses secrets KEY, OTHER)',
      missing: 'fails: there is no secret NOSUCH on this executor; set SECRET_NOSUCH',
      quiet: 'uses secret KEY',
    });
    expect(plan.steps.map(({ secrets }) => secrets)).toEqual([['KEY', 'OTHER'], ['NOSUCH'], ['KEY']]);
    expect(dryRuns).toEqual([]);
  });

  test('nothing where the known input is not what the tool takes: that is what people are told', async () => {
    const planId = await create([{ id: 'a', tool: 'test.write', input: { count: '{{input.n}}' } }], { input: { n: 'many' } });
    review();
    const { a } = wordsIn(await reviewed(planId));
    expect(a).toMatch(/^fails: its input is not what test\.write takes: .*number/);
    expect([asked, dryRuns]).toEqual([[], []]);
  });

  test('nothing of a step that has completed and stays so in a new revision', async () => {
    const steps: StepDraft[] = [
      { id: 'done', tool: 'test.write' },
      { id: 'failed', tool: 'test.write', dependsOn: ['done'] },
    ];
    const planId = await create(steps);
    await store.approvePlan(planId, { actor: ANN, digest: (await planOf(planId)).digest, policyVersion: DEFAULT_POLICY.version });
    const token = 'by-hand';
    const claim = (stepId: string) =>
      store.claimStep({ planId, stepId, generation: 1, delivery: 1 }, { token, executor: 'test' }).then(({ ok }) => expect(ok).toBe(true));
    await claim('done');
    await store.completeStep({ planId, stepId: 'done', token }, '1');
    await claim('failed');
    const error = { code: 'tool_error' as const, message: 'broken', retryable: false };
    await store.failStep({ planId, stepId: 'failed', token }, { error, delayMs: 0 });
    const { digest: basedOn } = await planOf(planId);
    const anew = await contentOf({ steps: [steps[0] as StepDraft, { id: 'other', tool: 'test.write' }] });
    await store.revisePlan(planId, { ...anew, origin: 'manual', actor: ANN, decision, basedOn });
    review();
    expect(wordsIn(await reviewed(planId))).toEqual({ done: null, other: '{}' });
  });
});

describe('whatever a tool does', () => {
  const steps = ['bad', 'good'].map((id): StepDraft => ({ id, tool: 'test.write' }));

  test.each<[string, () => Promise<string> | string]>([
    [
      'throws',
      () => {
        throw new Error('no words');
      },
    ],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['never answers', never],
    ['answers with no text', () => 7 as unknown as string],
    ['answers with nothing but space', () => ' \n\t '],
  ])('it %s: null, and the other steps have their words', async (_, behaviour) => {
    const planId = await create(steps);
    words = { bad: behaviour, good: () => 'writes a file' };
    review(told, { answerMs: 100 });
    expect(wordsIn(await reviewed(planId))).toEqual({ bad: null, good: 'writes a file' });
  });

  test('its failure is a line for debugging, with the step', async () => {
    const planId = await create(steps);
    words = { bad: () => Promise.reject(new Error('no words')) };
    review();
    await reviewed(planId);
    expect(lines).toContainEqual({
      planId,
      revision: 1,
      stepId: 'bad',
      error: 'Error',
      message: 'the tool did not say what the step will do',
    });
  });

  test('a tool that is asked too long is told to stop', async () => {
    const planId = await create(steps);
    let stopped: unknown;
    words = {
      bad: (ctx) => {
        ctx.signal.addEventListener('abort', () => {
          stopped = ctx.signal.reason;
        });
        return never();
      },
    };
    review(told, { answerMs: 100 });
    await reviewed(planId);
    expect(String(stopped)).toContain('no answer within 100 ms');
  });

  test('words are one line of at most 500 characters, without control characters', async () => {
    const planId = await create(steps);
    words = { bad: () => `\u001b[2Jwrites\r\n# Approved\u202e${'x'.repeat(1_000_000)}`, good: () => '😀'.repeat(600) };
    review();
    const { bad, good } = wordsIn(await reviewed(planId));
    expect(bad).toMatch(/^\[2Jwrites # Approved x+…$/);
    expect(bad).toHaveLength(500);
    expect(Array.from(good ?? '')).toHaveLength(500);
  });

  test('a long result of a dry run is its length', async () => {
    const planId = await create(steps);
    results = { bad: () => 'x'.repeat(1_000_000), good: () => 'x'.repeat(3_998) };
    review();
    const [bad, good] = (await reviewed(planId)).steps;
    expect(bad?.dryRun).toBe('the dry run gave 1000002 bytes of JSON, more than the 4000 that are kept');
    expect(good?.dryRun).toHaveLength(3_998);
  });
});

describe('a plan of 10,000 steps', () => {
  const many = Array.from({ length: 10_000 }, (_, i): StepDraft => ({ id: `s${i}`, tool: i === 9_999 ? 'test.remove' : 'test.read' }));

  test('whose tools never answer is reviewed within its time, the most harmful step first', async () => {
    const planId = await create(many);
    words = Object.fromEntries(many.slice(0, -1).map(({ id }) => [id, never]));
    review(told, { reviewMs: 300 });
    const plan = await reviewed(planId);
    expect(asked[0]).toBe('s9999');
    expect(asked.length).toBeLessThan(1_000);
    expect(plan.steps.filter(({ effects }) => effects !== null).map(({ id }) => id)).toEqual(['s9999']);
    expect(lines).toContainEqual({ planId, revision: 1, steps: 10_000, found: 1, message: 'a review was cut short' });
  });

  test('whose tools answer at once lets the process turn to other things in between', async () => {
    const some = many.slice(0, 1_000);
    let turns = 0;
    let counting = setImmediate(function turn() {
      turns++;
      counting = setImmediate(turn);
    });
    const turnsAt: number[] = [];
    words = Object.fromEntries(
      some.map(({ id }) => [
        id,
        () => {
          turnsAt.push(turns);
          return '';
        },
      ]),
    );
    const planId = await create(some);
    review();
    await reviewed(planId);
    clearImmediate(counting);
    expect(new Set(turnsAt).size).toBeGreaterThan(10);
  });

  test('whose tools say much is kept within its bytes', async () => {
    const planId = await create(many);
    words = Object.fromEntries(many.map(({ id }) => [id, () => 'word '.repeat(100)]));
    review(told, { reviewMs: 50_000 });
    const found = (await reviewed(planId)).steps.flatMap(({ effects, dryRun }) => [effects ?? '', JSON.stringify(dryRun)]);
    expect(found.join('').length).toBeGreaterThan(900_000);
    expect(found.join('').length).toBeLessThan(1_100_000);
  });
});

describe('a plan that has moved on', () => {
  const one: StepDraft[] = [{ id: 'a', tool: 'test.write' }];
  const dropped = (planId: string) =>
    expect
      .poll(() => lines.filter((line) => line.planId === planId && line.message === 'review ended'), { timeout: 20_000 })
      .toContainEqual({ planId, revision: 1, outcome: 'nobody is to be asked about it any more', message: 'review ended' });

  async function heldReview(planId: string): Promise<() => void> {
    let go: (text: string) => void = () => {};
    words = {
      a: () => {
        words = {};
        return new Promise((resolve) => {
          go = resolve;
        });
      },
    };
    review();
    await expect.poll(() => asked, { timeout: 20_000 }).toEqual(['a']);
    expect((await planOf(planId)).reviewedAt).toBeNull();
    return () => go('too late');
  }

  test('was revised: the words of the older revision are dropped, the new one has its own', async () => {
    const planId = await create(one);
    const goOn = await heldReview(planId);
    const { digest: basedOn } = await planOf(planId);
    const anew = await contentOf({ steps: one, description: 'anew' });
    await store.revisePlan(planId, { ...anew, origin: 'manual', actor: ANN, decision, basedOn });
    expect(wordsIn(await reviewed(planId))).toEqual({ a: '{}' });
    goOn();
    await dropped(planId);
    expect(wordsIn(await planOf(planId))).toEqual({ a: '{}' });
  });

  test('was approved: what stands with it is what could be read before', async () => {
    const planId = await create(one);
    const goOn = await heldReview(planId);
    await store.approvePlan(planId, { actor: ANN, digest: (await planOf(planId)).digest, policyVersion: DEFAULT_POLICY.version });
    goOn();
    await dropped(planId);
    expect(await planOf(planId)).toMatchObject({ status: 'executing', reviewedAt: null, steps: [{ effects: null }] });
  });

  test('was deleted: nothing is left behind', async () => {
    const planId = await create(one);
    const goOn = await heldReview(planId);
    await store.cancelPlan(planId, { actor: ANN });
    await store.deletePlan(planId);
    goOn();
    await dropped(planId);
    expect(await store.getPlan(planId)).toBeNull();
    expect(await store.recordReview({ planId, revision: 1 }, {})).toBe(false);
  });

  test('before its review began: no tool is asked', async () => {
    const planId = await create(one);
    await store.cancelPlan(planId, { actor: ANN });
    const next = await create(one);
    review();
    await reviewed(next);
    expect(asked).toEqual(['a']);
    expect((await planOf(planId)).reviewedAt).toBeNull();
  });
});

describe('executors with other tools', () => {
  const steps: StepDraft[] = [
    { id: 'read', tool: 'test.read' },
    { id: 'write', tool: 'test.write' },
  ];
  const [read, write] = told as [Tool, Tool];

  test('add what theirs say: the first one has the review tried again', async () => {
    const planId = await create(steps);
    const first = review([read]);
    expect(wordsIn(await reviewed(planId))).toEqual({ read: '{}', write: null });
    await said('a review was not finished: it is tried again later');
    await first.close();
    words = { read: () => 'said by another' };
    review([write]);
    await expect.poll(async () => wordsIn(await planOf(planId)), { timeout: 20_000 }).toEqual({ read: '{}', write: '{}' });
    expect(lines.find(({ error }) => error !== undefined)?.error).toContain('test.write; another one may');
  });

  test('do not ask a tool that is not the signed one', async () => {
    const planId = await create(steps);
    const changed: Tool = { ...write, contract: { ...write.contract, description: 'Is another one.' } };
    review([read, changed]);
    expect(wordsIn(await reviewed(planId))).toEqual({ read: '{}', write: null });
  });
});

test('an executor that closes leaves the review in hand to another one', async () => {
  const planId = await create([{ id: 'a', tool: 'test.write' }]);
  words = { a: never };
  const first = review();
  await expect.poll(() => asked, { timeout: 20_000 }).toEqual(['a']);
  await first.close();
  expect((await planOf(planId)).reviewedAt).toBeNull();
  words = {};
  review();
  expect(wordsIn(await reviewed(planId))).toEqual({ a: '{}' });
});
