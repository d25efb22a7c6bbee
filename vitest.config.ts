import { configDefaults, defineConfig } from 'vitest/config';
import { summaryReporter } from './scripts/summary-reporter.ts';

/** A run with faults; alone, and longer, by npm run test:faults. */
const FAULTS = 'test/faults/run.test.ts';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'suite',
          include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'],
          // test/compose builds images and needs an engine: npm run test:compose.
          exclude: [...configDefaults.exclude, 'test/compose/**', FAULTS],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: [FAULTS],
          // Behind the others: how soon work goes on after a crash says nothing on a machine that is busy with something else.
          sequence: { groupOrder: 1 },
        },
      },
    ],
    pool: 'forks',
    // Libraries of tests bring an undici of their own, too, and a worker is kept for many files.
    setupFiles: ['packages/tools/src/node-fetch-first.ts'],
    // These publish their sources under the condition `source`, too, which Node itself cannot load.
    server: { deps: { inline: [/@modelcontextprotocol/, /eventsource/] } },
    // A worker that is kept loads what the files share once; what a file starts or sets, it takes back itself.
    isolate: false,
    // On two cores: many tests wait for a lock or a clock.
    maxWorkers: 4,
    testTimeout: 60_000,
    // A deadline, not a wait: what is polled for is mostly there at once, and late on a machine that is busy.
    expect: { poll: { timeout: 30_000 } },
    hookTimeout: 60_000,
    reporters: ['default', summaryReporter()],
  },
});
