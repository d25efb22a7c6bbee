/**
 * Loaded into an executor before everything else, gives its store other times than those that are written there: LOCK_TIMES is
 * `lock/renew/check`, in ms. For measuring alone.
 */
import { register } from 'node:module';

const [lock, renew, check] = (process.env.LOCK_TIMES ?? '').split('/').map(Number);
if (!(lock > 0 && renew > 0 && check > 0))
  throw new Error(`LOCK_TIMES is ${process.env.LOCK_TIMES}; it must be lock/renew/check in ms, like 8000/2000/4000`);

register('./rewrite-times.mjs', import.meta.url, { data: { LEASE_MS: lock, RENEW_LEASE_MS: renew, STALLED_CHECK_MS: check } });
