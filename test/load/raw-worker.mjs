/** A plain BullMQ worker that does nothing: what the bench compares with. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const worker = new Worker('raw', async () => ({}), {
  connection,
  prefix: '{raw}:bull',
  concurrency: Number(process.env.CONCURRENCY),
  removeOnComplete: { count: 1000 },
  removeOnFail: { count: 1000 },
});
await worker.waitUntilReady();
process.send?.('ready');
process.on('disconnect', () => process.exit(0));
