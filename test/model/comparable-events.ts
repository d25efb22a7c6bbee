/** Compares the store's events with the model's. */
import { type EventType, foldEvents } from '@countersign/shared';
import { expect } from 'vitest';
import type { ModelEvent } from './changes.ts';
import { type ComparablePlan, withChildren } from './comparable.ts';

/** Events about one attempt; they say which. */
const OF_AN_ATTEMPT: readonly EventType[] = ['step.started', 'step.retrying', 'step.completed', 'step.failed'];

/**
 * Holds events against those of the model: as many, in the same order, each with the same type, step, attempt and actor,
 * and with the data that docs/engine.md names. The store may say more in the data, and may leave the attempt out of
 * events that are not about one.
 */
export function expectSameEvents(seen: readonly ModelEvent[], expected: readonly ModelEvent[]): void {
  const comparable = seen.map((event, at) =>
    event.attempt === undefined && !OF_AN_ATTEMPT.includes(event.type)
      ? summary({ ...event, attempt: expected[at]?.attempt })
      : summary(event),
  );
  expect(comparable, 'the events').toEqual(expected.map(summary));
  expected.forEach(({ type, data }, at) => {
    if (type === 'plan.retried') expect(seen[at]?.data.kept, 'the children that a retry keeps').toEqual(data.kept);
    expect(seen[at]?.data, `the data of event ${at + 1}, ${seen[at]?.type}`).toMatchObject(data);
  });
}

const summary = ({ type, stepId, attempt, actor }: Omit<ModelEvent, 'data' | 'attempt'> & { attempt?: number | undefined }): string =>
  [type, stepId, attempt === undefined ? undefined : `attempt ${attempt}`, actor && `by ${actor}`]
    .filter((part) => part !== undefined)
    .join(' ');

/** Holds the events against the plan that they must fold to. */
export function expectFold(events: readonly ModelEvent[], plan: ComparablePlan): void {
  const folded = foldEvents(events);
  expect(folded.status, 'what the events fold to').toBe(plan.status);
  for (const { id, status, attempt } of withChildren(plan.steps)) {
    expect(folded.steps.get(id) ?? { status: 'pending', attempt: 0 }, `what the events of ${id} fold to`).toEqual({ status, attempt });
  }
}
