/** What the fleet can do: executors announce their tools, everybody else reads them. */
import { type ToolContract, toolContractSchema } from '@countersign/shared';
import type { StoreConnection } from './connection.ts';
import type { Announcement, ToolCatalogue } from './contract.ts';

export function toolCatalogue(connection: StoreConnection): ToolCatalogue {
  const { keys, redis } = connection;

  const announce = async (how: 'new' | 'still', { contracts = [], conditions = [], queues = [] }: Partial<Announcement>): Promise<void> => {
    if (contracts.length + conditions.length + queues.length === 0) return;
    const texts = contracts.flatMap((contract) => [contract.name, JSON.stringify(contract)]);
    const args = [how, ...[texts, conditions, queues].map((list) => JSON.stringify(list))];
    await connection.run('announce', { keys: [keys.tools], id: '', args });
  };

  return {
    announceTools: (contracts) => announce('new', { contracts }),
    async retractTools(names) {
      if (names.length > 0) await connection.run('retract-tools', { keys: [keys.tools], id: '', args: [...names] });
    },
    announceConditions: (conditions) => announce('new', { conditions }),
    renewAnnouncement: (announcement) => announce('still', announcement),
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
