// Writes docs/states.md and docs/tools.md anew from the code. The test that compares them also knows how to make them.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run-quietly.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
process.exitCode = await run('vitest', ['run', 'test/docs/generated.test.ts', '--update'], { cwd: ROOT });
