/** What holds of every plan after every command, whatever the model says. */
import { isEndedPlan, isEndedStep, type PlanContent, type Step } from '@countersign/shared';
import { expect } from 'vitest';
import type { ComparablePlan, ComparableStep } from './comparable.ts';
import type { Move } from './moves.ts';

interface Sighting {
  content: PlanContent;
  /** the plan as the store shows it, before and after a command; null before it was created */
  before: ComparablePlan | null;
  /** null: the plan was created */
  command: Move | null;
  after: ComparablePlan;
}

export function expectInvariants({ content, before, command, after }: Sighting): void {
  const { options } = content;
  const cap = options.allowParallel ? options.maxParallelSteps : 1;
  const inflight = after.steps.filter(({ status }) => status === 'queued' || status === 'running').length;
  expect(inflight, 'queued and running steps under the cap').toBeLessThanOrEqual(cap);

  const { total, percent: _percent, ...counts } = after.progress;
  expect(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    'the counts of the progress add up',
  ).toBe(total);

  if (isEndedPlan(after.status)) {
    const underWay = after.steps.filter(({ status }) => status !== 'pending' && !isEndedStep(status));
    expect(underWay, 'an ended plan has no step under way').toEqual([]);
  }
  for (const step of after.steps) {
    expectOpenGate(step);
    const earlier = before?.steps.find(({ id }) => id === step.id);
    if (earlier !== undefined && command !== null) expectLegitimate(earlier, step, command);
    if (after.status === 'paused' && step.status === 'queued') expect(earlier?.status, `${step.id} in a paused plan`).toBe('queued');
    if (hasOpened(earlier, step)) expectMayRun(step, { content, after });
  }
}

/** A step that has ended stays so, and its generation only rises, unless somebody wanted otherwise. */
function expectLegitimate(before: ComparableStep, after: ComparableStep, command: Move): void {
  if (command.do === 'revise') return;
  expect(after.generation, `the generation of ${after.id} does not fall`).toBeGreaterThanOrEqual(before.generation);
  const isMeant = command.do === 'retry' || command.do === 'retryStep' || (command.do === 'skip' && before.status === 'failed');
  if (isEndedStep(before.status) && !isMeant) expect(after.status, `${after.id} has ended and stays as it is`).toBe(before.status);
}

function expectOpenGate({ id, status, gate }: ComparableStep): void {
  if (status !== 'awaiting_approval') return;
  expect(gate?.decision, `${id} waits for people, so its gate is there and not decided`).toBeNull();
  expect(gate?.have, `${id} waits for people, so it has too few votes`).toBeLessThan(gate?.need ?? 0);
}

/** It may run since this command. */
function hasOpened(before: ComparableStep | undefined, { status }: ComparableStep): boolean {
  const wasShut = before === undefined || before.status === 'pending' || isEndedStep(before.status);
  return wasShut && status !== 'pending' && !isEndedStep(status);
}

function expectMayRun({ id }: ComparableStep, { content, after }: Pick<Sighting, 'content' | 'after'>): void {
  const { dependsOn, runIf } = content.steps.find((step) => step.id === id) as Step;
  const seen = dependsOn.map((dependency) => after.steps.find((step) => step.id === dependency) as ComparableStep);
  const outcomes = seen.map(({ status, reason }) => (reason === 'dependency_failed' ? 'failed' : status));
  const why = `${id} opened with ${runIf}, and what it waited for is ${outcomes.join(', ') || 'nothing'}`;
  expect(outcomes.every(isEndedStep), why).toBe(true);
  const failed = outcomes.some((outcome) => outcome === 'failed' || outcome === 'cancelled');
  const skipped = outcomes.includes('skipped');
  const succeeded = outcomes.includes('completed');
  const accepts = {
    none_failed_min_one_success: !failed && (succeeded || dependsOn.length === 0),
    all_success: !failed && !skipped,
    none_failed: !failed,
    all_done: true,
  }[runIf];
  expect(accepts, why).toBe(true);

  for (const condition of content.steps) {
    const value = condition.ifTrue.includes(id) ? true : condition.ifFalse.includes(id) ? false : null;
    if (value === null) continue;
    expect(after.steps.find((step) => step.id === condition.id)?.output, `${id} opened, and hangs on ${condition.id}`).toBe(value);
  }
}
