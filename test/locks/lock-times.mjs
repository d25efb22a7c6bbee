/**
 * Loaded into an executor before everything else, gives its workers other times than those of the store: LOCK_TIMES is
 * `lock/renew/check`, in ms. For measuring alone: what a fleet is to run with is written in the store.
 */
import { Worker } from 'bullmq';

const [lockDuration, lockRenewTime, stalledInterval] = (process.env.LOCK_TIMES ?? '').split('/').map(Number);
if (!(lockDuration > 0 && lockRenewTime > 0 && stalledInterval > 0))
  throw new Error(`LOCK_TIMES is ${process.env.LOCK_TIMES}; it must be lock/renew/check in ms, like 8000/2000/4000`);

const { run } = Worker.prototype;
Worker.prototype.run = function runWithLockTimes() {
  Object.assign(this.opts, { lockDuration, lockRenewTime, stalledInterval });
  this.createLockManager();
  return run.call(this);
};
