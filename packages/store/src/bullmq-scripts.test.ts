import { createRequire } from 'node:module';
import { afterEach, expect, test } from 'vitest';
import { BullMqMismatchError, bullScript } from './bullmq-scripts.ts';

const script = createRequire(import.meta.url)('bullmq/dist/cjs/scripts/addStandardJob-9.js').addStandardJob as {
  content: string;
  keys: number;
};
const { content, keys } = script;
afterEach(() => Object.assign(script, { content, keys }));

test('the scripts of the installed BullMQ are those that were tested', () => {
  expect(bullScript('addStandardJob')).toBe(content);
});

test.each([
  ['has another text', { content: `${content}\n` }],
  ['takes other keys', { keys: keys + 1 }],
])('a script that %s is refused, with the version that it must be', (what, changed) => {
  Object.assign(script, changed);
  expect(() => bullScript('addStandardJob')).toThrow(BullMqMismatchError);
  expect(() => bullScript('addStandardJob')).toThrow(what);
  expect(() => bullScript('addStandardJob')).toThrow(/install bullmq@\d/);
});
