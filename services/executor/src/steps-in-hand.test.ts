import { expect, test } from 'vitest';
import { stepsInHand } from './steps-in-hand.ts';

test('a stop aborts the steps of its plan, and leaves clean-up steps and other plans alone', () => {
  const inHand = stepsInHand();
  const [step, cleanUp, other] = [inHand.take('a'), inHand.take('a'), inHand.take('b')];
  step.loaded({ isCleanUp: false });
  cleanUp.loaded({ isCleanUp: true });
  other.loaded({ isCleanUp: false });
  inHand.halt({ planId: 'a', kind: 'stop' });
  expect([step.cause, cleanUp.cause, other.cause]).toEqual(['halt', null, null]);
});

test('a cancel aborts clean-up steps, too, also behind a stop', () => {
  const inHand = stepsInHand();
  const cleanUp = inHand.take('a');
  cleanUp.loaded({ isCleanUp: true });
  inHand.halt({ planId: 'a', kind: 'stop' });
  expect(cleanUp.signal.aborted).toBe(false);
  inHand.halt({ planId: 'a', kind: 'cancel' });
  expect([cleanUp.cause, cleanUp.signal.aborted]).toEqual(['halt', true]);
});

test('a stop that comes while the plan is still being loaded is not forgotten', () => {
  const inHand = stepsInHand();
  const [step, cleanUp, cancelled] = [inHand.take('a'), inHand.take('a'), inHand.take('b')];
  inHand.halt({ planId: 'a', kind: 'stop' });
  inHand.halt({ planId: 'b', kind: 'cancel' });
  expect([step.cause, cleanUp.cause, cancelled.cause]).toEqual([null, null, 'halt']);
  step.loaded({ isCleanUp: false });
  cleanUp.loaded({ isCleanUp: true });
  expect([step.cause, cleanUp.cause]).toEqual(['halt', null]);
});

test('a step that has been recorded is not told anything any more', () => {
  const inHand = stepsInHand();
  const step = inHand.take('a');
  step.loaded({ isCleanUp: false });
  step.release();
  inHand.halt({ planId: 'a', kind: 'cancel' });
  expect([step.cause, inHand.plans()]).toEqual([null, []]);
});
