/**
 * Loaded into a service before its own code. At SIGUSR2 it collects garbage and says as a line of the log what is left:
 * what would have gone by itself later is no growth.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
let asked = 0;

process.on('SIGUSR2', () => {
  // What a first collection sets free may hold what only the second one finds.
  collect();
  setImmediate(() => {
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    const resources = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    asked++;
    process.stdout.write(`${JSON.stringify({ message: 'heap probed', asked, rss, heapUsed, external, resources })}\n`);
  });
});
