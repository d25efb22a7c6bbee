/** A Redis as somebody else would start it: past our own start, which looks after the file that it loads. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@countersign/store';
import { Redis } from 'ioredis';
import { removeFolder } from '../remove-folder.ts';

export class BareRedis {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'countersign-bare-redis-'));
  readonly port: number;
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<BareRedis> {
    const redis = new BareRedis(await freePort());
    await redis.start();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** On the port and the file that it had. Resolves when it answers; throws an Error with its last words where it ends instead. */
  async start(): Promise<void> {
    const settings = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.dataDir,
      logfile: join(this.dataDir, 'log'),
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      save: '',
    };
    const child = spawn(
      'redis-server',
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      { stdio: 'ignore' },
    );
    this.#child = child;
    const client = new Redis(this.port, '127.0.0.1', { retryStrategy: () => 25, maxRetriesPerRequest: null });
    client.on('error', () => {});
    const refused = once(child, 'exit').then(() => {
      throw new Error(`redis-server did not start in ${this.dataDir}:\n${this.log().slice(-500)}`);
    });
    // Later it ends because it is killed.
    refused.catch(() => {});
    try {
      await Promise.race([client.ping(), refused]);
    } finally {
      client.disconnect();
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** What it has said since the first start. */
  log(): string {
    return readFileSync(join(this.dataDir, 'log'), 'utf8');
  }

  async remove(): Promise<void> {
    await this.kill();
    removeFolder(this.dataDir);
  }
}
