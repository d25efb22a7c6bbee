/** Tells the fleet what this executor's tools are, also when they change. */
import type { ToolCatalogue } from '@countersign/store';
import type { Toolbox } from '@countersign/tools';
import { type Persistence, persist } from './persist.ts';
import type { StepLogger } from './step-log.ts';

export interface Announcement {
  /** Announces no more. What is under way is finished. */
  stop(): Promise<void>;
}

/** What is not said again for a week is forgotten. ms. */
const RENEW_EVERY_MS = 3_600_000;

/** Announces all tools, then again each time that some change, and takes back those that are gone; resolves after the first time. */
export async function announceTools(
  toolbox: Toolbox,
  {
    store,
    queues,
    persistence,
    logger,
  }: {
    store: Pick<ToolCatalogue, 'announceTools' | 'retractTools' | 'renewAnnouncement'>;
    /** those that it serves or limits */
    queues: readonly string[];
    persistence: Persistence;
    logger: StepLogger;
  },
): Promise<Announcement> {
  let isStale = false;
  let announcing: Promise<void> | null = null;
  /** the names that the fleet was told */
  let announced: ReadonlySet<string> = new Set();
  const announce = async (): Promise<void> => {
    const contracts = [...toolbox.tools.values()].map(({ contract }) => contract);
    const names = new Set(contracts.map(({ name }) => name));
    await store.announceTools(contracts);
    await store.retractTools([...announced].filter((name) => !names.has(name)));
    announced = names;
  };

  /** One at a time, so that an older state is never announced after a newer one. */
  const announceAll = async (): Promise<void> => {
    try {
      while (isStale) {
        isStale = false;
        await persist(announce, persistence);
        logger.info({ tools: [...toolbox.tools.keys()] }, 'tools have changed: announced again');
      }
    } finally {
      // In the same breath as the last look: a change that comes right after it must begin anew.
      announcing = null;
    }
  };
  const stop = toolbox.onChange?.(() => {
    isStale = true;
    announcing ??= announceAll().catch((error: Error) => logger.warn({ error: error.message }, 'could not announce the tools'));
  });
  const renew = async (): Promise<void> => {
    const contracts = [...toolbox.tools.values()].map(({ contract }) => contract);
    const named = contracts.flatMap(({ queue }) => (queue === null ? [] : [queue]));
    await store.renewAnnouncement({ contracts, conditions: [...toolbox.conditions.keys()], queues: [...new Set([...queues, ...named])] });
  };
  await persist(announce, persistence);
  await persist(renew, persistence);
  const renewing = setInterval(() => {
    renew().catch((error: Error) => logger.warn({ error: error.message }, 'could not say again which tools are here'));
  }, RENEW_EVERY_MS);
  return {
    async stop() {
      clearInterval(renewing);
      stop?.();
      await announcing;
    },
  };
}
