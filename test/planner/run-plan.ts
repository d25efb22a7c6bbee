/** Carries a plan out in this process, step by step, as an executor would: to see what its tools make of it. */
import { type Json, type PlanContent, resolveReferences } from '@countersign/shared';
import type { Tool, ToolContext } from '@countersign/tools';

const context = (stepId: string): ToolContext => ({
  signal: new AbortController().signal,
  idempotencyKey: stepId,
  planId: 'pln',
  stepId,
  attempt: 1,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  progress() {},
  evaluate: () => false,
});

/** The outputs by step id. Steps must stand after those they depend on. */
export async function runPlan(content: PlanContent, tools: ReadonlyMap<string, Tool>): Promise<Map<string, Json>> {
  const outputs = new Map<string, Json>();
  for (const step of content.steps) {
    for (const id of step.dependsOn) if (!outputs.has(id)) throw new Error(`${step.id} comes before ${id}`);
    const tool = tools.get(step.tool);
    if (tool === undefined) throw new Error(`no tool ${step.tool}`);
    const steps = new Map([...outputs].map(([id, output]) => [id, { output }]));
    const checked = tool.check(
      resolveReferences(step.input, { input: content.input, task: { id: 'tsk', objective: content.objective }, steps }),
    );
    if (!checked.ok) throw new Error(`${step.id}: ${checked.message}`);
    outputs.set(step.id, await tool.run(checked.value, context(step.id)));
  }
  return outputs;
}
