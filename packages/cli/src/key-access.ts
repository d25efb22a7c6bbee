/** Two ways to managed API keys: over the API, and, before anybody can call that, in the store itself. */
import type { MadeApiKey, NewApiKey } from '@countersign/client';
import type { ApiKey, Page } from '@countersign/shared';
import { newKeySecret, openStore, type RedisTarget } from '@countersign/store';
import { apiOf } from './api-of.ts';

/** Refusals and faults are errors whose message says what was wrong. */
export interface KeyAccess {
  create(key: NewApiKey): Promise<MadeApiKey>;
  list(): Promise<ApiKey[]>;
  revoke(id: string): Promise<ApiKey>;
  close(): Promise<void>;
}

/** As many as a page can have. */
const PAGE = 200;
/** Who has made or revoked a key without the API. */
const COMMAND_LINE = { id: 'command-line' };

async function everyPage(read: (cursor: string | null) => Promise<Page<ApiKey>>): Promise<ApiKey[]> {
  const keys: ApiKey[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<ApiKey> = await read(cursor);
    keys.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return keys;
}

/** Over the API at `url`, as whoever `secret` is of. */
export function keysOverApi({ url, secret }: { url: string; secret: string | undefined }): KeyAccess {
  const { client, told } = apiOf({ url, secret });
  const { keys } = client;
  return {
    create: (key) => told(keys.create(key)),
    list: () => everyPage((cursor) => told(keys.list({ limit: PAGE, ...(cursor !== null && { cursor }) }))),
    revoke: (id) => told(keys.revoke(id)),
    close: async () => {},
  };
}

/** In Redis itself. Whoever can write there can do anything anyway. */
export function keysInStore(redis: RedisTarget): KeyAccess {
  const store = openStore({ redis });
  const read = async (id: string): Promise<ApiKey> => {
    const key = await store.getKey(id);
    if (key === null) throw new Error(`there is no API key ${id}`);
    return key;
  };
  return {
    async create(key) {
      const { id, secret, digest } = newKeySecret();
      const made = await store.createKey({ ...key, expiresAt: key.expiresAt ?? null, id, digest, actor: COMMAND_LINE });
      if (!made.ok) throw new Error(made.refusal.message);
      return { key: await read(id), secret, notice: null };
    },
    list: () => everyPage((cursor) => store.listKeys({ limit: PAGE, ...(cursor !== null && { cursor }) })),
    async revoke(id) {
      const revoked = await store.revokeKey(id, { actor: COMMAND_LINE });
      if (!revoked.ok) throw new Error(revoked.refusal.message);
      return read(id);
    },
    close: () => store.close(),
  };
}
