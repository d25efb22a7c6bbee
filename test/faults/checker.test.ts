/** The checker finds each kind of violation: a run that was well is broken in one place at a time. */
import { type Event, type EventType, planOptionsSchema, type StepView, type ToolContract } from '@countersign/shared';
import type { AuditRecord } from '@countersign/store';
import { expect, test } from 'vitest';
import { violationsIn } from './checker.ts';
import type { Ack, LedgerLine, ListedPlan, Observed, SeenFault, SeenTask } from './observed.ts';
import { markOf, type Story } from './story.ts';

const PLAN = 'pln_1';
const NAME = 'chain-1';
const DIGEST = 'sha256:one';
/** ms of the wall clock at which the run began */
const START = 1_000_000;

type Line = [type: EventType, stepId?: string, data?: Event['data'], revision?: number];

/** Ids count up as those of a Redis stream do. */
const eventsOf = (...lines: Line[]): Event[] =>
  lines.map(([type, stepId, data = {}, revision = 1], at) => ({
    id: `${START + at}-0`,
    type,
    planId: PLAN,
    taskId: null,
    revision,
    at: new Date(START + at).toISOString(),
    data,
    ...(stepId !== undefined && { stepId }),
  }));

const ran = (id: string): Line[] => [
  ['step.queued', id, { delivery: 1 }],
  ['step.started', id],
  ['step.completed', id],
];

const WELL: Line[] = [
  ['plan.created'],
  ['plan.submitted'],
  ['plan.voted'],
  ['plan.approved'],
  ['plan.started'],
  ['step.ready', 'a'],
  ...ran('a'),
  ['step.ready', 'b'],
  ...ran('b'),
  ['plan.completed'],
];

const stepView = (id: string, more: Partial<StepView> = {}): StepView =>
  ({
    id,
    tool: 'fault.work',
    status: 'completed',
    generation: 1,
    output: { mark: markOf(NAME, 1, id) },
    dependsOn: id === 'b' ? ['a'] : [],
    runIf: 'all_success',
    forEach: null,
    children: null,
    ...more,
  }) as StepView;

const auditOf = (lines: Line[] = WELL, plan: Partial<AuditRecord['plan']> = {}): AuditRecord => {
  const steps = plan.steps ?? [stepView('a'), stepView('b')];
  const options = planOptionsSchema.parse({ maxParallelSteps: 1, ...plan.options });
  const content = { objective: NAME, description: '', input: {}, steps, options, tools: {} };
  const revision = { digest: DIGEST, origin: 'manual', promptVersion: null, createdAt: '', createdBy: 'author' } as const;
  return {
    version: 1,
    plan: { id: PLAN, revision: 1, digest: DIGEST, status: 'completed', ...plan, steps, options } as AuditRecord['plan'],
    revisions: [{ ...revision, revision: 1, content }],
    votes: [],
    events: eventsOf(...lines),
    results: {},
  };
};

function withContract(number: number): AuditRecord {
  const audit = auditOf(WELL, { steps: [stepView('a', { tool: 'fault.changing' }), stepView('b')] });
  const tools = { 'fault.changing': { description: `This is contract ${number}.` } as ToolContract };
  return { ...audit, revisions: audit.revisions.map((each) => ({ ...each, content: { ...each.content, tools } })) };
}

const call = (stepId: string, at: number, more: Partial<LedgerLine> = {}): LedgerLine[] => {
  const line = { call: `${stepId}-${at}`, pid: 7, planId: PLAN, stepId, attempt: 1, key: `${PLAN}.${stepId}.1` };
  return [
    { ...line, what: 'start', at: START + at, mark: markOf(NAME, 1, stepId), hash: stepId, ...more },
    { ...line, what: 'end', at: START + at + 10, ...more },
  ];
};

const ack = (what: Ack['do'], at: number, more: Partial<Ack> = {}): Ack => ({
  planId: PLAN,
  do: what,
  status: 200,
  sentAt: START + at,
  answeredAt: START + at,
  ...more,
});

const fault = (from: number, until: number, more: Partial<SeenFault> = {}): SeenFault => ({
  kind: 'kill_executor',
  from: START + from,
  until: START + until,
  pids: [7],
  deadly: true,
  lostSince: null,
  ...more,
});

