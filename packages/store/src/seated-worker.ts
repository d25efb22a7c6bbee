/** A worker of BullMQ that takes a job only when it has a seat for it. */
import { type BackendFactory, type Job, type Processor, type RedisQueueBackend, Worker, type WorkerOptions } from 'bullmq';
import type { SeatTaker } from './seats.ts';

interface Seated {
  options: WorkerOptions;
  backendFactory: BackendFactory<RedisQueueBackend>;
  seat: SeatTaker;
}

/** Where a worker is to wait for jobs, it first waits for a seat, if that was what it lacked: the jobs are there already. */
const waitingForSeats =
  (backendFactory: BackendFactory<RedisQueueBackend>, seat: SeatTaker): BackendFactory<RedisQueueBackend> =>
  (name, options, more) => {
    const backend = backendFactory(name, options, more);
    const waitForJob = backend.waitForJob.bind(backend);
    backend.waitForJob = async (timeout) => ((await seat.wait()) ? { member: '0', score: 0 } : waitForJob(timeout));
    return backend;
  };

/** Made without `autorun`: `run` starts it. */
export class SeatedWorker<Data> extends Worker<Data> {
  readonly #seat: SeatTaker;

  constructor(queue: string, processor: Processor<Data>, { options, backendFactory, seat }: Seated) {
    super(queue, processor, { ...options, autorun: false }, waitingForSeats(backendFactory, seat));
    this.#seat = seat;
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<Data>> {
    // As when the queue is empty: the worker goes on to wait, beside the jobs that it has in hand.
    if (!this.#seat.take()) return this.nextJobFromJobData();
    let job: Job<Data> | undefined;
    try {
      job = await super.moveToActive(token, name);
      return job as Job<Data>;
    } finally {
      if (job === undefined) this.#seat.giveBack();
    }
  }

  /** The seat goes from a job to the one that comes along with its end. */
  override async processJob(job: Job<Data>, token: string, fetchNext: () => boolean = () => true): Promise<Job<Data> | undefined> {
    let next: Job<Data> | undefined;
    try {
      next = (await super.processJob(job, token, () => fetchNext() && !this.#seat.shouldYield())) as Job<Data> | undefined;
      return next;
    } finally {
      if (!next) this.#seat.giveBack();
    }
  }
}
