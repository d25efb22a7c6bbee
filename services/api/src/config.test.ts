import { ConfigError, loadConfig } from '@countersign/service';
import { describe, expect, it } from 'vitest';
import { apiConfigSchema } from './config.ts';

const problems = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(apiConfigSchema, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

describe('the settings of the API', () => {
  it('need none: loopback, port 3000, a Redis on this machine, no keys', () => {
    expect(loadConfig(apiConfigSchema, {})).toEqual({
      REDIS_URL: 'redis://127.0.0.1:6379',
      REDIS_CLUSTER: false,
      SHARDS: 1,
      PORT: 3000,
      HOST: '127.0.0.1',
      WEBHOOK_ALLOW_PRIVATE: false,
      SHUTDOWN_DELAY_MS: 0,
    });
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org'])('without keys HOST=%s is refused, saying why', (HOST) => {
    expect(problems({ HOST })).toEqual([expect.stringMatching(/^HOST: .*without API_KEYS.*set API_KEYS/)]);
    expect(problems({ HOST, API_KEYS: 'a:viewer:secret' })).toEqual([]);
  });

  it.each(['127.0.0.1', 'localhost', '::1', '127.0.0.2'])('without keys HOST=%s is fine', (HOST) => {
    expect(problems({ HOST })).toEqual([]);
  });

  it('names every problem at once and no secret', () => {
    const found = problems({ PORT: 'x', REDIS_URL: 'http://x', API_KEYS: 'a:king:hunter2' });
    expect(found.map((line) => line.split(':')[0]).sort()).toEqual(['API_KEYS', 'PORT', 'REDIS_URL']);
    expect(found.join()).not.toContain('hunter2');
  });
});