interface Run {
  audit?: AuditRecord;
  ledger?: LedgerLine[];
  faults?: SeenFault[];
  acks?: Ack[];
  samples?: Observed['plans'][number]['samples'];
  followed?: Event[];
  tasks?: SeenTask[];
  listed?: ListedPlan[];
  told?: Observed['told'];
}

const LISTED: ListedPlan[] = [{ id: PLAN, taskId: null, objective: NAME }];

const run = ({ audit = auditOf(), ledger, faults = [], acks = [], samples = [], followed, ...more }: Run = {}): Observed => ({
  ledger: ledger ?? [...call('a', 100), ...call('b', 200)],
  plans: [
    {
      story: { name: NAME } as Story,
      id: PLAN,
      acks: [ack('approve', 0, { digest: DIGEST }), ...acks],
      samples,
      audit,
      followed: followed ?? null,
    },
  ],
  tasks: more.tasks ?? [],
  listed: more.listed ?? LISTED,
  told: more.told ?? null,
  faults,
  caps: { 'fault.narrow': 1 },
  recovery: { crashMs: 16_000, redisMs: 15_000 },
});

const found = (given: Run): string[] => violationsIn(run(given)).map(({ invariant, stepId, what }) => `${invariant} ${stepId}: ${what}`);

const TASK = 'tsk_1';
const task = (more: Partial<SeenTask> = {}): SeenTask => ({
  id: TASK,
  way: 'plain',
  status: 'planned',
  error: null,
  calls: 1,
  askedAt: START,
  endedAt: START + 50,
  ...more,
});

test('a run in which all was well has no violation', () => {
  expect(found({})).toEqual([]);
});

const sample = (stepId: string, more: object = {}) => ({
  at: START + 300,
  revision: 1,
  steps: [{ id: stepId, status: 'completed', generation: 1, output: JSON.stringify({ mark: markOf(NAME, 1, stepId) }), ...more }],
});
const CANCELLED: Line[] = [...WELL.slice(0, 12), ['step.cancelled', 'b'], ['plan.cancelled']];
const cancelled = () =>
  auditOf(CANCELLED, { status: 'cancelled', steps: [stepView('a'), stepView('b', { status: 'cancelled', output: null })] });
const narrow = (id: string) => stepView(id, { tool: 'fault.narrow', dependsOn: [] });
const PARALLEL: Line[] = [...WELL.slice(0, 5), ['step.ready', 'a'], ['step.ready', 'b'], ...ran('a'), ...ran('b'), ['plan.completed']];

