/** Managed API keys on Redis: on the home shard, as digests. */
import type { ApiKey, Role } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { ApiKeyStore } from './contract.ts';
import { callRecord, outcomeOf, refused } from './outcome.ts';
import { idsOfPage, mergePages } from './paging.ts';
import { isoTime } from './time.ts';

/** ms that a key can still be read after it was revoked or has expired: who looks into something must find whose it was. */
const REMEMBERED_MS = 30 * 86_400_000;

function readKey(fields: Record<string, string>): ApiKey | null {
  if (fields.id === undefined) return null;
  return {
    id: fields.id,
    name: fields.name ?? '',
    roles: JSON.parse(fields.roles ?? '[]') as Role[],
    createdAt: isoTime(fields.createdAt) ?? '',
    createdBy: fields.createdBy ?? '',
    expiresAt: isoTime(fields.expiresAt),
    lastUsedAt: isoTime(fields.lastUsedAt),
    revokedAt: isoTime(fields.revokedAt),
    revokedBy: fields.revokedBy ?? null,
  };
}

export function apiKeyStore(connection: StoreConnection): ApiKeyStore {
  const { keys, redis } = connection;
  const fieldsOf = (id: string): Promise<Record<string, string>> => connection.attempt(() => redis.hgetall(keys.apiKey(id)));
  const getKey = async (id: string): Promise<ApiKey | null> => readKey(await fieldsOf(id));

  return {
    async createKey({ id, digest, name, roles, expiresAt, actor, idempotency }) {
      const call = callRecord(idempotency);
      const ends = expiresAt === null ? null : Date.parse(expiresAt);
      const fields = [
        ...['name', name, 'roles', JSON.stringify(roles), 'digest', digest, 'createdBy', actor.id],
        ...(ends === null ? [] : ['expiresAt', String(ends)]),
      ];
      const reply = await connection.run('create-key', {
        keys: [keys.apiKey(id), keys.idempotency(call.hash)],
        id,
        args: [...call.args, JSON.stringify(fields), ends === null ? '' : ends + REMEMBERED_MS],
      });
      return outcomeOf(reply, { id, what: 'API key', verb: 'create' });
    },
    getKey,
    async findKey(id) {
      const fields = await fieldsOf(id);
      const key = readKey(fields);
      return key === null || fields.digest === undefined ? null : { key, digest: fields.digest };
    },
    async listKeys({ limit, cursor }) {
      const { ids, nextCursor } = mergePages([await idsOfPage(connection, keys.apiKeys, { limit, cursor })], limit);
      const found = await Promise.all(ids.map(getKey));
      // Redis forgets a key by itself, but not its place in the index.
      const forgotten = ids.filter((_id, at) => found[at] === null);
      if (forgotten.length > 0) await connection.attempt(() => redis.zrem(keys.apiKeys, ...forgotten));
      return { items: found.filter((key) => key !== null), nextCursor };
    },
    async revokeKey(id, { actor }) {
      const [word] = await connection.run('revoke-key', { keys: [keys.apiKey(id)], id, args: [actor.id, REMEMBERED_MS] });
      return word === 'ok' ? { ok: true, value: null } : refused('not_found', `there is no API key ${id}`);
    },
    async noteKeyUse(id) {
      await connection.run('note-key-use', { keys: [keys.apiKey(id)], id });
    },
  };
}
