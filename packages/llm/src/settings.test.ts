import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkModelSettings, modelFrom, modelSettings } from './settings.ts';

const schema = z.object(modelSettings).superRefine(checkModelSettings);
const problems = (env: Record<string, string>) =>
  (schema.safeParse(env).error?.issues ?? []).map(({ path, message }) => [path[0], message]);

describe('a model', () => {
  test.each([
    [{ OPENAI_API_KEY: 'sk-1' }, 'gpt-4.1'],
    [{ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', OPENAI_MODEL: 'tiny' }, 'tiny'],
  ])('is there with %o', (env, name) => {
    expect(modelFrom(schema.parse(env))?.name).toBe(name);
  });

  test('is not there without a key and a server', () => {
    expect(modelFrom(schema.parse({ OPENAI_MODEL: 'tiny' }))).toBeNull();
  });
});

describe('prices', () => {
  test('are both set, or none', () => {
    expect(problems({ OPENAI_INPUT_PRICE: '2', OPENAI_OUTPUT_PRICE: '0.5' })).toEqual([]);
    expect(problems({ OPENAI_INPUT_PRICE: '2' })).toEqual([['OPENAI_OUTPUT_PRICE', expect.stringContaining('OPENAI_INPUT_PRICE')]]);
    expect(problems({ OPENAI_OUTPUT_PRICE: '2' })).toEqual([['OPENAI_INPUT_PRICE', expect.stringContaining('OPENAI_OUTPUT_PRICE')]]);
  });

  test.each(['-1', 'cheap', 'Infinity'])('are no %s', (price) => {
    expect(problems({ OPENAI_INPUT_PRICE: price, OPENAI_OUTPUT_PRICE: '1' })).toMatchObject([['OPENAI_INPUT_PRICE', expect.any(String)]]);
  });
});
