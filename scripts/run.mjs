// npm run demo | start | countersign | build | test | test:compose | test:faults | test:fuzz | check | bench | fix: brings the checkout into order first, then runs.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { auditPart } from './audit.mjs';
import { faultOptions } from './fault-options.mjs';
import { findCompose } from './find-compose.mjs';
import { fuzzOptions } from './fuzz-options.mjs';
import { installIfNeeded } from './install.mjs';
import { run, runQuietly } from './run-quietly.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NEEDED = [20, 19];

const build = () =>
  runQuietly('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], { cwd: ROOT, log: 'build.log' });

/** The gate: every part runs, so that one look shows all that is wrong. */
async function check(args) {
  const failed = [];
  const part = async (name, start) => {
    console.log(`\n== ${name}`);
    const ok = await start().catch((error) => {
      console.error(error.message);
      return 1;
    });
    if (ok !== 0) failed.push(name);
  };
  await part('format and lint', () => run('biome', ['check', '--error-on-warnings'], { cwd: ROOT }));
  await part('types', () => run('tsc', ['--noEmit', '-p', 'tsconfig.json'], { cwd: ROOT }));
  await part('unused code and dependencies', () => run('knip', [], { cwd: ROOT }));
  await part('known vulnerabilities', () => auditPart(ROOT));
  await part('build', () => build().then(() => 0));
  await part('tests', () => run('vitest', ['run', ...args], { cwd: ROOT }));
  if (failed.length > 0) console.error(`\ncheck failed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

async function cli(args) {
  await build();
  const { main } = await import('../packages/cli/dist/index.js');
  return main(args);
}

const COMMANDS = {
  demo: (args) => cli(['demo', ...args]),
  start: (args) => cli(['start', ...args]),
  countersign: cli,
  build: () => build().then(() => 0),
  async test(args) {
    await build();
    return run('vitest', ['run', ...args], { cwd: ROOT });
  },
  async 'test:compose'(args) {
    const found = findCompose();
    if (found.command === null) {
      console.log(`test:compose is skipped: ${found.reason}`);
      return 0;
    }
    return run('vitest', ['run', '--config', 'test/compose/vitest.config.ts', ...args], {
      cwd: ROOT,
      env: { COMPOSE_COMMAND: found.command },
    });
  },
  async 'test:faults'(args) {
    const { env, problems } = faultOptions(args);
    if (problems.length > 0) {
      for (const problem of problems) console.error(problem);
      return 64;
    }
    await build();
    return run('vitest', ['run', '--project', 'faults', '--reporter', 'default'], { cwd: ROOT, env });
  },
  async 'test:fuzz'(args) {
    const { env, problems } = fuzzOptions(args);
    if (problems.length > 0) {
      for (const problem of problems) console.error(problem);
      return 64;
    }
    await build();
    return run('vitest', ['run', '--project', 'suite', 'test/fuzz/fuzz.test.ts', 'test/e2e/limits.test.ts', '--reporter', 'default'], {
      cwd: ROOT,
      env,
    });
  },
  check,
  async bench([what, ...args]) {
    await build();
    if (what === 'locks') return run('node', ['test/locks/measure.mjs', ...args], { cwd: ROOT });
    return run('node', ['test/load/bench.mjs'], { cwd: ROOT });
  },
  fix: (args) => run('biome', ['check', '--write', ...args], { cwd: ROOT }),
};

async function main([name, ...args]) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
    console.error(`This is Node ${process.versions.node}; Countersign needs ${NEEDED.join('.')} or newer.`);
    return 1;
  }
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined;
  if (command === undefined) {
    console.error(
      `${name === undefined ? 'No command was given' : `There is no command ${name}`}; there is ${Object.keys(COMMANDS).join(', ')}.`,
    );
    return 1;
  }
  try {
    await installIfNeeded(ROOT);
    return await command(args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
