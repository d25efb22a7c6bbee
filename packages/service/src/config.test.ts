import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';
import { maskSecrets } from './secrets.ts';

const schema = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  PLANNER: z.enum(['openai', 'rules']).default('rules'),
  REDIS_URL: z.string().regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://'),
});

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

test('settings are read, defaults filled in, other variables ignored', () => {
  expect(loadConfig(schema, { PORT: '8080', REDIS_URL: 'redis://localhost', HOME: '/root' })).toEqual({
    PORT: 8080,
    PLANNER: 'rules',
    REDIS_URL: 'redis://localhost',
  });
});

test('every problem is named at once, with what would be right', () => {
  expect(problemsOf({ PORT: 'many', PLANNER: 'magic' })).toEqual([
    'PORT: is "many"; must be a number',
    'PLANNER: is "magic"; must be one of openai, rules',
    'REDIS_URL: is not set; must be a string',
  ]);
  expect(problemsOf({ PORT: '70000', REDIS_URL: 'http://x' })).toEqual([
    'PORT: is "70000"; must be at most 65535',
    'REDIS_URL: is "http://x"; must begin with redis:// or rediss://',
  ]);
});

test('an empty variable counts as not set', () => {
  expect(loadConfig(schema, { PORT: '', REDIS_URL: 'redis://localhost' }).PORT).toBe(3000);
  expect(problemsOf({ REDIS_URL: '' })).toEqual(['REDIS_URL: is not set; must be a string']);
});

test('a problem with a secret does not show it', () => {
  const keys = z.object({ API_KEYS: z.string().min(40), REDIS_URL: z.string().max(5) });
  try {
    loadConfig(keys, { API_KEYS: 'ann:admin:hunter2', REDIS_URL: 'redis://u:hunter2@localhost' });
    expect.unreachable();
  } catch (error) {
    expect(String(error)).not.toContain('hunter2');
    expect(String(error)).toContain('API_KEYS: is ***; must have at least 40 characters');
  }
});

test('a printed configuration masks secrets by name and the passwords of URLs, at any depth', () => {
  const config = {
    REDIS_URL: 'redis://app:hunter2@host:6379/0',
    API_KEYS: [{ secret: 'hunter2' }],
    nested: { openaiApiKey: 'hunter2', tokens: 3 },
    QUEUES: new Map([['mail', { concurrency: 2, token: 'hunter2' }]]),
  };
  expect(maskSecrets(config)).toEqual({
    REDIS_URL: 'redis://app:***@host:6379/0',
    API_KEYS: '***',
    nested: { openaiApiKey: '***', tokens: 3 },
    QUEUES: { mail: { concurrency: 2, token: '***' } },
  });
});
