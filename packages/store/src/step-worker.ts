/**
 * What makes a worker of steps quick: recording a result, finishing its job, taking the next one and claiming that one's
 * step are one script. BullMQ's worker stays as it is; of its backend one method is replaced, the one that finishes jobs.
 */
import { randomUUID } from 'node:crypto';
import { type BackendFactory, createRedisBackend, type RedisQueueBackend, raw2NextJobData } from 'bullmq';
import type { StoreConnection } from './connection.ts';
import { StoreFullError } from './contract.ts';
import type { ClaimReply, Hold, RecordReply, StepStore } from './step-contract.ts';
import { readClaim } from './step-store.ts';

/** A result that is to be recorded along with the end of its job. */
export interface Completion {
  hold: Hold;
  /** JSON text */
  output: string;
  /** Called once the store has taken the result, or refused it. */
  onReply(reply: RecordReply): void;
}

/** A claim that came along with its job. */
export interface EarlyClaim {
  token: string;
  /** when it was asked for, on the clock of `performance.now()` */
  askedAt: number;
  reply: Extract<ClaimReply, { ok: true }>;
}

export interface StepWorkerOptions {
  connection: StoreConnection;
  store: Pick<StepStore, 'completeStep'>;
  /** this process's name on events */
  executor: string;
  /** how store calls that fail for now are repeated */
  persist<Value>(call: () => Promise<Value>): Promise<Value>;
  /** of a job's lock */
  lockMs: number;
}

/** Where the worker's processor and its backend meet: both know a job by its id. */
export class StepWorker {
  readonly #options: StepWorkerOptions;
  readonly #completions = new Map<string, Completion & { lock: string }>();
  readonly #claims = new Map<string, EarlyClaim>();

  constructor(options: StepWorkerOptions) {
    this.#options = options;
  }

  /** To be recorded when the job of that id is finished. `lock` is the token of its lock. */
  willComplete(jobId: string, completion: Completion, lock: string): void {
    this.#completions.set(jobId, { ...completion, lock });
  }

  /** The claim that came along with the job; null: claim it. */
  takeClaim(jobId: string): EarlyClaim | null {
    const claim = this.#claims.get(jobId) ?? null;
    this.#claims.delete(jobId);
    return claim;
  }

  /** Makes the worker's backend. */
  readonly backendFactory: BackendFactory<RedisQueueBackend> = (name, opts, more) => {
    const backend = createRedisBackend(name, opts, more);
    const finish = backend.moveToFinished.bind(backend);
    backend.moveToFinished = async (jobId, args) => {
      const completion = this.#completions.get(jobId);
      // Taken out at once: when finishing the job fails, BullMQ comes back to fail it, and the result is recorded by then.
      this.#completions.delete(jobId);
      if (completion === undefined) return finish(jobId, args);
      // BullMQ renews the lock no more. While Redis is full, the result may have to wait for longer than it lasts.
      const persist = <Value>(call: () => Promise<Value>): Promise<Value> =>
        this.#options.persist(() =>
          call().catch(async (error: unknown) => {
            if (error instanceof StoreFullError)
              await backend.extendLocks([jobId], [completion.lock], this.#options.lockMs).catch(() => {});
            throw error;
          }),
        );
      const token = randomUUID();
      let askedAt = 0;
      const [word, finished, claim] = await persist(() => {
        askedAt = performance.now();
        return this.#completeAndTakeNext(completion, args, token);
      });
      if (word !== 'ok') {
        completion.onReply(await persist(() => this.#options.store.completeStep(completion.hold, completion.output)));
        return finish(jobId, args);
      }
      completion.onReply({ ok: true });
      if (typeof finished === 'number' && finished < 0) {
        throw backend.finishedErrors({ code: finished, jobId, command: 'moveToFinished', state: 'active' });
      }
      const next = raw2NextJobData(finished as unknown[]);
      if (Array.isArray(claim) && claim[0] === 'claimed') {
        this.#claims.set(String(next[1]), { token, askedAt, reply: { ok: true, claim: readClaim(claim as string[]) } });
      }
      return next;
    };
    return backend;
  };

  #completeAndTakeNext({ hold, output }: Completion, args: readonly unknown[], token: string): Promise<unknown[]> {
    const { connection, executor } = this.#options;
    const keys = args.slice(0, FINISH_KEYS) as string[];
    const values = args.slice(FINISH_KEYS).map((value) => value ?? '') as (string | number | Buffer)[];
    return connection.run('complete-and-take-next', {
      keys: [connection.keys.plan(hold.planId), ...keys],
      id: hold.planId,
      args: [hold.stepId, hold.token, output, ...values, token, JSON.stringify(executor)],
    });
  }
}

/** How many of the arguments of BullMQ's moveToFinished are keys. */
const FINISH_KEYS = 14;
