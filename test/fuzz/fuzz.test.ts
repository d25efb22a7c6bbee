/**
 * Everything a client can send, at real processes: whatever it is, it is answered as documented, nothing falls over, and
 * nothing grows. In the suite a share of it; as `npm run test:fuzz` with the settings of scripts/fuzz-options.mjs.
 */
import { expect, test } from 'vitest';
import { reportOf } from './report.ts';
import { fuzz, type RunOptions } from './run.ts';
import { type MemoryOf, memoriesOf, Stage } from './stage.ts';
import { leftovers, settle } from './stored.ts';

const options: RunOptions = {
  seed: Number(process.env.FUZZ_SEED ?? 20_261),
  requests: Number(process.env.FUZZ_REQUESTS ?? 2_000),
  log: (line) => void process.stdout.write(`${line}\n`),
};
/**
 * After a third of the requests caches, series of metrics and compiled code are there; they still grow by some percent. A
 * leak of 1 kB a request would be 13 MB in 20,000 requests, a fifth of what the API holds.
 */
const HEAP_GROWTH = 1.15;
/** Bytes. A query over JSON runs in a thread of up to 256 MB, and what the largest bodies took is not given back at once. */
const RESIDENT_GROWTH = 300_000_000;
/** Such a thread ends after 20 s. */
const PATIENCE = { timeout: 60_000, interval: 1_000 };
/** Timers that a service has of its own, whatever it was asked. */
const OWN_TIMERS = 40;
const HOURS_MS = 3_600_000;

/** What somebody has to look at; lines that are no JSON are Node's own, warnings and crashes. */
const isAlarm = (line: Record<string, unknown>): boolean =>
  line.message !== 'heap probed' &&
  (line.level === undefined || line.level === 'error' || line.level === 'fatal' || /unhandled/i.test(JSON.stringify(line)));

const grown = (warm: MemoryOf, end: MemoryOf): string[] =>
  (Object.keys(warm) as (keyof MemoryOf)[]).flatMap((name) => {
    const [before, after] = [warm[name], end[name]];
    return [
      ...(after.heapUsed > before.heapUsed * HEAP_GROWTH ? [`the heap of ${name}: ${before.heapUsed} -> ${after.heapUsed} bytes`] : []),
      ...(after.rss > before.rss + RESIDENT_GROWTH ? [`what ${name} takes of memory: ${before.rss} -> ${after.rss} bytes`] : []),
      ...((after.resources.Timeout ?? 0) > OWN_TIMERS ? [`timers of ${name}: ${JSON.stringify(after.resources)}`] : []),
    ];
  });

test(
  'whatever is sent is answered as documented, and leaves the processes and what is stored as they should be',
  async () => {
    const stage = await Stage.start();
    try {
      const seen = await fuzz(stage, options);
      await settle(stage);
      let end = seen.warm;
      const growing = async (): Promise<string[]> => {
        end = await memoriesOf(stage);
        return grown(seen.warm, end);
      };
      try {
        await expect.poll(growing, PATIENCE).toEqual([]);
      } finally {
        options.log(reportOf({ seen, end, options }));
      }
      const services = Object.entries(stage.services);
      expect(seen.problems, `seed ${options.seed}`).toEqual([]);
      const alive = await Promise.all(services.map(([name, { ended }]) => Promise.race([ended().then(() => `${name} has ended`), name])));
      expect(alive).toEqual(services.map(([name]) => name));
      const alarms = services.flatMap(([name, { log }]) =>
        log()
          .filter(isAlarm)
          .map((line) => `${name}: ${JSON.stringify(line).slice(0, 2_000)}`),
      );
      expect(alarms).toEqual([]);
      // Readers that went away have been noticed.
      const streams = async (): Promise<string | undefined> => /^countersign_http_event_streams (\d+)$/m.exec(await stage.metrics())?.[1];
      await expect.poll(streams, { timeout: 20_000 }).toBe('0');
      expect(await leftovers(stage)).toEqual([]);
    } finally {
      await stage.close();
    }
  },
  4 * HOURS_MS,
);
