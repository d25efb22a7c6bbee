/**
 * Plans and tasks that ended long ago go, the first that ended first, each with one short script. Where there is a folder for
 * records, each one's record is on disk before it goes. All of it can be done twice, and by two executors at once.
 */
import { logIds } from '@countersign/service';
import type { Ended, EndedKind, EventLog, KeepLimits, PlanStore, Removal, Retention } from '@countersign/store';
import type { ExecutorMeters } from '../metrics.ts';
import type { StepLogger } from '../step-log.ts';
import { writeRecord } from './record-files.ts';

/** What is kept; the rest goes. */
export interface RetentionRules {
  plan: KeepLimits;
  task: KeepLimits;
  /** where the records of what goes are written; absent: nowhere */
  recordsFolder?: string | undefined;
}

export interface RemoveOptions {
  store: Retention & Pick<PlanStore, 'audit'> & Pick<EventLog, 'lastEventId'>;
  logger: StepLogger;
  meters: Pick<ExecutorMeters, 'removed' | 'recordFailed'>;
  rules: RetentionRules;
  /** aborts when the executor closes: what is left waits for a later tick, anywhere */
  signal: AbortSignal;
}

const PAGE = 100;
/** What one tick removes of each kind, so that it comes to an end. */
const MOST_PER_TICK = 2_000;

/** Why it stays for now. */
class RecordNotWrittenError extends Error {
  override readonly name = 'RecordNotWrittenError';
  override readonly cause: NodeJS.ErrnoException;

  constructor(cause: NodeJS.ErrnoException) {
    super(cause.message);
    this.cause = cause;
  }
}

async function keepRecord(folder: string, of: { id: string; createdAt: string }, record: object): Promise<void> {
  try {
    await writeRecord(folder, of, record);
  } catch (error) {
    throw new RecordNotWrittenError(error as NodeJS.ErrnoException);
  }
}

async function recordTask(taskId: string, { store, folder }: { store: RemoveOptions['store']; folder: string }): Promise<void> {
  const record = await store.taskRecord(taskId);
  if (record !== null) await keepRecord(folder, record.task, record);
}

const isAsking = (status: string | undefined): boolean => status === 'queued' || status === 'planning';

async function removePlan(ended: Ended, { store, folder }: { store: RemoveOptions['store']; folder: string }): Promise<Removal> {
  // Before the record: what comes in between is not surely in it.
  const recordedTo = await store.lastEventId(ended.id);
  const record = await store.audit(ended.id);
  if (record === null) return store.removeEnded(ended);
  if (isAsking(record.plan.planning?.status)) return 'asking';
  if (record.plan.taskId !== null) await recordTask(record.plan.taskId, { store, folder });
  await keepRecord(folder, record.plan, record);
  return store.removeEnded(ended, recordedTo);
}

async function remove(ended: Ended, { store, rules: { recordsFolder: folder } }: RemoveOptions): Promise<Removal> {
  if (folder === undefined) return store.removeEnded(ended);
  if (ended.kind === 'plan') return removePlan(ended, { store, folder });
  await recordTask(ended.id, { store, folder });
  return store.removeEnded(ended);
}

const idsOf = ({ kind, id }: Ended): object => logIds(kind === 'plan' ? { planId: id } : { taskId: id });

/** Null: its record could not be written, and so it stays. */
async function removeIfRecorded(ended: Ended, options: RemoveOptions): Promise<Removal | { failed: NodeJS.ErrnoException }> {
  try {
    return await remove(ended, options);
  } catch (error) {
    if (!(error instanceof RecordNotWrittenError)) throw error;
    options.meters.recordFailed();
    options.logger.error({ ...idsOf(ended), error: error.message }, `a record could not be written: the ${ended.kind} is kept`);
    return { failed: error.cause };
  }
}

/** Calls `onRemoved` for each that is gone. */
async function removeOfKind(kind: EndedKind, options: RemoveOptions, onRemoved: (ended: Ended) => void): Promise<void> {
  const { store, rules, signal } = options;
  const staying = new Set<string>();
  for (let looks = 0; looks < MOST_PER_TICK; ) {
    const found = await store.outlived(kind, rules[kind], PAGE + staying.size);
    const page = found.filter(({ id }) => !staying.has(id));
    if (page.length === 0) return;
    for (const ended of page) {
      if (signal.aborted) return;
      looks++;
      const removal = await removeIfRecorded(ended, options);
      // A folder that can't be written to is so for all; a record that can't be made is a fault of its own.
      if (typeof removal === 'object' && removal.failed.errno !== undefined) return;
      if (removal === 'removed') onRemoved(ended);
      else staying.add(ended.id);
    }
  }
}

/** Takes plans first: their tasks go along. */
export async function removeEnded(options: RemoveOptions): Promise<void> {
  const { meters, logger } = options;
  const removed = { plan: 0, task: 0 };
  const count = (ended: Ended): void => {
    removed[ended.kind]++;
    meters.removed(ended.kind, 1);
    logger.debug(idsOf(ended), `${ended.kind} removed: it ended long ago`);
  };
  try {
    await removeOfKind('plan', options, count);
    await removeOfKind('task', options, count);
  } finally {
    const { plan: plans, task: tasks } = removed;
    if (plans + tasks > 0) logger.info({ plans, tasks }, 'removed what ended long ago');
  }
}
