import { defineConfig } from 'vitest/config';

/** For `npm run test:compose` alone: it builds images, which no usual run of the tests should. */
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: { include: ['*.test.ts'], testTimeout: 60_000 },
});
