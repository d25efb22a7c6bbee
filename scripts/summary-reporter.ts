/** Ends a test run with one line that a person or a script can read: `12 passed, 0 failed`. */
import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

function summaryLine(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): string {
  let passed = 0;
  let skipped = 0;
  // An error outside any test, like a file that cannot be loaded, fails the run as a test does.
  let failed = unhandledErrors.length;
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const { state } of [...module.children.allTests()].map((test) => test.result())) {
      if (state === 'passed') passed++;
      else if (state === 'failed') failed++;
      else skipped++;
    }
  }
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function summaryReporter(): Reporter {
  let line = '0 passed, 1 failed';
  return {
    onInit() {
      // At the exit, so that nothing that vitest still has to say comes after it.
      process.once('exit', () => writeSync(1, `${line}\n`));
    },
    onTestRunEnd(modules, unhandledErrors) {
      line = summaryLine(modules, unhandledErrors);
    },
  };
}
