import { expect, test } from 'vitest';
import { z } from 'zod';
import { misspelledSettings, settingNames } from './setting-names.ts';

const names = ['PORT', 'API_KEYS', 'EXECUTOR_CONCURRENCY', 'OPENAI_INPUT_PRICE', 'OPENAI_OUTPUT_PRICE', 'REDIS_URL'];
const hints = (...variables: string[]): string[] => misspelledSettings(Object.fromEntries(variables.map((name) => [name, 'x'])), names);

test('the names of a schema are found behind checks and transformations', () => {
  const schema = z
    .object({ PORT: z.coerce.number().default(1), LIST: z.string().transform((text) => new Set(text)) })
    .superRefine(() => {})
    .transform((settings) => ({ ...settings, MORE: 1 }));
  expect(settingNames(schema)).toEqual(['PORT', 'LIST']);
});

test.each([
  ['EXECUTOR_CONCURENCY', 'EXECUTOR_CONCURRENCY'],
  ['EXECUTOR_CONCURRECNY', 'EXECUTOR_CONCURRENCY'],
  ['executor_concurrency', 'EXECUTOR_CONCURRENCY'],
  ['API_KEY', 'API_KEYS'],
  ['REDIS_ULR', 'REDIS_URL'],
  ['OPENAI_INPUT_PRICES', 'OPENAI_INPUT_PRICE'],
  ['API_KEY_FILE', 'API_KEYS_FILE'],
])('%s: a slip, %s was meant', (variable, name) => {
  expect(hints(variable)).toEqual([`${variable} is not a setting; did you mean ${name}?`]);
});

test('settings, their files, and variables of other programs are no slips', () => {
  expect(hints(...names, 'API_KEYS_FILE', 'HOME', 'PATH', 'POST', 'PWD', 'KEYS', 'EXECUTORS', 'REDIS_HOST', 'OPENAI_MODEL')).toEqual([]);
  expect(misspelledSettings({ API_KEY: '', REDIS_ULR: undefined }, names)).toEqual([]);
});
