import { defineConfig } from 'vitest/config';
import { summaryReporter } from './scripts/summary-reporter.ts';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // These publish their sources under the condition `source`, too, which Node itself cannot load.
    server: { deps: { inline: [/@modelcontextprotocol/, /eventsource/] } },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', summaryReporter()],
  },
});
