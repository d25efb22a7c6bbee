/** The user that docs/operations.md says is enough. */
import type { EmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { readPage, sectionOf } from '../docs/pages.ts';

const rule = /^ACL SETUSER (\S+) (.*)$/m.exec(sectionOf(readPage('docs/operations.md'), '## A user of its own'));
const [, name = '', words = ''] = rule ?? [];
const password = /(?:^| )>(\S+)/.exec(words)?.[1] ?? '';

/** Makes the user as the page says, and shuts everybody else out; gives the URL to log in with. */
export async function makeDocumentedUser(redis: EmbeddedRedis): Promise<string> {
  const admin = new Redis(redis.url);
  await admin.call('ACL', 'SETUSER', name, ...words.split(' '));
  await admin.acl('SETUSER', 'default', 'resetpass', '>other');
  admin.disconnect();
  return `redis://${name}:${password}@127.0.0.1:${redis.port}`;
}

/** Past that user. */
const openAsAdmin = (redis: EmbeddedRedis): Redis => new Redis(redis.port, '127.0.0.1', { password: 'other' });

/** What was refused to anybody, as `reason: what`. */
export async function refusedByRedis(redis: EmbeddedRedis): Promise<string[]> {
  const admin = openAsAdmin(redis);
  const entries = (await admin.call('ACL', 'LOG')) as string[][];
  admin.disconnect();
  const field = (entry: string[], key: string): string => entry[entry.indexOf(key) + 1] ?? '';
  return entries.map((entry) => `${field(entry, 'reason')}: ${field(entry, 'object')}`);
}
