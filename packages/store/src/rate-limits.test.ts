import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { send, useTestRedis } from '../../../test/redis/test-redis.ts';
import { openStore, type Store } from './open-store.ts';

const redis = useTestRedis();
const LIMIT = { calls: 3, seconds: 3_600 };

describe('counting calls', () => {
  let stores: Store[] = [];
  beforeEach(() => {
    stores = [1, 2].map(() => openStore({ redis: { url: redis.url }, commandTimeoutMs: 1_000 }));
  });
  afterEach(async () => {
    await send(redis.url, 'CONFIG SET maxmemory 0');
    await Promise.all(stores.map((store) => store.close()));
  });
  const limiters = (name = 'calls') => stores.map((store) => store.rateLimiter(name, LIMIT));

  it('is one count for all processes, each actor and each name by itself', async () => {
    const [one, other] = limiters();
    const taken = [await one?.take('ada'), await other?.take('ada'), await one?.take('ada'), await other?.take('ada')];
    expect(taken.map((state) => [state?.allowed, state?.remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    expect((await one?.take('ada'))?.allowed).toBe(false);
    expect((await other?.take('bob'))?.remaining).toBe(2);
    expect((await limiters('failures')[0]?.take('ada'))?.remaining).toBe(2);
  });

  it('looks without counting', async () => {
    const [one, other] = limiters();
    expect(await one?.look('ada')).toEqual({ allowed: true, remaining: 3, resetMs: 0 });
    for (let count = 0; count < 3; count++) await one?.take('ada');
    expect([(await other?.look('ada'))?.allowed, (await one?.look('ada'))?.allowed]).toEqual([false, false]);
  });

  it('begins anew when its window is over, and leaves nothing behind', async () => {
    const limiter = stores[0]?.rateLimiter('calls', { calls: 1, seconds: 1 });
    await limiter?.take('ada');
    expect((await limiter?.take('ada'))?.allowed).toBe(false);
    await expect.poll(async () => (await limiter?.look('ada'))?.allowed, { timeout: 10_000 }).toBe(true);
    expect(await send(redis.url, 'DBSIZE')).toBe(':0');
  });

  it('refuses nothing while Redis is full: an operator must be able to make room', async () => {
    const [one] = limiters();
    await send(redis.url, 'CONFIG SET maxmemory 1');
    expect(await one?.take('ada')).toBeNull();
    expect(await one?.take('ada')).toBeNull();
  });
});
