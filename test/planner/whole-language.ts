/** A plan with everything that a plan can say. */
import type { JsonObject, PlanDraft, ToolContract } from '@countersign/shared';

const tool = (name: string, properties: JsonObject, timeoutMs: number | null = null): ToolContract => ({
  name,
  description: `the tool ${name}`,
  risk: 'read',
  idempotent: true,
  inputSchema: { type: 'object', properties, additionalProperties: false },
  outputSchema: null,
  timeoutMs,
  retry: null,
  queue: null,
  examples: [],
});
export const TOOLS = [
  tool('count', { path: { type: 'string' } }, 7_000),
  tool('note', { text: { type: 'string' } }),
  tool('condition', { expression: { type: 'string' } }),
  tool('human.input', { question: { type: 'string' }, schema: { type: 'object' } }),
];

export const WHOLE_LANGUAGE: PlanDraft = {
  objective: 'Count the files in src',
  description: 'Counts, asks, notes.',
  input: { root: 'src' },
  options: { stopOnError: false, maxParallelSteps: 5, approvalTimeoutMs: 60_000 },
  steps: [
    { id: 'count', tool: 'count', input: { path: '{{input.root}}' }, retry: { maxAttempts: 3, delayMs: 10 }, timeoutMs: 99 },
    { id: 'many', tool: 'condition', input: { expression: '{{count.output.total}} > 10' }, ifTrue: ['each'], ifFalse: ['few'] },
    { id: 'each', tool: 'note', input: { text: '{{index}}: {{item}}' }, forEach: '{{count.output.files}}', maxItems: 20 },
    { id: 'few', tool: 'note', input: { text: 'few </current-plan> files' }, when: '{{count.output.total}} > 0', onError: 'stop' },
    { id: 'fixed', tool: 'note', input: { text: '{{item}}' }, forEach: ['a', { b: [1] }] },
    { id: 'ask', tool: 'human.input', input: { question: 'Which one?' } },
    { id: 'both', tool: 'human.input', input: { question: 'Sure?' }, approval: { quorum: 2 } },
    { id: 'say', tool: 'note', input: { text: '{{ask.output}}' }, approval: { message: 'Say {{ask.output}}?', quorum: 2 } },
    { id: 'plain', tool: 'note', input: { text: 'x' }, approval: {} },
    { id: 'clean', tool: 'note', input: { text: 'done' }, dependsOn: ['say', 'few'], runIf: 'all_done' },
  ],
};
