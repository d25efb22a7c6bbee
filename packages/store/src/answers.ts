/** The answers of calls that named themselves, beside what the scripts remember of them: lua/lib/idempotency.lua. */
import type { StoreConnection } from './connection.ts';
import type { Answers, Idempotency, Outcome, Replay } from './contract.ts';
import { callRecord, IDEMPOTENCY_CONFLICT, refused } from './outcome.ts';

/** What one shard knows of the calls that were carried out in it. */
export interface AnswersOfShard {
  saveAnswer(idempotency: Idempotency, answer: Parameters<Answers['saveAnswer']>[1]): ReturnType<Answers['saveAnswer']>;
  /** The home shard may know, instead, in which one the call was carried out. */
  findAnswer(idempotency: Idempotency): Promise<{ outcome: Outcome<Replay | null> } | { elsewhere: number }>;
  /** Asked of the home shard: the one that a creating call of this name is carried out in, now and when it is repeated; `shard` where it is new. */
  claimCall(idempotency: Idempotency, shard: number): Promise<number>;
}

export function answersOfShard(connection: StoreConnection): AnswersOfShard {
  const { keys, redis } = connection;
  return {
    async saveAnswer(idempotency, answer) {
      const key = keys.idempotency(callRecord(idempotency).hash);
      const [, stands] = await connection.run('save-answer', { keys: [key], id: '', args: [JSON.stringify(answer)] });
      return stands === undefined ? answer : (JSON.parse(String(stands)) as typeof answer);
    },
    async findAnswer(idempotency) {
      const key = keys.idempotency(callRecord(idempotency).hash);
      const [fingerprint, resourceId, answer, shard] = await connection.attempt(() =>
        redis.hmget(key, 'fingerprint', 'id', 'answer', 'shard'),
      );
      if (fingerprint == null) return shard == null ? { outcome: { ok: true, value: null } } : { elsewhere: Number(shard) };
      if (fingerprint !== idempotency.fingerprint) return { outcome: refused('idempotency_conflict', IDEMPOTENCY_CONFLICT) };
      const replay = { resourceId: resourceId ?? '', answer: answer == null ? null : (JSON.parse(answer) as Replay['answer']) };
      return { outcome: { ok: true, value: replay } };
    },
    async claimCall(idempotency, shard) {
      const call = callRecord(idempotency);
      const [claimed] = await connection.run('claim-call', { keys: [keys.idempotency(call.hash)], id: '', args: [shard, call.args[1]] });
      return Number(claimed);
    },
  };
}
