/** What a run with faults plays on: Redis, and the services as processes, each with a network of its own between it and Redis. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EmbeddedRedis, freePort, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { readyUrl, type ServiceName, type ServiceProcess, startService } from '../e2e/processes.ts';
import { removeFolder } from '../remove-folder.ts';
import { LedgerReader } from './ledger-reader.ts';
import { type StoryModel, startStoryModel } from './model.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const TOOLS_DIR = fileURLToPath(new URL('tools/', import.meta.url));
/** The fleet runs so many `fault.narrow` at once. */
export const NARROW_CAP = 2;
/** ms that a planner waits for its model */
const MODEL_TIMEOUT_MS = 6_000;

export interface StageOptions {
  executors: number;
  planners: number;
  appendfsync: 'always' | 'everysec';
  /** further settings of every service */
  env?: Record<string, string>;
  /** the text of a policy file */
  policy: string;
}

interface StageParts {
  folder: string;
  port: number;
  options: StageOptions;
  model: StoryModel;
}

/** A place for one process: the one that is in it may end, and another one takes its place. */
export interface Seat {
  readonly name: string;
  readonly service: ServiceName;
  readonly proxy: TcpProxy;
  /** null while nobody is in it */
  process: ServiceProcess | null;
  /** by a fault that is under way */
  isTaken: boolean;
}

/** A seat with somebody in it. */
export type Filled = Seat & { process: ServiceProcess };

const READY: Record<Exclude<ServiceName, 'api'>, string> = { planner: 'waiting for tasks', executor: 'executor takes steps' };

export class Stage {
  readonly folder: string;
  readonly ledger: LedgerReader;
  readonly seats: Seat[] = [];
  /** a client that goes to Redis itself; for faults */
  readonly admin: Redis;
  readonly model: StoryModel;
  url = '';
  /** by a fault that is under way */
  isRedisTaken = false;
  /** the contract of `fault.changing` that executors are started with from now on */
  contract = 1;
  #redis: EmbeddedRedis;
  readonly #options: StageOptions;
  readonly #port: number;
  readonly #ended: ServiceProcess[] = [];

  private constructor(redis: EmbeddedRedis, { folder, port, options, model }: StageParts) {
    this.folder = folder;
    this.ledger = new LedgerReader(join(folder, 'ledger.jsonl'));
    this.model = model;
    this.#redis = redis;
    this.#port = port;
    this.#options = options;
    this.admin = new Redis({ port: redis.port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 50 });
    this.admin.on('error', () => {});
  }

  static async start(options: StageOptions): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-faults-'));
    mkdirSync(join(folder, 'redis'));
    writeFileSync(join(folder, 'policy.yaml'), options.policy);
    const redis = await startEmbeddedRedis({ dataDir: join(folder, 'redis'), appendfsync: options.appendfsync });
    const model = await startStoryModel({ timeoutMs: MODEL_TIMEOUT_MS });
    const stage = new Stage(redis, { folder, port: await freePort(), options, model });
    try {
      const names = (service: ServiceName, count: number) =>
        Array.from({ length: count }, (_, at) => [service, `${service}-${at + 1}`] as const);
      for (const [service, name] of [...names('api', 1), ...names('planner', options.planners), ...names('executor', options.executors)]) {
        stage.seats.push({ name, service, proxy: await startTcpProxy(() => redis.port), process: null, isTaken: false });
      }
      await Promise.all(stage.seats.map((seat) => stage.fill(seat)));
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get redis(): EmbeddedRedis {
    return this.#redis;
  }

  /** Seats with somebody in them that no fault has taken: of one service, or of all. */
  free(service?: ServiceName): Filled[] {
    const fits = (seat: Seat): seat is Filled =>
      seat.process !== null && !seat.isTaken && (service === undefined || seat.service === service);
    return this.seats.filter(fits);
  }

  /** Starts a process in an empty seat; resolves once it is at work. */
  async fill(seat: Seat): Promise<void> {
    const { env = {} } = this.#options;
    const service = startService(seat.service, {
      REDIS_URL: `redis://127.0.0.1:${seat.proxy.port}`,
      WORKSPACE_ROOT: this.folder,
      TOOLS_DIR,
      LEDGER: this.ledger.file,
      CONTRACT: String(this.contract),
      QUEUES: JSON.stringify({ narrow: { concurrency: NARROW_CAP } }),
      POLICY_FILE: join(this.folder, 'policy.yaml'),
      ...(seat.service === 'api' ? { HOST: '127.0.0.1', PORT: String(this.#port) } : {}),
      ...(seat.service === 'planner' ? this.model.env(seat.name) : {}),
      ...env,
    });
    seat.process = service;
    if (seat.service === 'api') this.url = await readyUrl(service);
    else await service.logged(({ message }) => message === READY[seat.service as keyof typeof READY]);
  }

  /** Ends the process in the seat, and resolves with its id once it is gone. */
  async empty(seat: Seat, signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    const { process } = seat;
    if (process === null) throw new Error(`nobody is in ${seat.name}`);
    seat.process = null;
    this.#ended.push(process);
    await process.end(signal);
    return process.pid;
  }

  /** kill -9, and another one on the same port and folder. `between` may look at what it left. */
  async restartRedis(between: () => void | Promise<void> = () => {}): Promise<void> {
    const { port, dataDir } = this.#redis;
    await this.#redis.kill();
    await between();
    this.#redis = await startEmbeddedRedis({ port, dataDir, appendfsync: this.#options.appendfsync });
  }

  /** The last lines of every process, also of those that have ended: for whoever has to find out what happened. */
  lastWords(count: number): string {
    const living = this.seats.flatMap(({ name, process }) => (process === null ? [] : [[name, process] as const]));
    const ended = this.#ended.slice(-6).map((process) => [`ended ${process.pid}`, process] as const);
    return [...living, ...ended]
      .map(
        ([name, process]) =>
          `${name} (${process.pid}):\n${process
            .log()
            .slice(-count)
            .map((line) => `  ${JSON.stringify(line)}`)
            .join('\n')}`,
      )
      .join('\n');
  }

  async close({ keep = false } = {}): Promise<void> {
    await Promise.all(this.seats.map(({ process }) => process?.end('SIGKILL')));
    this.admin.disconnect();
    await Promise.all(this.seats.map(({ proxy }) => proxy.close()));
    await this.model.close();
    await this.#redis.stop();
    if (!keep) removeFolder(this.folder);
  }
}
