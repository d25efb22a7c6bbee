/** What holds of every plan after every command, whatever the model says. */
import { isEndedPlan, isEndedStep, type PlanContent, type Step } from '@countersign/shared';
import { expect } from 'vitest';
import { type ComparablePlan, type ComparableRun, type ComparableStep, withChildren } from './comparable.ts';
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
  const runs = after.steps.flatMap((step): readonly ComparableRun[] => step.children ?? [step]);
  const inflight = runs.filter(({ status }) => status === 'queued' || status === 'running').length;
  expect(inflight, 'queued and running steps, and children, under the cap').toBeLessThanOrEqual(cap);

  const { total, percent: _percent, ...counts } = after.progress;
  expect(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    'the counts of the progress add up',
  ).toBe(total);

  if (isEndedPlan(after.status)) {
    const underWay = withChildren(after.steps).filter(({ status }) => status !== 'pending' && !isEndedStep(status));
    expect(underWay, 'an ended plan has no step under way').toEqual([]);
  }
  const runsBefore = before === null ? [] : withChildren(before.steps);
  for (const run of withChildren(after.steps)) {
    const earlier = runsBefore.find(({ id }) => id === run.id);
    if (earlier !== undefined && command !== null) expectLegitimate(earlier, run, command);
    if (after.status === 'paused' && run.status === 'queued') expect(earlier?.status, `${run.id} in a paused plan`).toBe('queued');
  }
  for (const step of after.steps) {
    expectOpenGate(step);
    expectOneWithItsChildren(step);
    const earlier = before?.steps.find(({ id }) => id === step.id);
    if (hasOpened(earlier, step)) expectMayRun(step, { content, after });
  }
}

/** A step that has ended stays so, and its generation only rises, unless somebody wanted otherwise. */
function expectLegitimate(before: ComparableRun, after: ComparableRun, command: Move): void {
  if (command.do === 'revise') return;
  expect(after.generation, `the generation of ${after.id} does not fall`).toBeGreaterThanOrEqual(before.generation);
  const isMeant = command.do === 'retry' || command.do === 'retryStep' || (command.do === 'skip' && before.status === 'failed');
  if (isEndedStep(before.status) && !isMeant) expect(after.status, `${after.id} has ended and stays as it is`).toBe(before.status);
}

/** A step runs as long as a child has not ended, unless one failed for it; it completes with what all of them gave. */
function expectOneWithItsChildren({ id, status, children, output }: ComparableStep): void {
  if (children === null) return;
  const statuses = children.map((child) => child.status);
  const left = statuses.filter((each) => !isEndedStep(each));
  if (status === 'running') expect(left, `${id} runs, so a child has not ended`).not.toEqual([]);
  else
    expect(new Set(left), `${id} has ended, so its children that have not are running`).toEqual(
      new Set(left.length > 0 ? ['running'] : []),
    );
  if (status === 'completed') {
    expect(new Set(statuses), `${id} has completed, and so has every child`).toEqual(new Set(['completed']));
    expect(output, `the output of ${id}`).toEqual(children.map((child) => child.output));
  }
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
