import { type Environment, loadConfig } from '@countersign/service';
import { describe, expect, test } from 'vitest';
import { plannerConfigSchema } from './config.ts';

const read = (env: Environment) => loadConfig(plannerConfigSchema, env);

describe('the planner', () => {
  test.each([
    [{}, 'rules'],
    [{ OPENAI_API_KEY: 'sk-1' }, 'openai'],
    [{ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' }, 'openai'],
    [{ OPENAI_API_KEY: 'sk-1', PLANNER: 'rules' }, 'rules'],
    [{ OPENAI_API_KEY: '', PLANNER: '' }, 'rules'],
  ])('for %o is %s', (env, planner) => {
    expect(read(env).PLANNER).toBe(planner);
  });

  test('asked for as openai without a key or a server is refused, naming what is missing', () => {
    expect(() => read({ PLANNER: 'openai' })).toThrow(/PLANNER.*OPENAI_API_KEY, or OPENAI_BASE_URL/);
  });

  test('refuses a limit in dollars without prices, which nobody could hold', () => {
    expect(() => read({ TASK_MAX_COST_USD: '5' })).toThrow(/TASK_MAX_COST_USD.*OPENAI_INPUT_PRICE.*no cost is known/);
    expect(read({ TASK_MAX_COST_USD: '5', OPENAI_INPUT_PRICE: '2', OPENAI_OUTPUT_PRICE: '8' }).TASK_MAX_COST_USD).toBe(5);
  });

  test.each([
    { PLANNER: 'gpt' },
    { OPENAI_BASE_URL: 'localhost' },
    { REDIS_URL: 'http://x' },
    { OPENAI_TIMEOUT_MS: '0' },
    { TASK_MAX_TOKENS: '0' },
    { TASK_MAX_ROUNDS: 'many' },
    { TASK_MAX_COST_USD: '0' },
  ])('refuses %o', (env) => {
    expect(() => read(env)).toThrow(Object.keys(env)[0]);
  });
});
