import { describe, expect, it } from 'vitest';
import { plainDecision } from './decide-policy.ts';
import type { ChildView, GateView, Plan, PlanningRequest, StepView } from './plan.ts';
import { planOptionsSchema } from './plan.ts';
import { effectsText, planMarkdown } from './plan-markdown.ts';
import { planMermaid } from './plan-mermaid.ts';
import { retryPolicySchema } from './retry.ts';

const step = (fields: Partial<StepView>): StepView => ({
  id: 'list',
  tool: 'fs.list',
  description: '',
  input: {},
  dependsOn: [],
  when: null,
  runIf: 'none_failed_min_one_success',
  retry: retryPolicySchema.parse({}),
  timeoutMs: 30_000,
  onError: 'stop',
  approval: null,
  forEach: null,
  maxItems: null,
  ifTrue: [],
  ifFalse: [],
  resolvedInput: null,
  risk: 'read',
  secrets: [],
  effects: null,
  dryRun: null,
  status: 'pending',
  reason: null,
  attempt: 0,
  generation: 1,
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  output: null,
  error: null,
  progress: null,
  gate: null,
  children: null,
  ...fields,
});

const AT = '2026-01-01T00:00:00.000Z';
const gate = (fields: Partial<GateView>): GateView => ({
  message: 'Publish v2?',
  since: AT,
  deadline: null,
  need: 2,
  have: 1,
  decision: null,
  votes: [],
  data: null,
  ...fields,
});
const child = (index: number, status: ChildView['status']): ChildView => {
  const { resolvedInput, reason, attempt, generation, startedAt, finishedAt, durationMs, output, error, progress } = step({});
  const rest = { resolvedInput, reason, attempt, generation, startedAt, finishedAt, durationMs, output, error, progress };
  return { id: `count[${index}]`, index, item: index, status, ...rest };
};
const request = (fields: Partial<PlanningRequest>): PlanningRequest => ({
  number: 1,
  kind: 'revise',
  status: 'queued',
  requestedBy: 'bob',
  requestedByRoles: [],
  requestedAt: AT,
  feedback: 'Fewer steps',
  rounds: [],
  error: null,
  ...fields,
});

const plan = (fields: Partial<Plan>): Plan => ({
  id: 'pln_0000000000000000000000',
  taskId: null,
  revision: 1,
  digest: `sha256:${'0'.repeat(64)}`,
  status: 'pending_approval',
  objective: 'Count the files',
  description: '',
  input: {},
  options: planOptionsSchema.parse({}),
  createdBy: 'alice',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  startedAt: null,
  finishedAt: null,
  durationMs: null,
  policy: {
    ...plainDecision(1, 'the plan asks for an approval'),
    demands: [{ count: 1, roles: [], notSubmitter: false, have: 0 }],
    submitter: { actor: 'alice', roles: [] },
    submitters: ['alice'],
  },
  quorum: 1,
  approvals: [],
  autoApproved: null,
  rejection: null,
  cancellation: null,
  progress: { total: 2, completed: 0, failed: 0, skipped: 0, cancelled: 0, running: 0, waiting: 2, percent: 0 },
  effects: { read: 1, write: 1, destructive: 0 },
  origin: 'openai',
  promptVersion: null,
  reviewedAt: null,
  usage: { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: null },
  steps: [step({}), step({ id: 'write', tool: 'fs.write', risk: 'write', dependsOn: ['list'], input: { path: 'out.md' } })],
  response: null,
  error: null,
  planning: null,
  ...fields,
});

const rows = (markdown: string): string[] => markdown.split('\n').filter((line) => /^\| \d/.test(line));
/** Cells as a Markdown reader splits them: at each '|' that no backslash escapes. */
const cells = (row: string): string[] => row.slice(1, -1).split(/(?<!(?<!\\)(?:\\\\)*\\)\|/);

