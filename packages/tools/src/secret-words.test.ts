import { expect, test } from 'vitest';
import { maskedArguments, urlWords } from './secret-words.ts';

test.each([
  ['https://ada:hunter2@example.com/x', 'https://example.com/x'],
  ['https://hunter2@example.com/', 'https://example.com/'],
  ['https://example.com/?api_key=hunter2&q=tea', 'https://example.com/?api_key=***&q=tea'],
  ['https://example.com/?X-Amz-Signature=hunter2', 'https://example.com/?X-Amz-Signature=***'],
  ['https://example.com/?author=ada&code=hunter2', 'https://example.com/?author=ada&code=***'],
  ['https://example.com/?a=0123456789abcdef0123456789abcdef', 'https://example.com/?a=***'],
  ['https://example.com/services/T0a1B2c3D4e5F6g7H8i9/x', 'https://example.com/services/***/x'],
  ['https://example.com/items/550e8400-e29b-41d4-a716-446655440000', 'https://example.com/items/550e8400-e29b-41d4-a716-446655440000'],
  ['https://example.com/#hunter2', 'https://example.com/'],
  ['https://{{input.user}}:hunter2@example.com/{{input.path}}', 'https://example.com/{{input.path}}'],
  ['https://ada:hunter2@{{input.host}}:{{input.port}}/?key=hunter2', 'https://{{input.host}}:{{input.port}}/'],
  ['no url?token=hunter2', '"no url"'],
  ['\u202Ehttps://example.com', '"\\u{202e}https://example.com"'],
])('%s is shown as %s', (url, shown) => {
  expect(urlWords(url)).toBe(shown);
  expect(urlWords(url)).not.toContain('hunter2');
});

test.each([
  [
    ['log', '--oneline'],
    ['log', '--oneline'],
  ],
  [
    ['--token', 'hunter2', 'x'],
    ['--token', '***', 'x'],
  ],
  [
    ['--token', '--verbose'],
    ['--token', '--verbose'],
  ],
  [
    ['--password=hunter2', '--name=ada'],
    ['--password=***', '--name=ada'],
  ],
  [['AWS_SECRET_ACCESS_KEY=hunter2'], ['AWS_SECRET_ACCESS_KEY=***']],
  [
    ['-H', 'Authorization: Bearer hunter2'],
    ['-H', 'Authorization: ***'],
  ],
  [
    ['-H', 'X-Api-Key: hunter2'],
    ['-H', 'X-Api-Key: ***'],
  ],
  [
    ['-H', 'cookie: a=hunter2; b=c'],
    ['-H', 'cookie: ***'],
  ],
  [['https://ada:hunter2@example.com/?key=hunter2'], ['https://example.com/?key=***']],
  [['echo Bearer hunter2hunter2'], ['echo Bearer ***']],
])('of the arguments %j nothing secret is shown', (given, shown) => expect(maskedArguments(given)).toEqual(shown));
