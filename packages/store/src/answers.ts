/** The answers of calls that named themselves, beside what the scripts remember of them: lua/lib/idempotency.lua. */
import type { StoreConnection } from './connection.ts';
import type { Answers, Replay } from './contract.ts';
import { callRecord, IDEMPOTENCY_CONFLICT, refused } from './outcome.ts';

export function storedAnswers(connection: StoreConnection): Answers {
  const { keys, redis } = connection;
  return {
    async saveAnswer(idempotency, answer) {
      const key = keys.idempotency(callRecord(idempotency).hash);
      // Only the first answer counts: a repeated call may be here at the same time.
      await connection.attempt(() => redis.hsetnx(key, 'answer', JSON.stringify(answer)));
    },
    async findAnswer(idempotency) {
      const key = keys.idempotency(callRecord(idempotency).hash);
      const [fingerprint, resourceId, answer] = await connection.attempt(() => redis.hmget(key, 'fingerprint', 'id', 'answer'));
      if (fingerprint == null) return { ok: true, value: null };
      if (fingerprint !== idempotency.fingerprint) return refused('idempotency_conflict', IDEMPOTENCY_CONFLICT);
      return {
        ok: true,
        value: { resourceId: resourceId ?? '', answer: answer == null ? null : (JSON.parse(answer) as Replay['answer']) },
      };
    },
  };
}