describe('a plan as Markdown', () => {
  it('says what the plan is for, where it stands, what it does and which steps it has', () => {
    const text = planMarkdown(plan({}));
    expect(text).toContain('# Count the files\n');
    expect(text).toContain('- **Status:** pending approval\n');
    expect(text).toContain('- **Effects:** 1 read, 1 write, 0 destructive\n');
    expect(text).toContain('- **Approvals:** 0 of 1\n');
    expect(rows(text)).toEqual([
      '| 1 | `list` | `fs.list` | read |  |  | pending |',
      '| 2 | `write` | `fs.write` | write | `list` | `{"path":"out.md"}` | pending |',
    ]);
  });

  it('shows the input that the steps refer to, and says how much of it is left out', () => {
    const inputs = (input: Plan['input']) =>
      /\n## Input\n\n((?:- .*\n)*)/
        .exec(planMarkdown(plan({ input })))?.[1]
        ?.trimEnd()
        .split('\n');
    expect(inputs({})).toBeUndefined();
    expect(inputs({ root: 'src', '`# x': ['<b>|', 7] })).toEqual(['- `root`: `"src"`', '- `\'# x`: `["\\u003cb>|",7]`']);
    expect(inputs({ text: 'x'.repeat(5_000) })?.[0]?.length).toBeLessThan(400);
    const many = inputs(Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`name${at}`, at])));
    expect([many?.length, many?.at(-1)]).toEqual([51, '- and 10 more']);
  });

  it('counts effects in the plural where there is not one', () => {
    expect(effectsText({ read: 4, write: 2, destructive: 0 })).toBe('4 reads, 2 writes, 0 destructive');
    expect(effectsText({ read: 1, write: 0, destructive: 1 })).toBe('1 read, 0 writes, 1 destructive');
  });

  it('says whether tools were asked what the steps will do, while that is of interest', () => {
    const asked = (fields: Partial<Plan>) => /- \*\*Review:\*\* (.*)/.exec(planMarkdown(plan(fields)))?.[1];
    expect(asked({})).toBe('not looked at yet');
    expect(asked({ status: 'draft' })).toBe('not looked at yet');
    expect(asked({ status: 'executing' })).toBeUndefined();
    expect(asked({ status: 'completed', reviewedAt: AT })).toBe(`tools were asked at ${AT} what the steps will do`);
  });

  it('shows which step gives which secrets to which tool', () => {
    const steps = [
      step({ id: 'list' }),
      step({ id: 'send', tool: 'http.request', secrets: ['KEY', 'TOKEN'] }),
      step({ id: 'post', secrets: ['KEY'] }),
    ];
    const text = planMarkdown(plan({ steps }));
    expect(text).toContain('## Secrets\n\n- `send`: `http.request` uses secrets `KEY`, `TOKEN`\n- `post`: `fs.list` uses secret `KEY`\n');
    expect(planMarkdown(plan({ steps: [step({})] }))).not.toContain('Secrets');
  });

  it('shows what tools say that the steps will do, and what their dry runs gave', () => {
    const text = planMarkdown(
      plan({
        reviewedAt: AT,
        steps: [step({}), step({ id: 'rm', risk: 'destructive', effects: 'deletes 3 files under *reports*', dryRun: { files: 3 } })],
      }),
    );
    expect(text).toContain('| # | Step | Tool | Risk | What it will do | After | Input | Status |\n|---:|---|---|---|---|---|---|---|\n');
    expect(rows(text)).toEqual([
      '| 1 | `list` | `fs.list` | read |  |  |  | pending |',
      '| 2 | `rm` | `fs.list` | **destructive** | deletes 3 files under \\*reports\\* |  |  | pending |',
    ]);
    expect(text).toContain('## Dry runs\n\nWhat tools found out beforehand, without changing anything:\n\n- `rm`: `{"files":3}`\n');
  });

  it('lets no tool forge a heading, a cell or a digest with what it says', () => {
    const effects = `reads | **destructive** |\n\n# Approved\n- **Digest:** \`sha256:${'1'.repeat(64)}\` <b>`;
    const text = planMarkdown(plan({ steps: [step({ effects, dryRun: effects }), step({ id: 'b', effects: 'x'.repeat(500) })] }));
    expect(rows(text).map((row) => cells(row).length)).toEqual([8, 8]);
    expect(text.match(/^- \*\*Digest:/gm)).toHaveLength(1);
    expect(text).not.toMatch(/^#+ Approved/m);
    expect(text).not.toContain('<b>');
    expect(cells(rows(text)[0] as string)[4]).not.toMatch(/(?<!\\)[*`|]/);
    expect(cells(rows(text)[1] as string)[4]?.trim().length).toBe(200);
  });

  it('keeps a table row in one piece whatever the input, the reason and the ids hold', () => {
    const hostile = 'a | b ` c \\| d\n| 9 | x |\r\u2028<script>alert(1)</script>';
    const reason = { kind: 'dependencies' as const, text: hostile, detail: {} };
    const text = planMarkdown(
      plan({ steps: [step({ id: hostile, tool: hostile, dependsOn: [hostile], input: { [hostile]: hostile }, reason })] }),
    );
    expect(rows(text)).toHaveLength(1);
    expect(cells(rows(text)[0] as string)).toHaveLength(7);
    expect(cells(rows(text)[0] as string)[5]).not.toContain('<script>');
  });

  it('renders no HTML, link or heading out of what people and tools wrote', () => {
    const hostile = '<img src=x onerror=alert(1)>\n\n# Approved\n[here](javascript:alert(1))';
    const error = { code: 'tool_error' as const, message: hostile, retryable: false };
    const text = planMarkdown(
      plan({
        objective: hostile,
        description: hostile,
        response: hostile,
        rejection: { actor: hostile, at: '2026-01-01T00:00:00.000Z', digest: '', reason: hostile },
        steps: [step({ status: 'failed', error }), step({ id: 'b', status: 'completed', output: hostile })],
      }),
    );
    expect(text).not.toContain('<img');
    expect(text).not.toMatch(/^#+ Approved/m);
    expect(text).not.toMatch(/^> # /m);
    expect(text.replace(/`[^`\n]*`/g, '')).not.toContain('[here](');
  });

  it('shortens what is long, without cutting a character in half', () => {
    const text = planMarkdown(
      plan({ steps: [step({ status: 'completed', input: { text: '😀'.repeat(500) }, output: 'x'.repeat(100_000) })] }),
    );
    expect(text.length).toBeLessThan(2_000);
    expect(text).toContain('…`');
    expect(() => encodeURIComponent(text)).not.toThrow();
  });

  it('tells what failed and what came out', () => {
    const error = { code: 'timeout' as const, message: 'took longer than 30000 ms', retryable: true };
    const text = planMarkdown(
      plan({ steps: [step({ status: 'completed', output: ['a', 'b'] }), step({ id: 'write', status: 'failed', error })] }),
    );
    expect(text).toContain('## Errors\n\n- `write`: `timeout` took longer than 30000 ms\n');
    expect(text).toContain('## Outputs\n\n- `list`: `["a","b"]`\n');
  });
});

const sectionOf = (markdown: string, title: string): string[] =>
  (markdown.split(`\n## ${title}\n\n`)[1] ?? '').split('\n\n')[0]?.trimEnd().split('\n') ?? [];

describe('the rules of a plan as Markdown', () => {
  it('have no section where there are none, nor options where all are as by default', () => {
    expect(planMarkdown(plan({}))).not.toMatch(/## (Conditions|Branches|Gates|Lists)|\*\*(Options|Planner)/);
  });

  it('say when a step runs, and what is not as the plan has it', () => {
    const steps = [
      step({ id: 'a', when: '{{list.output.total}} <= 3 and {{list.output.total}} < 9' }),
      step({ id: 'b', runIf: 'all_done', onError: 'continue' }),
      step({ id: 'c' }),
    ];
    expect(sectionOf(planMarkdown(plan({ steps })), 'Conditions')).toEqual([
      '- `a`: when `{{list.output.total}} <= 3 and {{list.output.total}} < 9`',
      '- `b`: runs when the steps before it have ended, however they did; the plan goes on if it fails',
    ]);
    const options = planOptionsSchema.parse({ stopOnError: false });
    expect(sectionOf(planMarkdown(plan({ options, steps: [step({})] })), 'Conditions')).toEqual(['- `list`: stops the plan if it fails']);
  });

  it('show both sides of a branch and which one was taken', () => {
    const input = { expression: '{{input.n}} > 1' };
    const check = step({ id: 'check', tool: 'condition', input, ifTrue: ['a', 'b'], ifFalse: ['c'] });
    const steps = [check, ...['a', 'b', 'c'].map((id) => step({ id, dependsOn: ['check'] }))];
    expect(sectionOf(planMarkdown(plan({ steps })), 'Branches')).toEqual([
      '- `check`: `{{input.n}} > 1`; if true: `a`, `b`; if false: `c`',
    ]);
    const taken = planMarkdown(plan({ steps: [{ ...check, status: 'completed', output: false, ifFalse: [] }, ...steps.slice(1)] }));
    expect(sectionOf(taken, 'Branches')[0]).toMatch(/; if false: nothing; it is false$/);
    expect(sectionOf(taken, 'Conditions')).toEqual(['- `a`: runs if `check` is true', '- `b`: runs if `check` is true']);
  });

  it('show of a gate the question, the votes, the decision and the data', () => {
    const approval = { message: 'Publish {{a.output}}?', quorum: 2 };
    const vote = { actor: 'bob', at: AT, decision: 'approved' as const, comment: 'fine', data: { version: 2 } };
    const gates = (view: GateView | null) =>
      sectionOf(planMarkdown(plan({ steps: [step({ id: 'publish', approval, gate: view })] })), 'Gates');
    expect(gates(null)).toEqual(['- `publish`: Publish \\{\\{a.output\\}\\}? (needs 2 approvals)']);
    expect(gates(gate({ deadline: '2026-01-02T00:00:00.000Z', votes: [vote] }))).toEqual([
      `- \`publish\`: Publish v2? (1 of 2; waits since ${AT}, until 2026-01-02T00:00:00.000Z)`,
      `  - bob approved at ${AT}: fine with \`{"version":2}\``,
    ]);
    expect(gates(gate({ have: 2, decision: 'approved', data: { version: 2 } }))[0]).toBe(
      '- `publish`: Publish v2? (2 of 2; approved, with `{"version":2}`)',
    );
    expect(gates(gate({ decision: 'expired', deadline: AT }))[0]).toContain(`expired: nobody decided until ${AT}`);
  });

  it('count the children of a list by their status', () => {
    const list = step({ id: 'count', forEach: '{{list.output.files}}', maxItems: 100 });
    const children = [child(0, 'completed'), child(1, 'completed'), child(2, 'awaiting_approval'), child(3, 'failed')];
    expect(sectionOf(planMarkdown(plan({ steps: [list, { ...list, id: 'b', maxItems: null, children }] })), 'Lists')).toEqual([
      '- `count`: once for each of `{{list.output.files}}`, at most 100',
      '- `b`: once for each of `{{list.output.files}}`; 4 elements: 1 awaiting approval, 2 completed, 1 failed',
    ]);
    expect(sectionOf(planMarkdown(plan({ steps: [step({ forEach: ['x'], children: [] })] })), 'Lists')).toEqual([
      '- `list`: once for each of `["x"]`; 0 elements',
    ]);
  });

  it('name the options that differ from the defaults, steps that are pinned, and what the planner was asked', () => {
    const reason = { kind: 'pinned' as const, text: 'unchanged since revision 1', detail: {} };
    const text = planMarkdown(
      plan({
        options: planOptionsSchema.parse({ maxParallelSteps: 9, startAt: AT, replan: { maxRevisions: 2 } }),
        planning: request({ status: 'failed', error: { code: 'no_change', message: 'the same again', detail: {} } }),
        steps: [step({ status: 'completed', reason })],
      }),
    );
    expect(text).toContain(`- **Options:** \`maxParallelSteps\` \`9\`, \`replan.maxRevisions\` \`2\`, \`startAt\` \`"${AT}"\`\n`);
    expect(text).toContain(`- **Planner:** asked for a new revision at ${AT} by bob: Fewer steps; failed (\`no_change\` the same again)\n`);
    expect(rows(text)[0]).toMatch(/\| completed: unchanged since revision 1 \|$/);
    expect(planMarkdown(plan({ planning: request({ kind: 'summarise', requestedBy: null, feedback: null }) }))).toContain(
      `- **Planner:** asked for a summary at ${AT}; queued\n`,
    );
  });

  it('render no HTML, link or heading out of what people wrote', () => {
    const hostile = '<img src=x onerror=alert(1)>\n\n# Approved\n[here](javascript:alert(1)) `x`';
    const vote = { actor: hostile, at: AT, decision: 'rejected' as const, comment: hostile, data: hostile };
    const text = planMarkdown(
      plan({
        planning: request({ feedback: hostile, requestedBy: hostile, error: { code: 'no_change', message: hostile, detail: {} } }),
        steps: [
          step({ id: 'a', when: hostile, forEach: hostile }),
          step({ id: 'b', tool: 'condition', input: { expression: hostile }, ifTrue: ['a'], ifFalse: ['c'] }),
          step({ id: 'c', approval: { message: hostile, quorum: 1 } }),
          step({ id: 'd', gate: gate({ message: hostile, votes: [vote], data: hostile }), forEach: [hostile] }),
        ],
      }),
    );
    expect(text).not.toContain('<img');
    expect(text.replace(/`[^`\n]*`/g, '')).not.toContain('[here](');
    expect(text).not.toMatch(/^#+ Approved/m);
  });
});

describe('a plan as a Mermaid flowchart', () => {
  it('draws each step with its status and an arrow from each dependency', () => {
    expect(planMermaid(plan({}))).toBe(
      [
        'flowchart TD',
        '  s0["list<br/>fs.list"]:::pending',
        '  s1["write<br/>fs.write"]:::pending',
        '  s0 --> s1',
        '  classDef pending fill:#f4f4f5,stroke:#a1a1aa,color:#18181b',
        '',
      ].join('\n'),
    );
  });

  it('lets no id end its label or become markup', () => {
    const text = planMermaid({ steps: [step({ id: 'end"]\nclick s0 "javascript:x"<b>`', tool: '%%{init: {}}%%' })] });
    const [, node] = text.split('\n');
    expect(node).toMatch(/^ {2}s0\["[A-Za-z0-9_. #;-]*<br\/>[A-Za-z0-9_. #;-]*"\]:::pending$/);
  });

  it('numbers its nodes, for a step may be called like a word of Mermaid', () => {
    expect(planMermaid({ steps: [step({ id: 'end' }), step({ id: 'class', dependsOn: ['end'] })] })).toContain('s0 --> s1');
  });

  it('draws the arrows to both sides of a branch with their side, and a branch as a diamond', () => {
    const check = step({ id: 'check', tool: 'condition', ifTrue: ['a'], ifFalse: ['b'] });
    const steps = [check, step({ id: 'a', dependsOn: ['check'] }), step({ id: 'b', dependsOn: ['check', 'a'] })];
    const lines = planMermaid({ steps }).split('\n');
    expect(lines[1]).toBe('  s0{"check<br/>condition"}:::pending');
    expect(lines.filter((line) => line.includes('-->'))).toEqual(['  s0 -->|true| s1', '  s0 -->|false| s2', '  s1 --> s2']);
  });

  it('marks destructive steps, in words and with a border, whatever their status', () => {
    const steps = [step({}), step({ id: 'a', risk: 'destructive' }), step({ id: 'b', risk: 'destructive', status: 'completed' })];
    const lines = planMermaid({ steps }).split('\n');
    expect(lines.slice(1, 4)).toEqual([
      '  s0["list<br/>fs.list"]:::pending',
      '  s1["a<br/>fs.list<br/>destructive"]:::pending',
      '  s2["b<br/>fs.list<br/>destructive"]:::completed',
    ]);
    expect(lines.slice(-3)).toEqual(['  classDef destructive stroke:#b91c1c,stroke-width:4px', '  class s1,s2 destructive', '']);
  });

  it('draws gates, lists and pinned steps each in its own way', () => {
    const reason = { kind: 'pinned' as const, text: 'unchanged', detail: {} };
    const steps = [
      step({ id: 'a', approval: { message: '', quorum: 2 } }),
      step({ id: 'b', approval: { message: '', quorum: 2 }, gate: gate({ have: 1 }), status: 'awaiting_approval' }),
      step({ id: 'c', forEach: ['x'] }),
      step({ id: 'd', forEach: ['x'], children: [child(0, 'completed'), child(1, 'running')] }),
      step({ id: 'e', reason, status: 'completed' }),
    ];
    expect(planMermaid({ steps }).split('\n').slice(1, 6)).toEqual([
      '  s0{{"a<br/>fs.list<br/>0 of 2 approvals"}}:::pending',
      '  s1{{"b<br/>fs.list<br/>1 of 2 approvals"}}:::awaiting_approval',
      '  s2[["c<br/>fs.list<br/>for each"]]:::pending',
      '  s3[["d<br/>fs.list<br/>1 of 2 ended"]]:::pending',
      '  s4["e<br/>fs.list<br/>pinned"]:::completed',
    ]);
  });
});

describe('what policy says', () => {
  const { policy } = plan({});
  const asks = { count: 1, roles: [], notSubmitter: false, have: 1 };
  const approvals = [{ actor: 'bob', roles: [], policy: policy.version, at: AT, digest: plan({}).digest, comment: null }];

  it('is who is still missing where a number does not say it', () => {
    const demands = [asks, { count: 1, roles: ['operator' as const], notSubmitter: true, have: 0 }];
    const text = planMarkdown(plan({ approvals, policy: { ...policy, rule: 'a|b', demands } }));
    expect(text).toContain(
      `- **Approvals:** 1 of 2 (bob at ${AT}); missing: 1 approval by an operator, not alice\n- **Policy:** the rule \`a|b\`\n`,
    );
  });

  it('is nothing more where a number says all of it, or nothing is missing', () => {
    expect(planMarkdown(plan({ policy: { ...policy, demands: [{ ...asks, count: 2 }] } }))).toContain('- **Approvals:** 1 of 2\n');
    const met = { ...policy, demands: [{ ...asks, notSubmitter: true }] };
    expect(planMarkdown(plan({ approvals, policy: met }))).toContain(`- **Approvals:** 1 of 1 (bob at ${AT})\n`);
  });

  it('is why nobody is asked, or nobody can approve', () => {
    const auto = { ...policy, outcome: 'auto' as const, rule: 'reads', demands: [], reason: 'it only *reads*' };
    expect(planMarkdown(plan({ policy: auto }))).toContain(
      '- **Approvals:** none needed: it only \\*reads\\*\n- **Policy:** the rule `reads`: it only',
    );
    const deny = { ...auto, outcome: 'deny' as const, reason: 'not today' };
    expect(planMarkdown(plan({ policy: deny }))).toContain('- **Approvals:** none possible, policy denies the plan: not today\n');
  });
});
