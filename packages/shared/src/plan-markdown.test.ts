import { describe, expect, it } from 'vitest';
import type { Plan, StepView } from './plan.ts';
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
  resolvedInput: null,
  risk: 'read',
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
  quorum: 1,
  approvals: [],
  autoApproved: null,
  rejection: null,
  cancellation: null,
  progress: { total: 2, completed: 0, failed: 0, skipped: 0, cancelled: 0, running: 0, waiting: 2, percent: 0 },
  effects: { read: 1, write: 1, destructive: 0 },
  steps: [step({}), step({ id: 'write', tool: 'fs.write', risk: 'write', dependsOn: ['list'], input: { path: 'out.md' } })],
  response: null,
  error: null,
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

  it('counts effects in the plural where there is not one', () => {
    expect(effectsText({ read: 4, write: 2, destructive: 0 })).toBe('4 reads, 2 writes, 0 destructive');
    expect(effectsText({ read: 1, write: 0, destructive: 1 })).toBe('1 read, 0 writes, 1 destructive');
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
});
