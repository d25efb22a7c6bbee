import { expect, test } from 'vitest';
import { reviewContext } from '../test/run-tool.ts';
import { plainToolFrom } from './plain-tool.ts';

const made = (fields: object) =>
  plainToolFrom({ name: 'test.plain', description: 'Is a plain object.', risk: 'write', inputSchema: {}, run: () => null, ...fields });

test('what a plain object says of a call is asked of it as a method, with the input and the context', async () => {
  const tool = made({
    effects(this: { name: string }, { what }: { what: string }, { stepId }: { stepId: string }) {
      return `${this.name} moves ${what} for ${stepId}`;
    },
    dryRun: () => ({ at: new Date(0) }),
  });
  expect(await tool.effects?.({ what: 'it' }, reviewContext({ stepId: 'a' }))).toBe('test.plain moves it for a');
  expect(await tool.dryRun?.({}, reviewContext())).toEqual({ at: '1970-01-01T00:00:00.000Z' });
});

test('words that are no text are none', async () => {
  const effects = (value: unknown) => made({ effects: () => value }).effects?.({}, reviewContext());
  await expect(effects(undefined)).rejects.toThrow('the effects of `test.plain` are a value of type undefined; they must be a text');
  await expect(effects(null)).rejects.toThrow('are null');
});

test('a plain object without words or a dry run has none', () => {
  expect(made({})).not.toHaveProperty('effects');
  expect(made({})).not.toHaveProperty('dryRun');
});
