/** What the fleet can do: executors announce their tools, everybody else reads them. */
import { type ToolContract, toolContractSchema } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { ToolCatalogue } from './contract.ts';

export function toolCatalogue(connection: StoreConnection): ToolCatalogue {
  const { keys, redis } = connection;
  return {
    async announceTools(contracts) {
      if (contracts.length === 0) return;
      await connection.attempt(() => redis.hset(keys.tools, ...contracts.flatMap((contract) => [contract.name, JSON.stringify(contract)])));
    },
    async retractTools(names) {
      if (names.length > 0) await connection.attempt(() => redis.hdel(keys.tools, ...names));
    },
    async announceConditions(names) {
      if (names.length > 0) await connection.attempt(() => redis.sadd(keys.conditions, ...names));
    },
    async listConditions() {
      return (await connection.attempt(() => redis.smembers(keys.conditions))).sort();
    },
    async listTools() {
      const stored = await connection.attempt(() => redis.hvals(keys.tools));
      const contracts: ToolContract[] = stored.map((text) => toolContractSchema.parse(JSON.parse(text)));
      return contracts.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}
