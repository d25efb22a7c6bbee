/** A Redis Cluster of real servers: three masters with a third of the slots each, and a replica of the last one. */
import { type EmbeddedRedis, freePort, startEmbeddedRedis } from '@countersign/store';
import { Redis } from 'ioredis';
import { vi } from 'vitest';

const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;
/** ms after which a node that says nothing counts as gone */
const NODE_TIMEOUT_MS = 1_000;

export interface ClusterNode {
  server: EmbeddedRedis;
  client: Redis;
}

export interface TestCluster {
  /** names the first two nodes */
  url: string;
  masters: readonly ClusterNode[];
  /** of the last master */
  replica: ClusterNode;
  /** Waits until the replica has all that its master has. */
  replicated(): Promise<void>;
  stop(): Promise<void>;
}

async function startNode(): Promise<ClusterNode & { busPort: number }> {
  // Nodes talk to each other on a port of their own; without a setting it is 10,000 above, which may be none.
  const busPort = await freePort();
  const server = await startEmbeddedRedis({
    settings: {
      'cluster-enabled': 'yes',
      'cluster-port': String(busPort),
      'cluster-node-timeout': String(NODE_TIMEOUT_MS),
      'cluster-require-full-coverage': 'no',
    },
  });
  const client = new Redis(server.url, { retryStrategy: () => 100 });
  client.on('error', () => {});
  return { server, client, busPort };
}

/** Waits until what is asked for suits. */
const until = (ask: () => Promise<unknown>, suits: RegExp): Promise<void> =>
  vi.waitFor(
    async () => {
      const answer = String(await ask());
      if (!suits.test(answer)) throw new Error(`not yet ${suits}: ${answer}`);
    },
    { timeout: 20_000, interval: 50 },
  );

const infoOf = async (client: Redis, field: string): Promise<string | undefined> =>
  new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await client.info('replication'))?.[1];

export async function startTestCluster(): Promise<TestCluster> {
  const nodes = await Promise.all(Array.from({ length: SLOTS.length + 1 }, startNode));
  const stop = async (): Promise<void> => {
    for (const { client } of nodes) client.disconnect();
    await Promise.all(nodes.map(({ server }) => server.stop()));
  };
  try {
    const masters = nodes.slice(0, SLOTS.length);
    const [first, last, replica] = [nodes[0], masters.at(-1), nodes.at(-1)] as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    for (const { server, busPort } of nodes.slice(1)) await first.client.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    await Promise.all(masters.map(({ client }, at) => client.call('CLUSTER', 'ADDSLOTSRANGE', ...(SLOTS[at] as readonly number[]))));
    const masterId = String(await last.client.call('CLUSTER', 'MYID'));
    await until(() => replica.client.call('CLUSTER', 'NODES'), new RegExp(masterId));
    await replica.client.call('CLUSTER', 'REPLICATE', masterId);
    for (const { client } of nodes) {
      await until(() => client.cluster('INFO'), /cluster_state:ok.*cluster_slots_assigned:16384.*cluster_known_nodes:4/s);
      // Each has heard who is whose replica: a master that has not would not vote for it.
      await until(() => client.call('CLUSTER', 'NODES'), /\bslave\b/);
    }
    await until(() => infoOf(replica.client, 'master_link_status'), /^up$/);
    return {
      url: nodes
        .slice(0, 2)
        .map(({ server }) => server.url)
        .join(','),
      masters,
      replica,
      async replicated() {
        const offset = await infoOf(last.client, 'master_repl_offset');
        await until(async () => Number(await infoOf(replica.client, 'slave_repl_offset')) >= Number(offset), /true/);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