test.each<[string, Run, RegExp]>([
  ['an outcome that changes', { samples: [sample('a', { output: '{"mark":"another"}' })] }, /^I1 a: was completed with/],
  ['a completed step that no tool ended', { ledger: call('a', 100) }, /^I1 b: is completed, and no call/],
  [
    'a step that has no outcome in a plan that has ended',
    { audit: auditOf([...WELL.slice(0, 9), ['plan.completed']], { steps: [stepView('a'), stepView('b', { status: 'pending' })] }) },
    /^I1 b: is pending in a plan that is completed/,
  ],
  [
    'a step that starts before what it waits for has ended',
    { audit: auditOf([...WELL.slice(0, 5), ['step.ready', 'b'], ...ran('b'), ['step.ready', 'a'], ...ran('a'), ['plan.completed']]) },
    /^I2 b: step.started .* a had not ended/,
  ],
  [
    'a step that starts behind a failure that its rule does not accept',
    {
      audit: auditOf([...WELL.slice(0, 7), ['step.failed', 'a'], ['step.ready', 'b'], ...ran('b'), ['plan.partial']], {
        status: 'partial',
        steps: [stepView('a', { status: 'failed' }), stepView('b')],
      }),
    },
    /^I2 b: step.started .* all_success does not accept a: failed/,
  ],
  [
    'more steps in flight than the cap',
    {
      audit: auditOf(
        [
          ...PARALLEL.slice(0, 7),
          ['step.queued', 'a', { delivery: 1 }],
          ['step.queued', 'b', { delivery: 1 }],
          ...ran('a').slice(1),
          ...ran('b').slice(1),
          ['plan.completed'],
        ],
        { steps: [stepView('a'), stepView('b', { dependsOn: [] })] },
      ),
    },
    /^I3 b: step.queued .* 2 steps are in flight, the cap is 1/,
  ],
  [
    'more calls of a plan at once than its cap',
    { ledger: [...call('a', 100), ...call('b', 105)] },
    /^I3 null: 2 calls at once, the cap is 1/,
  ],
  [
    'more calls of a tool at once than its cap',
    {
      audit: auditOf(PARALLEL, { steps: [narrow('a'), narrow('b')], options: planOptionsSchema.parse({ maxParallelSteps: 5 }) }),
      ledger: [...call('a', 100), ...call('b', 105)],
    },
    /^I3 null: 2 calls of fault.narrow at once, its cap is 1/,
  ],
  ['a cancel that is forgotten', { acks: [ack('cancel', 500)] }, /^I4 null: was cancelled, and is completed/],
  [
    'a call after a cancel',
    { audit: cancelled(), acks: [ack('cancel', 150)], ledger: [...call('a', 100), ...call('b', 900)] },
    /^I4 b: was called 750 ms after the cancel/,
  ],
  [
    'a step that starts after the cancel was written',
    {
      audit: auditOf([...CANCELLED, ['step.started', 'b']], {
        status: 'cancelled',
        steps: [stepView('a'), stepView('b', { status: 'running' })],
      }),
    },
    /^I4 b: step.started .* the plan was cancelled/,
  ],
  [
    'a call that nobody signed',
    { ledger: [...call('a', 100), ...call('b', 200, { mark: markOf(NAME, 2, 'b') })] },
    /^I5 b: was called with chain-1\/2\/b, which stands in no revision/,
  ],
  [
    'a call under another contract than people signed',
    { audit: withContract(1), ledger: [...call('a', 100, { contract: 2 }), ...call('b', 200)] },
    /^I5 a: was called with contract 2 of fault.changing, and 1 was approved/,
  ],
  [
    'steps of a revision that was not approved',
    {
      audit: auditOf(
        [
          ['plan.created'],
          ['plan.submitted'],
          ['plan.approved'],
          ['plan.started'],
          ['step.ready', 'a'],
          ['step.queued', 'a', { delivery: 1 }],
          ['step.started', 'a', {}, 2],
        ],
        { status: 'executing' },
      ),
    },
    /^I5 a: step.started .* revision 2 runs, approved was 1/,
  ],
  [
    'an event that is missing',
    { audit: auditOf(WELL.filter(([type, id]) => !(type === 'step.started' && id === 'a'))) },
    /^I6 a: step.completed .* the step was queued/,
  ],
  [
    'events that lead to another state',
    { audit: auditOf(WELL.slice(0, -1)) },
    /^I6 null: .* the events lead to executing, the plan is completed/,
  ],
  [
    'an event that a follower did not see',
    { followed: eventsOf(...WELL).filter((_, at) => at !== 5) },
    /^I6 null: a follower saw 13 events, 14 were written; they differ from number 5 on/,
  ],
  ['a plan that does not end', { audit: auditOf(WELL.slice(0, -1), { status: 'executing' }) }, /^I7 null: is still executing/],
  [
    'a second call without a reason',
    { ledger: [...call('a', 100), ...call('a', 150), ...call('b', 200)] },
    /^I8 a: attempt 1 \(end\) was followed by attempt 1, and no fault hit it/,
  ],
  [
    'a call under another key',
    { ledger: [...call('a', 100, { key: 'pln_1.x.1' }), ...call('a', 120), ...call('b', 200)] },
    /^I8 a: has the key pln_1.x.1/,
  ],
  [
    'another input in the second call',
    { ledger: [...call('a', 100), ...call('a', 150, { hash: 'other' }), ...call('b', 200)], faults: [fault(105, 140)] },
    /^I8 a: was called with another input/,
  ],
  [
    'a step that nobody takes over for too long',
    {
      audit: {
        ...auditOf(),
        events: eventsOf(...WELL).map((event, at) => (at < 8 ? event : { ...event, id: `${START + 20_000 + at}-0` })),
      },
      ledger: [...call('a', 6).slice(0, 1), ...call('a', 20_000), ...call('b', 20_100)],
      faults: [fault(8, 9)],
    },
    /^I9 null: kill_executor at .*: work went on after 20000 ms, it may take 16000/,
  ],
  [
    'a vote that was acknowledged and is gone',
    { acks: [ack('approve', 10)] },
    /^I1 null: 2 times approve was acknowledged, and 1 times written/,
  ],
  [
    'an answer to a gate that was acknowledged and is gone',
    { acks: [ack('approve_gate', 10, { stepId: 'a' })] },
    /^I1 a: 1 times approve_gate was acknowledged, and 0 times written/,
  ],
  [
    'a submit that made two plans',
    { listed: [...LISTED, { id: 'pln_2', taskId: null, objective: NAME }] },
    /^I1 null: is a second plan of what was submitted once: pln_1/,
  ],
  [
    'a plan that nobody submitted',
    { listed: [...LISTED, { id: 'pln_2', taskId: null, objective: 'other' }] },
    /^I1 null: was told to nobody/,
  ],
  ['a plan that the list does not have', { listed: [] }, /^I1 null: is not in the list/],
  ['a planned task without a plan', { tasks: [task()] }, /^I1 null: is a task that is planned and has no plan/],
  [
    'a failed task with a plan',
    { tasks: [task({ way: 'down', status: 'failed' })], listed: [...LISTED, { id: 'pln_2', taskId: TASK, objective: 'other' }] },
    /^I1 null: is the plan of the task tsk_1, which failed/,
  ],
  ['a task that does not end', { tasks: [task({ status: 'planning' })] }, /^I7 null: is a plain task and planning/],
  ['a task that fails without need', { tasks: [task({ status: 'failed' })] }, /^I7 null: is a plain task and failed/],
  ['a task that fails without a reason', { tasks: [task({ way: 'down', status: 'failed' })] }, /^I7 null: failed without a reason/],
  ['a model that is asked too often', { tasks: [task({ calls: 2 })] }, /^I8 null: .* asked for 2 times, not 1/],
  [
    'an end that nobody was told of',
    { told: { events: new Set(), forged: 0, messages: 0 } },
    /^I7 null: nobody was told of plan.completed/,
  ],
  ['a forged webhook', { told: { events: new Set(), forged: 1, messages: 1 } }, /^I5 null: 1 webhooks came with a wrong signature/],
])('%s', (_what, given, message) => {
  expect(found(given)).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
});

