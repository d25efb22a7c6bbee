/** Tells planners which policy this API has. */
import type { Logger, PolicySource } from '@countersign/service';
import type { PolicyNotice } from '@countersign/store';

/** Milliseconds: a Redis that was emptied, or brought back from a backup, is told again as well. */
const AGAIN_EVERY_MS = 2_000;

export interface PolicyAnnouncement {
  /** What is under way is finished. */
  stop(): Promise<void>;
}

/** Resolves once it was told, or could not be, for the first time. */
export async function announcePolicy(
  policy: Pick<PolicySource, 'current'>,
  { store, logger }: { store: PolicyNotice; logger: Logger },
): Promise<PolicyAnnouncement> {
  const announce = (): Promise<void> =>
    store
      .announcePolicy(policy.current().version)
      .catch((error: unknown) => logger.debug({ err: error }, 'planners could not be told which policy this is; trying again'));
  // One at a time, so that an older version is never told after a newer one.
  let announcing = announce();
  const timer = setInterval(() => {
    announcing = announcing.then(announce);
  }, AGAIN_EVERY_MS);
  timer.unref();
  await announcing;
  return {
    async stop() {
      clearInterval(timer);
      await announcing;
    },
  };
}
