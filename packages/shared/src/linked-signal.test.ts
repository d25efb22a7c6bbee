import { getEventListeners, once } from 'node:events';
import { expect, test } from 'vitest';
import { collectGarbage } from '../../../test/collect-garbage.ts';
import { linkSignals } from './linked-signal.ts';

test('the time comes, although nobody holds anything but the signal and its garbage is collected meanwhile', async () => {
  const source = new AbortController();
  const signal = (() => linkSignals([source.signal], 50).signal)();
  const aborted = once(signal, 'abort');
  collectGarbage();
  await new Promise(setImmediate);
  collectGarbage();
  await aborted;
  expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'not done within 50 ms' });
});

test('the first of the others ends it, with its reason, and all of them are let go', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const linked = linkSignals([one.signal, other.signal], 60_000);
  expect(linked.signal.aborted).toBe(false);
  other.abort('enough');
  expect([linked.signal.aborted, linked.signal.reason, linked.timedOut]).toEqual([true, 'enough', false]);
  expect(getEventListeners(one.signal, 'abort')).toEqual([]);
  expect(getEventListeners(other.signal, 'abort')).toEqual([]);
});

test('one that has aborted already ends it at once', () => {
  expect(linkSignals([new AbortController().signal, AbortSignal.abort('before')], 1).signal.reason).toBe('before');
});

test('what is released ends no more, and holds nothing', () => {
  const source = new AbortController();
  const linked = linkSignals([source.signal], 60_000);
  linked.release();
  source.abort('late');
  expect(linked.signal.aborted).toBe(false);
  expect(getEventListeners(source.signal, 'abort')).toEqual([]);
});

test('its time says that it was the time', async () => {
  const linked = linkSignals([], 1);
  await once(linked.signal, 'abort');
  expect(linked.timedOut).toBe(true);
});
