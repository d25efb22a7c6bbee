import { expect, test } from 'vitest';
import { placesOf } from './redis-clients.ts';
import { nodeUrls } from './redis-url.ts';

test.each([
  ['redis://a:1', ['redis://a:1']],
  ['redis://a:1,redis://b:2', ['redis://a:1', 'redis://b:2']],
  ['rediss://ada:s3cret@a:1, b:2', ['rediss://ada:s3cret@a:1', 'rediss://ada:s3cret@b:2']],
  ['redis://a:1,', ['redis://a:1']],
])('%s names these nodes: scheme, user and password of the first hold for all', (url, urls) => {
  expect(nodeUrls(url)).toEqual(urls);
});

test('where Redis is can be said without its password', () => {
  expect(placesOf({ url: 'redis://ada:s3cret@a:1,b:2' })).toBe('a:1, b:2');
});
