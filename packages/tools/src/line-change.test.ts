import { expect, test } from 'vitest';
import { changeText } from './line-change.ts';

test.each([
  ['a\n', 'a\n', ''],
  ['', 'a\nb', '@ line 1\n+a\n+b'],
  ['a\nb\nc\n', 'a\nX\nc\n', '@ line 2\n-b\n+X'],
  ['a\nb\n', 'a\nb\nc\n', '@ line 3\n+c'],
  ['a\na\na\n', 'a\na\n', '@ line 3\n-a'],
  ['a\nb\n', '', '@ line 1\n-a\n-b'],
  ['a', 'a\n', 'only the newline at the end changes'],
  ['a\r\n', 'a\n', '@ line 1\n-a\\r\n+a'],
  ['a\n', '\u202Eb\n', '@ line 1\n-a\n+\\u{202e}b'],
])('%j to %j', (before, after, change) => expect(changeText(before, after)).toBe(change));

test('a long change is cut, and says how much more there is', () => {
  const change = changeText('', Array.from({ length: 100 }, (_, at) => `line ${at}`).join('\n'));
  expect(change.split('\n')).toHaveLength(22);
  expect(change).toContain('+ ... and 80 more lines');
});
