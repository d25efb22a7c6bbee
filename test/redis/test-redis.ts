/**
 * A Redis for a test file: in a container where a Docker engine answers, else a server of its own. Either is set up as
 * production should be.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { startEmbeddedRedis } from '@countersign/store';
import { GenericContainer, Wait } from 'testcontainers';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { dockerAnswers } from './docker-engine.ts';

const IMAGE = 'redis:8-alpine';
const PORT = 6379;

export interface TestRedis {
  url: string;
  /** which of the two it is */
  kind: 'container' | 'embedded';
  /** Empties it. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Sends one inline command and reads its one-line reply: the tests' Redis needs no client library. */
export async function send(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(`${command}\r\n`);
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return reply.toString().trim();
  } finally {
    socket.destroy();
  }
}

async function flush(url: string): Promise<void> {
  const reply = await send(url, 'FLUSHALL');
  if (reply !== '+OK') throw new Error(`FLUSHALL on ${url} was answered with ${reply}; expected +OK`);
}

async function startContainer(): Promise<TestRedis> {
  const container = await new GenericContainer(IMAGE)
    .withExposedPorts(PORT)
    .withCommand(['redis-server', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--save', ''])
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start();
  const url = `redis://${container.getHost()}:${container.getMappedPort(PORT)}`;
  return {
    url,
    kind: 'container',
    flush: () => flush(url),
    async stop() {
      await container.stop();
    },
  };
}

async function startServer(): Promise<TestRedis> {
  const { url, stop } = await startEmbeddedRedis();
  return { url, kind: 'embedded', flush: () => flush(url), stop };
}

/** Starts a Redis that the caller stops. */
export const startTestRedis = async (): Promise<TestRedis> => ((await dockerAnswers()) ? startContainer() : startServer());

/** One Redis for the tests of this file, emptied before each of them. The URL is known once the tests run. */
export function useTestRedis(): { readonly url: string } {
  let redis: TestRedis | null = null;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  beforeEach(() => redis?.flush());
  afterAll(() => redis?.stop());
  return {
    get url() {
      if (redis === null) throw new Error('the Redis of this file is not started yet; read its url inside a test or a hook');
      return redis.url;
    },
  };
}
