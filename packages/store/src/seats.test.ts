import { expect, test } from 'vitest';
import { Seats, type SeatTaker } from './seats.ts';

/** Whether the promise has come to its end by now. */
async function hasEnded(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

const takeAll = (taker: SeatTaker): number => {
  while (taker.take());
  return taker.held;
};

test('one worker may take every seat, and no more', () => {
  const seats = new Seats(3);
  const [busy, idle] = [seats.taker(), seats.taker()];
  expect(takeAll(busy)).toBe(3);
  expect(idle.take()).toBe(false);
});

test('a worker that was refused none does not wait for one', async () => {
  const taker = new Seats(1).taker();
  expect(await taker.wait()).toBe(false);
});

test('whoever waits gets the seat that is given back, and it stays kept until it is taken', async () => {
  const seats = new Seats(1);
  const [busy, idle] = [seats.taker(), seats.taker()];
  takeAll(busy);
  idle.take();
  const waiting = idle.wait();
  expect(await hasEnded(waiting)).toBe(false);
  busy.giveBack();
  expect(await waiting).toBe(true);
  expect(busy.take()).toBe(false);
  expect(idle.take()).toBe(true);
  expect([busy.held, idle.held]).toEqual([0, 1]);
});

test('a seat that came free before anybody waited is there at once', async () => {
  const seats = new Seats(1);
  const [busy, idle] = [seats.taker(), seats.taker()];
  takeAll(busy);
  idle.take();
  busy.giveBack();
  expect(await idle.wait()).toBe(true);
  expect(idle.take()).toBe(true);
});

test('a worker gives way to one that has nothing, and to one that has clearly less', () => {
  const seats = new Seats(5);
  const [busy, other] = [seats.taker(), seats.taker()];
  const refuse = (): void => {
    other.take();
    void other.wait();
  };
  other.take();
  other.take();
  takeAll(busy);
  expect([busy.held, other.held]).toEqual([3, 2]);
  refuse();
  expect(busy.shouldYield()).toBe(false);
  expect(other.shouldYield()).toBe(false);

  const single = new Seats(1);
  const [first, second] = [single.taker(), single.taker()];
  first.take();
  expect(first.shouldYield()).toBe(false);
  second.take();
  void second.wait();
  expect(first.shouldYield()).toBe(true);
});

test('of several that wait, the one that has least is first', async () => {
  const seats = new Seats(3);
  const [busy, some, none] = [seats.taker(), seats.taker(), seats.taker()];
  some.take();
  takeAll(busy);
  some.take();
  const second = some.wait();
  none.take();
  const first = none.wait();
  busy.giveBack();
  expect(await hasEnded(first)).toBe(true);
  expect(await hasEnded(second)).toBe(false);
  busy.giveBack();
  expect(await hasEnded(second)).toBe(true);
});

test('once they are closed nobody gets a seat and nobody waits', async () => {
  const seats = new Seats(1);
  const [busy, idle] = [seats.taker(), seats.taker()];
  takeAll(busy);
  idle.take();
  const waiting = idle.wait();
  seats.close();
  await waiting;
  expect(idle.take()).toBe(false);
  await idle.wait();
  busy.giveBack();
  expect(idle.take()).toBe(false);
});
