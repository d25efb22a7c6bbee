/** How much a service loads at its start: the time that a start takes is mostly that. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { type EmbeddedRedis, startEmbeddedRedis } from '@countersign/store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pathFromRoot } from '../docs/pages.ts';
import { type ServiceName, startService } from './processes.ts';

let redis: EmbeddedRedis;
let folder: string;
beforeAll(async () => {
  redis = await startEmbeddedRedis();
  folder = mkdtempSync(join(tmpdir(), 'countersign-loading-'));
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The files that a service has loaded once it has started, as paths from the root, as the engine itself lists them. */
async function filesLoadedBy(name: ServiceName): Promise<string[]> {
  const lists = join(folder, name);
  const service = startService(name, {
    REDIS_URL: redis.url,
    HOST: '127.0.0.1',
    PORT: '0',
    PLANNER: 'rules',
    WORKSPACE_ROOT: folder,
    NODE_V8_COVERAGE: lists,
  });
  await service.logged(({ message }) => message === 'started');
  expect(await service.end()).toBe(0);
  const urls = readdirSync(lists).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(lists, file), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  });
  const paths = urls.filter((url) => url.startsWith('file:')).map((url) => decodeURIComponent(new URL(url).pathname));
  return [...new Set(paths)].map((path) => relative(pathFromRoot('.'), path).split(sep).join('/'));
}

/** What has a use in some starts, or for some callers, alone. */
const NOT_AT_THE_START = {
  'the dashboard': /@bull-board/,
  'the protocol of agents': /@modelcontextprotocol|\bmcp-/,
  traces: /@opentelemetry|\bstart-tracing/,
  'requests of tools': /\bundici/,
};

describe.each(['api', 'planner', 'executor'] as const)('the start of the %s', (name) => {
  test('loads its packages from few files, and nothing that has no use yet', async () => {
    const files = await filesLoadedBy(name);
    expect(files).toContain(`services/${name}/dist/main.js`);
    expect(files.length, files.join('\n')).toBeLessThan(130);
    for (const [what, where] of Object.entries(NOT_AT_THE_START)) {
      expect(
        files.filter((file) => where.test(file)),
        what,
      ).toEqual([]);
    }
  });
});
