/** What holds of every plan after every command, whatever the model says. */
import { isEndedStep, type PlanContent } from '@countersign/shared';
import { expect } from 'vitest';
import type { ComparablePlan } from './comparable.ts';

interface Sighting {
  content: PlanContent;
  /** the plan as the store shows it, before and after a command */
  before: ComparablePlan | null;
  after: ComparablePlan;
}

export function expectInvariants({ content, before, after }: Sighting): void {
  const { options } = content;
  const cap = options.allowParallel ? options.maxParallelSteps : 1;
  const inflight = after.steps.filter(({ status }) => status === 'queued' || status === 'running').length;
  expect(inflight, 'queued and running steps under the cap').toBeLessThanOrEqual(cap);

  const { total, percent: _percent, ...counts } = after.progress;
  expect(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    'the counts of the progress add up',
  ).toBe(total);

  for (const step of before?.steps ?? []) {
    if (!isEndedStep(step.status)) continue;
    expect(after.steps.find(({ id }) => id === step.id)?.status, `${step.id} has ended and stays as it is`).toBe(step.status);
  }

  const statuses = new Map(after.steps.map(({ id, status }) => [id, status]));
  for (const { id, dependsOn } of content.steps) {
    const started = (after.steps.find((step) => step.id === id)?.attempt ?? 0) > 0;
    if (!started || dependsOn.length === 0) continue;
    const outcomes = dependsOn.map((dependency) => statuses.get(dependency));
    expect(
      outcomes.every((status) => status === 'completed' || status === 'skipped') && outcomes.includes('completed'),
      `${id} started, so its dependencies have ended well; they are ${outcomes.join(', ')}`,
    ).toBe(true);
  }
}