test.each<[string, Run]>([
  [
    'a second call behind a crash of its process',
    { ledger: [...call('a', 100).slice(0, 1), ...call('a', 150), ...call('b', 200)], faults: [fault(105, 110)] },
  ],
  [
    'a call that a stopped process made late',
    {
      audit: cancelled(),
      acks: [ack('cancel', 150)],
      ledger: [...call('a', 100), ...call('b', 900)],
      faults: [fault(120, 890, { deadly: false })],
    },
  ],
  [
    'an outcome that a cut of the append-only file took back',
    { samples: [sample('a', { output: '{"mark":"another"}' })], faults: [fault(320, 330, { lostSince: START, pids: [] })] },
  ],
  [
    'a step that failed and that somebody gave up',
    {
      samples: [sample('b', { status: 'failed', output: 'null' })],
      audit: auditOf([...WELL.slice(0, 12), ['step.failed', 'b'], ['plan.failed'], ['step.skipped', 'b']], {
        status: 'failed',
        steps: [stepView('a'), stepView('b', { status: 'skipped', output: null })],
      }),
    },
  ],
  [
    'a call that ended with everything else, and that nobody made again',
    {
      audit: auditOf(
        [
          ...WELL.slice(0, 5),
          ['step.ready', 'b'],
          ['step.queued', 'b', { delivery: 1 }],
          ['step.started', 'b'],
          ['step.cancelled', 'b'],
          ['step.ready', 'a'],
          ...ran('a'),
          ['plan.partial'],
        ],
        { status: 'partial', steps: [stepView('a'), stepView('b', { status: 'cancelled', dependsOn: [] })] },
      ),
      ledger: [...call('b', 50).slice(0, 1), ...call('a', 100)],
      faults: [fault(60, 70, { kind: 'kill_all', pids: [] })],
    },
  ],
  [
    'a call of the model that a fault cost',
    { tasks: [task({ calls: 2 })], listed: [...LISTED, { id: 'pln_2', taskId: TASK, objective: 'other' }], faults: [fault(10, 20)] },
  ],
  ['an end that was told', { told: { events: new Set(eventsOf(...WELL).map(({ id }) => id)), forged: 0, messages: 1 } }],
])('no violation: %s', (_what, given) => {
  expect(found(given)).toEqual([]);
});
