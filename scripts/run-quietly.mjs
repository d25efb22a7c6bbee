// Runs a program and keeps its noise in a log that is shown only when it fails.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SHOWN_CHARACTERS = 20_000;

const environment = (cwd, extra) => ({
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  ...extra,
  PATH: `${join(cwd, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`,
});

/** Ends with the exit code of the program, 1 when it could not be started or was killed. Its output goes where ours goes. */
export function run(program, args, { cwd, env = {} }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: environment(cwd, env), stdio: 'inherit' });
    // In a terminal Ctrl-C reaches the child by itself; what only we are sent is passed on. Either way its end is ours.
    const pass = (signal) => child.kill(signal);
    const ignore = () => {};
    process.on('SIGTERM', pass).on('SIGINT', ignore);
    const end = (code) => {
      process.off('SIGTERM', pass).off('SIGINT', ignore);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`${program}: ${error.message}`);
      end(1);
    });
    child.on('close', (code) => end(code ?? 1));
  });
}

/** Resolves when the program has ended with 0; otherwise shows its output and throws. `log` names a file below .countersign/logs. */
export async function runQuietly(program, args, { cwd, env = {}, log }) {
  const folder = join(cwd, '.countersign', 'logs');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, log);
  const file = createWriteStream(path);
  const code = await new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: environment(cwd, env), stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    const pass = (signal) => child.kill(signal);
    process.on('SIGTERM', pass);
    child.on('error', (error) => file.write(`${program}: ${error.message}\n`, () => resolve(1)));
    child.on('close', (exit) => {
      process.off('SIGTERM', pass);
      resolve(exit ?? 1);
    });
  });
  await new Promise((resolve) => file.end(resolve));
  if (code === 0) return;
  console.error(readFileSync(path, 'utf8').slice(-SHOWN_CHARACTERS));
  throw new Error(`${[program, ...args].join(' ')} ended with ${code}`);
}
